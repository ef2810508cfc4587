"""What the night's tests set up: sessions given, daily invoices on, cards kept at the stand-in, payers enrolled."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import stripe
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from clinic.billing import cards, enrolments
from clinic.billing.stripe_gateway import CardFacts, StripeGateway
from clinic.demo.stripe_server import StandIn
from clinic.kernel import clock
from clinic.models.billing import Invoice, InvoiceLine, InvoiceSource, Share
from clinic.models.calendar import AppointmentType, Attendee, Item, ItemKind, Mode, Status
from clinic.models.money import Account, ChargeAttempt, LedgerTransaction, MoneyEvent, Payment, Posting
from clinic.models.practice import InvoiceCreation, JobRun, JobStatus
from clinic.practice import settings
from clinic.practice.permissions import CLOCK
from tests.cast import Cast

DAY = date(2026, 11, 18)  # a Wednesday
ZONE = "America/New_York"
NIGHT = datetime(2026, 11, 19, 5, 30, tzinfo=UTC)  # 00:30 in New York, the window of the 19th open
NOON = datetime(2026, 11, 19, 17, 0, tzinfo=UTC)

Now = Callable[[], datetime]


def at(instant: datetime) -> Now:
    """Be a clock that stands still."""
    return lambda: instant


def bills_daily(session: Session, *, since: date = date(2026, 11, 1)) -> None:
    """Switch daily invoices on."""
    practice = settings.practice(session)
    practice.invoice_creation, practice.daily_from_date = InvoiceCreation.DAILY, since
    session.flush()


def ran(session: Session, day: date, *, job: str = "end-of-day", status: JobStatus = JobStatus.DONE) -> None:
    """Say that a job ran for a date."""
    moment = clock.day_start(day + timedelta(days=1), settings.practice(session).timezone)
    session.add(JobRun(job=job, local_date=day, status=status, started_at=moment, heartbeat_at=moment, finished_at=moment,
                       done_count=0, failed_count=0))  # fmt: skip
    session.flush()


def give(
    session: Session,
    cast: Cast,
    *,
    day: date = DAY,
    hour: int = 10,
    client_id: int | None = None,
    payer_id: int | None = None,
    cents: int = 15_000,
    changed_at: datetime | None = None,
    zone: str = ZONE,
    **more: Any,
) -> Share:
    """Put a session into the calendar as booking would leave it, and return its share."""
    starts_at = clock.day_start(day, zone) + timedelta(hours=hour)
    client_id = client_id or cast.cleo_id
    type_id, kind = more.pop("type_id", cast.therapy_id), more.pop("kind", ItemKind.APPOINTMENT)
    item = Item(
        kind=kind, type_id=type_id, practitioner_id=more.pop("practitioner_id", cast.pat_id), location_id=cast.harbour_id,
        starts_at=starts_at, ends_at=starts_at + timedelta(minutes=50), created_at=starts_at - timedelta(days=3),
        changed_at=starts_at, mode=Mode.IN_PERSON, is_busy=False, is_blocking=False,
    )  # fmt: skip
    session.add(item)
    session.flush()
    attendee = Attendee(
        item_id=item.id, client_id=client_id, status=more.pop("status", Status.BOOKED), status_at=starts_at,
        fee_id=more.pop("fee_id", cast.therapy_fee_id), fee_code="90834", fee_description="Therapy, 50 minutes",
        fee_cents=cents,
        billing_changed_at=changed_at or starts_at - timedelta(days=3), **more,
    )  # fmt: skip
    session.add(attendee)
    session.flush()
    share = Share(attendee_id=attendee.id, payer_id=payer_id or payer_of(cast, client_id), amount_cents=cents)
    session.add(share)
    session.flush()
    set_committed_value(share, "attendee", attendee)
    set_committed_value(attendee, "item", item)
    set_committed_value(item, "type", session.get(AppointmentType, type_id))
    return share


def payer_of(cast: Cast, client_id: int) -> int:
    """Return whom a client of the cast bills to."""
    return cast.otto_payer_id if client_id == cast.otto_id else cast.cleo_payer_id


def with_card(session: Session, stand_in: StandIn, payer_id: int, card: str = "visa") -> str:
    """Keep a test card of the stand-in for a payer; return what the processor calls the payer."""
    sdk = stripe.StripeClient("sk_test_demo", base_addresses={"api": stand_in.url}, max_network_retries=0)
    customer = sdk.v1.customers.create({"name": "Someone"})
    kept = sdk.v1.payment_methods.attach(f"pm_card_{card}", {"customer": customer.id})
    cards.know_as(session, CLOCK, payer_id, customer.id, NIGHT)
    session.flush()
    number = kept.card
    assert number is not None
    facts = CardFacts(kept.id, number.brand, number.last4, number.exp_month, number.exp_year)
    cards.keep(session, CLOCK, customer.id, facts, NIGHT)
    return customer.id


def enrolled(session: Session, payer_id: int) -> None:
    """Enrol a payer in AutoPay."""
    enrolments.enrol(session, CLOCK, payer_id, consented_by="Herself, on paper", now=NIGHT - timedelta(days=30))


def gateway_to(stand_in: StandIn, secret: str = "") -> StripeGateway:
    """Speak to the stand-in as the application does, without the SDK's own retries."""
    return gateway_to_url(stand_in.url, secret)


def gateway_to_url(url: str, secret: str = "") -> StripeGateway:
    """Speak likewise to a stand-in of another process."""
    return StripeGateway("sk_test_demo", url, secret, retries=0)


def invoices_of(session: Session, payer_id: int | None = None) -> list[Invoice]:
    """List the daily invoices, oldest first."""
    chosen = select(Invoice).where(Invoice.source == InvoiceSource.DAILY).order_by(Invoice.id)
    return list(session.scalars(chosen if payer_id is None else chosen.where(Invoice.payer_id == payer_id)))


def lines_of(session: Session, invoice: Invoice) -> list[InvoiceLine]:
    """List the lines of an invoice in order."""
    return list(session.scalars(select(InvoiceLine).where(InvoiceLine.invoice_id == invoice.id).order_by(InvoiceLine.position)))


def attempts_of(session: Session, payer_id: int) -> list[ChargeAttempt]:
    """List the charges tried for a payer, oldest first."""
    return list(session.scalars(select(ChargeAttempt).where(ChargeAttempt.contact_id == payer_id).order_by(ChargeAttempt.id)))


def counts(session: Session) -> dict[str, int]:
    """Count what must exist exactly once."""
    paid = select(func.count()).select_from(LedgerTransaction).where(LedgerTransaction.event == MoneyEvent.PAID)
    money = select(func.count()).select_from(Posting).where(Posting.account == Account.MONEY)
    return {
        "invoices": session.scalar(select(func.count()).select_from(Invoice)) or 0,
        "issued": session.scalar(select(func.count()).select_from(Invoice).where(Invoice.number.is_not(None))) or 0,
        "payments": session.scalar(select(func.count()).select_from(Payment)) or 0,
        "paid postings": session.scalar(paid) or 0,
        "money legs": session.scalar(money) or 0,
    }


def paid_charges(stand_in: StandIn) -> list[dict[str, Any]]:
    """List the charges that moved money at the processor."""
    return [charge for charge in stand_in.charges() if charge["paid"]]
