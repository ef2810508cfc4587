"""What is bought on the online booking page: a package offered at a price, by whom, and what became of it."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from clinic.kernel.database import Base


class PurchaseStatus(StrEnum):
    """Name what became of an online purchase. STRANDED: it is paid, but no invoice could be made, so staff must see to it."""

    OPEN = "open"
    SOLD = "sold"
    STRANDED = "stranded"
    ENDED = "ended"


class OnlinePurchase(Base):
    """Hold one purchase from the moment the processor's page is opened: what was offered then is what is sold."""

    __tablename__ = "online_purchases"
    __table_args__ = (
        CheckConstraint("(status = 'sold') = (invoice_id IS NOT NULL)", name="sold"),
        CheckConstraint("status NOT IN ('sold', 'stranded') OR client_id IS NOT NULL", name="paid_by_someone"),
        CheckConstraint("total_cents > 0", name="positive"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    token: Mapped[str] = mapped_column(unique=True)  # the secret address at which the buyer books the sessions
    status: Mapped[PurchaseStatus] = mapped_column(default=PurchaseStatus.OPEN, index=True)
    package_id: Mapped[int] = mapped_column(ForeignKey("packages.id"), index=True)
    practitioner_id: Mapped[int] = mapped_column(ForeignKey("practitioners.id"))
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id"))
    # Name, terms, life and lines as they were offered; the template may change meanwhile.
    offered: Mapped[dict[str, Any]] = mapped_column(JSON)
    total_cents: Mapped[int]
    currency: Mapped[str]
    first_name: Mapped[str]
    last_name: Mapped[str]
    email: Mapped[str]
    phone: Mapped[str] = mapped_column(default="")
    agreed_at: Mapped[datetime | None]  # when the terms were agreed to; None: there were none
    # Whose it is: who was signed in to the portal, or after payment the client it was sold to.
    client_id: Mapped[int | None] = mapped_column(ForeignKey("clients.id"), index=True)
    is_new_client: Mapped[bool] = mapped_column(default=False)  # made by this purchase: staff look for a double
    invoice_id: Mapped[int | None] = mapped_column(ForeignKey("invoices.id"), unique=True)
    created_at: Mapped[datetime] = mapped_column(index=True)
    paid_at: Mapped[datetime | None]
    trouble: Mapped[str] = mapped_column(default="")  # why it is stranded
    settled_at: Mapped[datetime | None]  # when staff said that they have seen to it by hand
    settled_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
