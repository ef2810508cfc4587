"""What tests buy online: the page is on, a package is enabled, ordered, and paid as the processor would tell it."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from clinic.billing import packages, purchases, storefront, visits
from clinic.billing.packages import FeeRow, Template
from clinic.billing.processor import Purchase, Visit
from clinic.billing.storefront import Order
from clinic.models.billing import ExpiryUnit, Package, PackageKind
from clinic.models.online import OnlinePurchase
from clinic.models.practice import Practice
from clinic.practice.permissions import CLOCK
from tests.cast import NOW, Cast

BUYER = {"first_name": "Bruno", "last_name": "Buyer", "email": "Bruno@post.example", "phone": "1"}


def on_sale(session: Session, cast: Cast) -> Package:
    """Switch the page on and sell five sessions and a workbook for $650 there, with Pat at Harbour Street."""
    session.get_one(Practice, 1).is_online_booking_on = True
    rows = (FeeRow(cast.therapy_fee_id, 5), FeeRow(cast.workbook_fee_id, 1))
    template = Template(
        "Five sessions", rows, kind=PackageKind.PACKAGED, price_cents=65_000, terms="No refunds.", expires_after=6,
        expires_unit=ExpiryUnit.MONTHS, practitioner_ids=(cast.pat_id,), is_online=True,
    )  # fmt: skip
    return packages.save(session, cast.olga, template, NOW)


def ordered(session: Session, package: Package, now: datetime = NOW, **other: object) -> OnlinePurchase:
    """Order a package and open the processor's page."""
    asked = BUYER | {"agrees": True, "seen_cents": storefront.ware(session, package.id).total_cents} | other
    made = storefront.order(session, CLOCK, Order(package_id=package.id, **asked), now)  # type: ignore[arg-type]
    wanted = Purchase(f"cus_online_{made.id}", "USD", made.total_cents, "x", "", "", now + timedelta(minutes=31))
    assert purchases.begin(session, made.token, f"cs_{made.id}", wanted, now)
    assert not purchases.begin(session, made.token, "cs_other", wanted, now), "one visit to a purchase"
    return made


def visit(made: OnlinePurchase, *, is_paid: bool = True) -> Visit:
    """Return the visit to the processor's page as it ended."""
    intent = f"pi_online_{made.id}" if is_paid else None
    return Visit(f"cs_{made.id}", f"cus_online_{made.id}", made.total_cents, intent, "4242", "", is_paid, is_over=True)


def bought(session: Session, package: Package, now: datetime = NOW, **other: object) -> OnlinePurchase:
    """Buy a package."""
    made = ordered(session, package, now, **other)
    assert visits.book(session, visit(made), now)
    return made
