"""What clients are written: the outbox, the wording of each kind, and what a client wants to hear."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from clinic.kernel.database import Base


class MessageKind(StrEnum):
    """Name what a message tells: a client of an appointment or the portal, a payer of money, staff of a night or a client."""

    CONFIRMATION = "confirmation"
    CHANGE = "change"
    CANCELLATION = "cancellation"
    REMINDER = "reminder"
    INVOICE = "invoice"
    STATEMENT = "statement"
    RECEIPT = "receipt"
    PAY_LINK = "pay_link"
    FAILED_PAYMENT = "failed_payment"
    CARD_EXPIRING = "card_expiring"
    TONIGHT = "tonight"
    LAST_NIGHT = "last_night"
    PACKAGE_EXPIRING = "package_expiring"
    SIGN_IN = "sign_in"
    BOUGHT_ONLINE = "bought_online"
    # To staff: what a client did by themselves in the portal or on the online booking page.
    BY_CLIENT = "by_client"
    SOLD_ONLINE = "sold_online"
    # The same of several appointments in one message: a series, or a change of many.
    CONFIRMATIONS = "confirmations"
    CHANGES = "changes"
    CANCELLATIONS = "cancellations"

    @property
    def of_one(self) -> "MessageKind":
        """Return the kind that tells the same of a single appointment."""
        return _OF_ONE.get(self, self)

    @property
    def of_several(self) -> "MessageKind":
        """Return the kind that tells the same of several appointments at once."""
        return next(several for several, one in _OF_ONE.items() if one is self)


_OF_ONE = {
    MessageKind.CONFIRMATIONS: MessageKind.CONFIRMATION,
    MessageKind.CHANGES: MessageKind.CHANGE,
    MessageKind.CANCELLATIONS: MessageKind.CANCELLATION,
}


class MessageState(StrEnum):
    """Name how far a message came. DROPPED: it will not be sent, and `last_error` says why."""

    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"
    DROPPED = "dropped"


class Message(Base):
    """Hold one message: to a client of an appointment (`item_id`), or a letter about money. Written with what it tells of."""

    __tablename__ = "messages"
    __table_args__ = (
        Index("ix_messages_state_next_try_at", "state", "next_try_at"),
        Index("ix_messages_item_id_client_id", "item_id", "client_id"),
        # A reminder is written once for one time of one appointment; sending it again on request is another row.
        Index(
            "uq_messages_reminder", "item_id", "client_id", "about_at", unique=True,
            sqlite_where=text("kind = 'reminder' AND resends_id IS NULL"),
            postgresql_where=text("kind = 'reminder' AND resends_id IS NULL"),
        ),
        CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name="sent"),
        CheckConstraint("item_id IS NULL OR client_id IS NOT NULL", name="appointment_names_client"),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[MessageKind]
    client_id: Mapped[int | None] = mapped_column(ForeignKey("clients.id"), index=True)
    item_id: Mapped[int | None] = mapped_column(ForeignKey("items.id"))  # None: a letter
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contacts.id"), index=True)  # the payer a letter goes to
    invoice_id: Mapped[int | None] = mapped_column(ForeignKey("invoices.id"), index=True)  # the document it brings
    # What must be written only once carries a key: one evening's letter to one person, one card's warning.
    once_key: Mapped[str | None] = mapped_column(unique=True)
    attachment_hash: Mapped[str | None] = mapped_column(ForeignKey("stored_documents.content_hash"))
    attachment_name: Mapped[str] = mapped_column(default="")
    to_address: Mapped[str]
    subject: Mapped[str]
    body: Mapped[str]
    ics: Mapped[str] = mapped_column(default="")
    # What the client knew of the appointment before, and what this message says of it; empty: no appointment.
    was: Mapped[str] = mapped_column(default="")
    says: Mapped[str] = mapped_column(default="")
    about_at: Mapped[datetime]  # when the appointment it is about begins
    created_at: Mapped[datetime] = mapped_column(index=True)
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    state: Mapped[MessageState] = mapped_column(default=MessageState.QUEUED)
    tries: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime]
    # Why a try failed or why it is not sent: never a name, an address or the mail server's own words.
    last_error: Mapped[str] = mapped_column(default="")
    sent_at: Mapped[datetime | None]
    resends_id: Mapped[int | None] = mapped_column(ForeignKey("messages.id"))
    # The same in every try, so that a mail program can tell a second copy.
    mail_id: Mapped[str] = mapped_column(unique=True)


class MessagePart(Base):
    """Hold one of the appointments that a message tells of together; a message about one alone has no parts."""

    __tablename__ = "message_parts"

    message_id: Mapped[int] = mapped_column(ForeignKey("messages.id"), primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"), primary_key=True, index=True)
    was: Mapped[str] = mapped_column(default="")
    says: Mapped[str] = mapped_column(default="")
    about_at: Mapped[datetime]
    # It was taken out before the message was sent: changed or put right meanwhile, or begun.
    is_left_out: Mapped[bool] = mapped_column(default=False)


class MessageTemplate(Base):
    """Hold the practice's own wording of a kind, and whether it is sent at all; without a row the usual wording holds."""

    __tablename__ = "message_templates"

    kind: Mapped[MessageKind] = mapped_column(primary_key=True)
    subject: Mapped[str]
    body: Mapped[str]
    is_on: Mapped[bool] = mapped_column(default=True)


class MessageChoice(Base):
    """Hold what one client wants to hear; without a row everything but reminders and warnings, which a client opts in to."""

    __tablename__ = "message_choices"

    client_id: Mapped[int] = mapped_column(ForeignKey("clients.id"), primary_key=True)
    confirmation: Mapped[bool] = mapped_column(default=True)
    change: Mapped[bool] = mapped_column(default=True)
    cancellation: Mapped[bool] = mapped_column(default=True)
    reminder: Mapped[bool] = mapped_column(default=False)
    package_expiring: Mapped[bool] = mapped_column(default=False)
