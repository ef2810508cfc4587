"""Clients, the contacts who can be billed or written to, and groups of clients."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from clinic.kernel.database import Base
from clinic.kernel.texts import folded
from clinic.models.practice import InvoiceCreation


class ContactKind(StrEnum):
    """Say whether a contact is a person or an organisation."""

    PERSON = "person"
    ORGANISATION = "organisation"


class ContactRole(StrEnum):
    """Name what a contact is to a client."""

    GUARDIAN = "guardian"
    PARTNER = "partner"
    REFERRER = "referrer"
    EMPLOYER = "employer"
    INSURER = "insurer"
    OTHER = "other"


class DocumentsBy(StrEnum):
    """Name how documents reach a payer by e-mail: attached as a PDF, or as a link to the portal."""

    PDF = "pdf"
    PORTAL = "portal"


class GroupKind(StrEnum):
    """Name a group of clients; couples and families bill once, a therapy group bills each."""

    COUPLE = "couple"
    FAMILY = "family"
    THERAPY = "therapy"


def _folded_name(context: Any) -> str:
    return folded(context.get_current_parameters()["name"])


class Contact(Base):
    """Hold a person or organisation that can be billed or written to; as the payer of an invoice, whom it is billed to."""

    __tablename__ = "contacts"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[ContactKind] = mapped_column(default=ContactKind.PERSON)
    name: Mapped[str]
    # What lists sort and the search compares.
    sort_name: Mapped[str] = mapped_column(index=True, default=_folded_name)
    email: Mapped[str] = mapped_column(default="")
    phone: Mapped[str] = mapped_column(default="")
    address: Mapped[str] = mapped_column(default="")
    invoice_creation: Mapped[InvoiceCreation] = mapped_column(default=InvoiceCreation.AS_PRACTICE)
    # The first local date whose work the monthly run may bill to this contact; None unless it chose Monthly for itself.
    monthly_from_date: Mapped[date | None]
    one_invoice_for_all: Mapped[bool] = mapped_column(default=False)
    documents_by: Mapped[DocumentsBy] = mapped_column(default=DocumentsBy.PDF)
    stripe_customer: Mapped[str | None] = mapped_column(unique=True)
    is_archived: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)


class Client(Base):
    """Hold who receives sessions. `contact` is the client themselves as someone who can be billed."""

    __tablename__ = "clients"

    id: Mapped[int] = mapped_column(primary_key=True)
    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id"), unique=True)
    first_name: Mapped[str]
    last_name: Mapped[str] = mapped_column(index=True)
    # What lists sort and the search compares: "last first", folded (kernel/texts).
    sort_name: Mapped[str] = mapped_column(index=True)
    birth_date: Mapped[date | None]
    default_payer_id: Mapped[int] = mapped_column(ForeignKey("contacts.id"), index=True)
    # Who mainly sees this client: a practitioner without the others' right sees own clients only.
    practitioner_id: Mapped[int | None] = mapped_column(ForeignKey("practitioners.id"), index=True)
    # What is taken off the fee of every session put on an invoice.
    discount_bp: Mapped[int] = mapped_column(default=0, server_default="0")
    notes: Mapped[str] = mapped_column(default="")
    is_archived: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)
    contact: Mapped[Contact] = relationship(lazy="raise", foreign_keys=[contact_id])

    @property
    def name(self) -> str:
        """Return the name as staff and documents write it."""
        return f"{self.first_name} {self.last_name}".strip()


class Diagnosis(Base):
    """Hold what a client is treated for: an ICD-10 code, since when, and in which order superbills list it."""

    __tablename__ = "diagnoses"
    __table_args__ = (CheckConstraint("from_date <= until_date", name="span"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    client_id: Mapped[int] = mapped_column(ForeignKey("clients.id"), index=True)
    position: Mapped[int]
    code: Mapped[str]
    description: Mapped[str]
    from_date: Mapped[date]
    until_date: Mapped[date | None]  # the last day it holds


class ClientContact(Base):
    """Hold what a contact is to a client, with the reference (claim, case, PO number) that prints on the invoice."""

    __tablename__ = "client_contacts"
    __table_args__ = (UniqueConstraint("client_id", "contact_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    client_id: Mapped[int] = mapped_column(ForeignKey("clients.id"))
    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id"), index=True)
    role: Mapped[ContactRole]
    reference: Mapped[str] = mapped_column(default="")
    contact: Mapped[Contact] = relationship(lazy="raise")


class ClientGroup(Base):
    """Hold a couple, a family or a therapy group, and which member is billed."""

    __tablename__ = "client_groups"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    sort_name: Mapped[str] = mapped_column(index=True, default=_folded_name)
    kind: Mapped[GroupKind]
    billing_client_id: Mapped[int] = mapped_column(ForeignKey("clients.id"))
    is_archived: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)
    members: Mapped[list["GroupMember"]] = relationship(lazy="raise", cascade="all, delete-orphan")


class GroupMember(Base):
    """Hold one client of one group."""

    __tablename__ = "group_members"

    group_id: Mapped[int] = mapped_column(ForeignKey("client_groups.id"), primary_key=True)
    client_id: Mapped[int] = mapped_column(ForeignKey("clients.id"), primary_key=True, index=True)
    client: Mapped[Client] = relationship(lazy="raise")
