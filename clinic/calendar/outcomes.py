"""What a cancellation or a missed session would do to its money, said before anyone saves it (rulebook 1.6)."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from clinic.billing import work
from clinic.calendar import linking, seats, statuses
from clinic.calendar.flyout import Billing, Flyout, OnInvoice, Person
from clinic.calendar.linking import PackageLabel
from clinic.kernel.errors import NotFoundError
from clinic.models.calendar import Attendee, Item, ItemKind, Status
from clinic.models.practice import Practice
from clinic.practice import settings
from clinic.practice.settings import House


@dataclass(frozen=True)
class Way:
    """Be one status to choose, what it does to the money in words, and the amount that may be changed."""

    status: Status
    word: str
    says: str
    cents: int | None = None  # None: there is no amount to choose
    package: str = ""  # the package that the session of this amount comes from

    @property
    def value(self) -> str:
        """Return what a form posts."""
        return self.status.value

    def typed_cents(self, cents: int | None) -> int | None:
        """Return an amount only if it is another than the one that was shown."""
        return None if self.cents is None or cents == self.cents else cents


@dataclass(frozen=True)
class _Told:
    says: str
    cents: int | None = None
    package: str = ""


@dataclass(frozen=True)
class Money:
    """Hold what an item's places are billed, without the rest of its flyout."""

    billings: tuple[Billing, ...]


def money_of(session: Session, item: Item) -> Money:
    """Return what a loaded item's places are billed: as much of it as says what becomes of it."""
    billed = [seat for seat in item.attendees if seat.is_billed]
    shares = work.shares_of(session, [seat.id for seat in billed])
    lines = work.live_lines(session, [share.id for share in shares])
    held = linking.held_lines(session, [seat.id for seat in billed]) if lines else {}
    invoices: dict[int, tuple[OnInvoice, ...]] = {}
    for share in shares:
        if share.id in lines:
            on = lines[share.id].invoice
            invoices[share.attendee_id] = (*invoices.get(share.attendee_id, ()), OnInvoice(on.id, on.number, "", "", 0))
    packages = {
        key: PackageLabel(sale.name, 0, 0, sale.invoice_id, sale.id, line.id, False, line.unit_cents - line.discount_cents)
        for key, (line, sale) in held.items()
    }
    return Money(
        tuple(
            Billing(
                attendee_id=seat.id, client=seat.client.name, fee=seat.fee_description, cents=seat.fee_cents,
                billed_cents=seat.fee_cents, payer="", invoices=invoices.get(seat.id, ()), package=packages.get(seat.id),
                left=0, do_not_invoice=seat.do_not_invoice,
            )
            for seat in billed
        )
    )  # fmt: skip


def ways_to_cancel(
    session: Session, item: Item, shown: Flyout, now: datetime, *, attendee_id: int | None = None
) -> tuple[Way, ...]:
    """List the ways to cancel, the likely one first: Late cancelled inside the practice's window."""
    if item.kind is ItemKind.EVENT:
        return ()
    if item.kind is ItemKind.ACTIVITY:
        return (way(session, item, shown, Status.CANCELLED_BY_PRACTICE, attendee_id=attendee_id),)
    practice = settings.practice(session)
    chosen = (Status.CANCELLED_BY_CLIENT, Status.CANCELLED_BY_PRACTICE)
    is_late = statuses.is_late(practice, item.starts_at, now)
    in_order = (Status.LATE_CANCELLED, *chosen) if is_late else (*chosen, Status.LATE_CANCELLED)
    return tuple(way(session, item, shown, status, attendee_id=attendee_id) for status in in_order)


def no_show(session: Session, item: Item, shown: Flyout, *, attendee_id: int | None = None) -> Way:
    """Say what a no show of one attendee, or of all, does to the money.

    Raises:
        NotFoundError: this kind of item knows no No show.
    """
    if Status.NO_SHOW not in statuses.allowed(item.kind):
        raise NotFoundError(f"no show of item {item.id}")
    return way(session, item, shown, Status.NO_SHOW, attendee_id=attendee_id)


def person_of(shown: Flyout, attendee_id: int | None) -> Person | None:
    """Return the one of a group that is asked about."""
    return next((person for person in shown.people if person.attendee_id == attendee_id), None)


def way(session: Session, item: Item, shown: "Flyout | Money", status: Status, *, attendee_id: int | None = None) -> Way:
    """Say what one status would do to the money of one attendee, or of all."""
    chosen = {each.id: each for each in item.attendees if attendee_id in (None, each.id)}
    practice, house = settings.practice(session), settings.house(session)
    billings = [billing for billing in shown.billings if billing.attendee_id in chosen]
    heir = _heir(item, chosen)
    told = [
        _told(status, billing, chosen[billing.attendee_id], practice, house, heir if len(shown.billings) == 1 else None)
        for billing in billings
    ]
    word = statuses.word(item.kind, status)
    if not told:
        return Way(status, word, "bills nothing")
    if len(told) == 1:
        return Way(status, word, told[0].says, told[0].cents, told[0].package)
    if len({each.says for each in told}) == 1:
        return Way(status, word, f"each {told[0].says}")
    return Way(status, word, "; ".join(f"{billing.client}: {each.says}" for billing, each in zip(billings, told, strict=True)))


def _heir(item: Item, chosen: dict[int, Attendee]) -> str | None:
    there = (each for each in item.attendees if each.id not in chosen and seats.is_there(each))
    return next((each.client.name for each in there), None)


def _told(
    status: Status,
    billing: Billing,
    attendee: Attendee,
    practice: Practice,
    house: House,
    heir: str | None,
) -> _Told:
    if billing.package and heir is not None:
        return _Told(f"keeps the session of “{billing.package.name}”, which {heir} still comes to")
    if billing.package:
        return _of_package(status, billing.package.name, billing.package.line_cents, practice, house)
    if billing.invoices:
        where = " and ".join(f"invoice {each.number}" if each.number else "its draft invoice" for each in billing.invoices)
        return _Told(f"stays on {where} as it is")
    if billing.do_not_invoice:
        return _Told("bills nothing: Do not invoice")
    if heir is not None:
        return _Told(f"the fee of {house.money(billing.cents)} passes to {heir}")
    cents = statuses.policy_cents(practice, status, billing.cents)
    if cents is None:
        return _Told("bills nothing")
    if attendee.status is status and attendee.policy_cents is not None:
        cents = attendee.policy_cents
    return _Told(f"bills {house.money(cents)}" if cents else "bills nothing", cents)


def _of_package(status: Status, name: str, line_cents: int, practice: Practice, house: House) -> _Told:
    cents = statuses.policy_cents(practice, status, line_cents)
    if cents is None:
        return _Told(f"gives the session back to “{name}”")
    if cents >= line_cents:
        return _Told(f"uses up the session of “{name}”", line_cents, name)
    bills = f"bills {house.money(cents)}" if cents else "bills nothing"
    return _Told(f"gives the session back to “{name}” and {bills}", cents, name)
