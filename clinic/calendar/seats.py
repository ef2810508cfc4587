"""The seats of an item: one for each client, the fee it carries, and whether a group is billed once or each (rulebook 1.8)."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.billing import work
from clinic.calendar import linking
from clinic.calendar.terms import NO_PRICE, Bills, Kept, Place
from clinic.calendar.types import Price
from clinic.kernel import money
from clinic.kernel.errors import RefusalError
from clinic.models.billing import InvoiceLine, InvoiceSource, Share
from clinic.models.calendar import Attendee, Item, Status
from clinic.practice.permissions import Actor

_NOT_BILLED = "Billed on another member of the group"


def made(place: Place, price: Price, now: datetime) -> Attendee:
    """Return a new seat; one that is billed carries the fee as it is now."""
    seat = Attendee(client_id=place.client_id, status=Status.BOOKED, status_at=now, is_billed=place.is_billed,
                    billing_changed_at=now)  # fmt: skip
    if place.is_billed:
        copy_price(seat, price)
    return seat


def copy_price(attendee: Attendee, price: Price) -> None:
    """Put a fee onto a seat."""
    attendee.fee_id, attendee.fee_code, attendee.fee_description = price.fee_id, price.code, price.description
    attendee.fee_cents, attendee.tax_bp = price.cents, price.tax_bp


def add_share(session: Session, attendee: Attendee, payer_id: int) -> None:
    """Bill a seat's whole fee to one payer."""
    session.add(Share(attendee_id=attendee.id, payer_id=payer_id, amount_cents=attendee.fee_cents))


def bills_of(item: Item) -> Bills | None:
    """Say whether a group's item bills once or each; None for what has a single seat."""
    if item.group_id is None or len(item.attendees) < 2:
        return None
    return Bills.EACH if all(seat.is_billed for seat in item.attendees) else Bills.ONCE


def is_there(attendee: Attendee) -> bool:
    """Say whether the attendee is expected, came, or is counted as having come."""
    return attendee.status in linking.THERE


def price_of(item: Item) -> Price:
    """Return the fee an item carries."""
    billed = next((seat for seat in item.attendees if seat.is_billed), None)
    if billed is None:
        return NO_PRICE
    return Price(billed.fee_id, billed.fee_code, billed.fee_description, billed.fee_cents, billed.tax_bp)


def kept_of(session: Session, item: Item) -> Kept:
    """Return what the item has now, as an edit may leave it."""
    shares = work.shares_of(session, [seat.id for seat in item.attendees])
    payers = {share.attendee_id: share.payer_id for share in reversed(shares)}
    places = tuple(Place(seat.client_id, payers.get(seat.id) if seat.is_billed else None) for seat in item.attendees)
    is_single = item.group_id is None and len(places) == 1
    paid = [place.payer_id for place in places if place.payer_id]
    return Kept(
        minutes=minutes_of(item),
        price=price_of(item),
        client_id=places[0].client_id if is_single else None,
        payer_id=paid[0] if len(paid) == 1 else None,
        location_id=item.location_id,
        room_id=item.room_id,
        mode=item.mode,
        places=places,
        bills=bills_of(item),
        gone_ids=frozenset(seat.client_id for seat in item.attendees if not is_there(seat)),
        share_ids=tuple(share.id for share in shares),
    )


def minutes_of(item: Item) -> int:
    """Return how long an item is."""
    return (item.ends_at - item.starts_at) // timedelta(minutes=1)


def invoiced_line(session: Session, kept: Kept) -> InvoiceLine | None:
    """Return the first live invoice line, drafts included, that bills the item; a package's line does not count."""
    lines = work.live_lines(session, kept.share_ids).values()
    return next((line for line in lines if line.invoice.source is not InvoiceSource.PACKAGE), None)


def refuse_invoiced(session: Session, kept: Kept) -> None:
    """Refuse another fee, client or payer while an invoice holds them.

    Raises:
        RefusalError: it names the invoice.
    """
    line = invoiced_line(session, kept)
    if line is None:
        return
    name = f"invoice {line.invoice.number}" if line.invoice.number else "a draft invoice"
    raise RefusalError(f"This session is on {name}. Its fee, client and Bill to stay as they are while it is.", field="fee")


def rebill(session: Session, who: Actor, item: Item, places: Sequence[Place], price: Price, now: datetime) -> None:
    """Give the item's seats the clients, fee and payers that were agreed.

    A seat that is billed no longer gives its package session back; one that is billed from now on carries the whole fee.
    """
    shares = work.shares_of(session, [seat.id for seat in item.attendees])
    for seat, place in zip(item.attendees, places, strict=True):
        seat.client_id = place.client_id
        mine = [share for share in shares if share.attendee_id == seat.id]
        if place.payer_id is None:
            if seat.is_billed:
                _free(session, who, seat, mine, now)
            continue
        is_new, seat.is_billed, seat.billing_changed_at = not seat.is_billed, True, now
        copy_price(seat, price)
        if is_new and not mine:
            add_share(session, seat, place.payer_id)
        _divide(seat, mine, place.payer_id)
    session.flush()
    for seat in item.attendees:
        session.expire(seat, ["client"])


def _divide(seat: Attendee, shares: Sequence[Share], payer_id: int) -> None:
    if not shares:
        return
    weights = [share.amount_cents for share in shares]
    parts = money.spread(seat.fee_cents, weights if any(weights) else [1] + [0] * (len(weights) - 1))
    for share, part in zip(shares, parts, strict=True):
        share.amount_cents = part
        share.payer_id = payer_id if len(shares) == 1 else share.payer_id


def _free(session: Session, who: Actor, seat: Attendee, shares: Sequence[Share], now: datetime) -> None:
    linking.give_back(session, who, seat.id, now, reason=_NOT_BILLED)
    once_on_a_line = set(session.scalars(select(InvoiceLine.share_id).where(InvoiceLine.share_id.in_([s.id for s in shares]))))
    for share in shares:
        if share.id in once_on_a_line:  # a credited line still names it
            share.amount_cents = 0
        else:
            session.delete(share)
    copy_price(seat, NO_PRICE)
    seat.is_billed, seat.policy_cents, seat.billing_changed_at = False, None, now
