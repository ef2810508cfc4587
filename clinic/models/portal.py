"""The client portal: who may enter it under which e-mail address, the links that open it, and who is in it now."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from clinic.kernel.database import Base


class PortalAccess(Base):
    """Hold that an e-mail address may open one client's portal, from when to when; an ended one stays as history."""

    __tablename__ = "portal_accesses"
    __table_args__ = (
        Index("ix_portal_accesses_email", "email"),
        Index(
            "uq_portal_accesses_live", "client_id", "email", unique=True,
            sqlite_where=text("ended_at IS NULL"), postgresql_where=text("ended_at IS NULL"),
        ),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(primary_key=True)
    client_id: Mapped[int] = mapped_column(ForeignKey("clients.id"))
    email: Mapped[str]  # as people/portal_access folds it
    granted_at: Mapped[datetime]
    granted_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    signed_in_at: Mapped[datetime | None]  # the last time it was used
    ended_at: Mapped[datetime | None]
    ended_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class PortalLink(Base):
    """Hold a sign-in link as it left in a message: only what is needed to check it. Every try at sending has its own."""

    __tablename__ = "portal_links"
    __table_args__ = (CheckConstraint("created_at <= ends_at", name="span"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    message_id: Mapped[int] = mapped_column(ForeignKey("messages.id"), index=True)
    email: Mapped[str]
    created_at: Mapped[datetime]
    ends_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]


class PortalSession(Base):
    """Hold one sign-in to the portal, never mixed with those of staff. Its cookie carries the token; only its hash is here."""

    __tablename__ = "portal_sessions"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    email: Mapped[str]
    # Whose portal is open; None: the address has several clients, and none is chosen yet.
    access_id: Mapped[int | None] = mapped_column(ForeignKey("portal_accesses.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(index=True)
    seen_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    address: Mapped[str] = mapped_column(default="")  # where it came from on the network
