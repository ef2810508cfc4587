"""What the flyout of one item says: who, when, what became of it, what it costs, where that is invoiced, what may be done."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.billing import packages, states, whose, work
from clinic.calendar import booking, linking, reasons, series, statuses
from clinic.calendar.linking import PackageLabel
from clinic.calendar.offer import MODE_WORDS
from clinic.calendar.reasons import Said, Told
from clinic.kernel.errors import NotFoundError
from clinic.models.billing import InvoiceLine, Share
from clinic.models.calendar import Attendee, Item, ItemKind, Status
from clinic.models.people import ClientGroup, Contact
from clinic.models.practice import Location, Practice, Practitioner, Room
from clinic.practice import settings
from clinic.practice.permissions import Actor, Permission


@dataclass(frozen=True)
class StatusWord:
    """Be one word to press, or the one that holds now."""

    value: str
    word: str
    is_current: bool

    @property
    def asks(self) -> bool:
        """Say whether it changes what is billed, so that the money is shown first."""
        return self.value in (Status.NO_SHOW, Status.CANCELLED_BY_CLIENT)


@dataclass(frozen=True)
class Person:
    """Show one attendee of a group with an own status."""

    attendee_id: int
    client_id: int
    name: str
    words: tuple[StatusWord, ...]
    status: str


@dataclass(frozen=True)
class OnInvoice:
    """Say on which invoice it stands, and what state that is in."""

    invoice_id: int
    number: str | None  # None: a draft
    state: str
    words: str
    owed_cents: int
    payer: str = ""


@dataclass(frozen=True)
class Billing:
    """Hold one fee with who it is billed to; therapy groups have several. A divided one may stand on several invoices."""

    attendee_id: int
    client: str
    fee: str
    cents: int
    billed_cents: int  # less than the fee when the place was missed or cancelled
    payer: str
    invoices: tuple[OnInvoice, ...]
    package: PackageLabel | None
    left: int  # sessions of that package that may still be booked
    do_not_invoice: bool
    may_use_package: bool = False  # a package of this client has a session left for it
    was_unlinked: bool = False  # somebody took it off that package: it uses none by itself any more
    uninvoiced: str = ""  # whose parts are on no invoice yet, where others' are

    @property
    def invoice(self) -> OnInvoice | None:
        """Return the invoice to be paid next: of several the first that owes something."""
        return next((each for each in self.invoices if each.owed_cents), self.invoices[0] if self.invoices else None)


@dataclass(frozen=True)
class Flyout:
    """Hold everything the flyout shows, and which deeds this person may do."""

    item_id: int
    version: int
    kind: ItemKind
    who: str
    client_id: int | None
    practitioner_id: int
    practitioner: str
    starts_at: datetime
    ends_at: datetime
    type_name: str
    place: str
    is_free: bool
    is_void: bool
    status: str
    words: tuple[StatusWord, ...]
    reasons: tuple[Told, ...]
    people: tuple[Person, ...]
    billings: tuple[Billing, ...]
    notes: str
    series_id: int | None
    repeats: str  # "Every week until 18 Dec, 3 of 10"
    may_change: bool
    may_see_money: bool
    may_invoice: bool
    may_bill: bool  # say what is invoiced and what is not
    may_pay: bool
    may_sell: bool
    may_link: bool = False
    opens: frozenset[int] = frozenset()  # of the invoices named here, those this person may open

    @property
    def is_silent(self) -> bool:
        """Say whether the client never hears of it."""
        return self.kind.is_silent

    @property
    def one(self) -> Billing | None:
        """Return the one fee there is, if it is one."""
        return self.billings[0] if len(self.billings) == 1 else None


def flyout_for(session: Session, who: Actor, item_id: int, now: datetime) -> Flyout:
    """Return the flyout of an item.

    Raises:
        NotFoundError: there is none, or it is not theirs.
    """
    return flyout_of(session, who, booking.item_for(session, who, item_id), now)


def flyout_of(session: Session, who: Actor, item: Item, now: datetime, *, with_billings: bool = True) -> Flyout:
    """Return the flyout of a loaded item; without its billings it is what stands over a form."""
    practice = settings.practice(session)
    named = _names(session, item)
    sees_money = who.may(Permission.SEE_INVOICES)
    may_change = who.may(Permission.BOOK)
    billings = _billings(session, item, practice, now) if sees_money and with_billings else ()
    shown = [_counted(item, attendee, practice, now) for attendee in item.attendees]
    common = shown[0] if shown and len(set(shown)) == 1 else None
    is_void = bool(item.attendees) and not any(each.status.is_live for each in item.attendees)
    return Flyout(
        item_id=item.id,
        version=item.version,
        kind=item.kind,
        who=_title(item, named.group),
        client_id=item.attendees[0].client_id if len(item.attendees) == 1 else None,
        practitioner_id=item.practitioner_id,
        practitioner=named.practitioner,
        starts_at=item.starts_at,
        ends_at=item.ends_at,
        type_name=item.type.name if item.type else "Event",
        place=_place(item, named),
        is_free=not item.is_busy,
        is_void=is_void,
        status=statuses.word(item.kind, common) if common else "",
        words=_words(item.kind, common) if shown and may_change else (),
        reasons=reasons.told(item.kind, item.attendees, named.said),
        people=_people(item, shown) if len(shown) > 1 else (),
        billings=billings,
        notes=item.notes,
        series_id=item.series_id,
        repeats=series.words_of(session, item),
        may_change=may_change,
        may_see_money=sees_money,
        may_invoice=who.may(Permission.EDIT_INVOICES) and any(_is_open(each) for each in billings),
        may_bill=who.may(Permission.EDIT_INVOICES),
        may_pay=who.may(Permission.TAKE_PAYMENTS),
        may_sell=who.may(Permission.SELL_PACKAGES) and item.kind is ItemKind.APPOINTMENT and len(shown) == 1,
        may_link=who.may(Permission.LINK_PACKAGES),
        opens=frozenset(whose.opened(session, who, _invoice_ids(billings))),
    )


@dataclass(frozen=True)
class _Names:
    practitioner: str
    location: str | None
    room: str | None
    group: str | None
    said: tuple[Said, ...]  # who set its statuses


def _names(session: Session, item: Item) -> _Names:
    query = (
        select(Practitioner.name, Location.name, Room.name, ClientGroup.name, *reasons.SAID)
        .select_from(Item)
        .join(Practitioner, Practitioner.id == Item.practitioner_id)
        .outerjoin(Location, Location.id == Item.location_id)
        .outerjoin(Room, Room.id == Item.room_id)
        .outerjoin(ClientGroup, ClientGroup.id == Item.group_id)
        .where(Item.id == item.id)
    )
    found = session.execute(reasons.beside_item(query)).all()
    if not found:
        raise NotFoundError(f"item {item.id}")
    practitioner, location, room, group = found[0][:4]
    said = tuple((detail, roles, name) for *_names, detail, roles, name in found)
    return _Names(practitioner, location, room, group, said)


def _title(item: Item, group: str | None) -> str:
    return group or ", ".join(attendee.client.name for attendee in item.attendees) or item.title


def _place(item: Item, named: _Names) -> str:
    mode = MODE_WORDS[item.mode] if item.mode else None
    room = f"room {named.room}" if named.room else None
    return ", ".join(part for part in (mode, named.location, room) if part)


def _counted(item: Item, attendee: Attendee, practice: Practice, now: datetime) -> Status:
    return statuses.counted(attendee.status, item.kind, item.ends_at, now, past_is_attended=practice.past_booked_is_attended)


def _words(kind: ItemKind, current: Status | None) -> tuple[StatusWord, ...]:
    return tuple(StatusWord(status.value, statuses.word(kind, status), status is current) for status in statuses.offered(kind))


def _people(item: Item, shown: Sequence[Status]) -> tuple[Person, ...]:
    return tuple(
        Person(
            attendee_id=attendee.id,
            client_id=attendee.client_id,
            name=attendee.client.name,
            words=tuple(
                StatusWord(status.value, statuses.word(item.kind, status), status is current)
                for status in (*statuses.offered(item.kind), Status.CANCELLED_BY_CLIENT)
            ),
            status=statuses.word(item.kind, current),
        )
        for attendee, current in zip(item.attendees, shown, strict=True)
    )


def _billings(session: Session, item: Item, practice: Practice, now: datetime) -> tuple[Billing, ...]:
    billed = [attendee for attendee in item.attendees if attendee.is_billed]
    if not billed:
        return ()
    rows = session.execute(
        select(Share, Contact.name)
        .join(Contact, Contact.id == Share.payer_id)
        .where(Share.attendee_id.in_([attendee.id for attendee in billed]))
        .order_by(Share.position, Share.id)
    ).all()
    lines = work.live_lines(session, [share.id for share, _name in rows])
    labels = linking.label_for(session, [attendee.id for attendee in billed]) if lines else {}
    counted = packages.counts(session, {label.sale_id for label in labels.values()}, now) if labels else {}
    invoiced = (
        states.of(session, {line.invoice for line in lines.values()}, settings.house(session).local_date(now)) if lines else {}
    )
    on_line = {share.attendee_id for share, _name in rows if share.id in lines}
    usable = linking.usable(session, item) if on_line < {attendee.id for attendee in billed} else []
    may_use = {each.attendee_id for each in usable}
    unlinked = {each.attendee_id for each in usable if each.was_unlinked}
    return tuple(
        Billing(
            attendee_id=attendee.id,
            client=attendee.client.name,
            fee=" ".join(part for part in (attendee.fee_code, attendee.fee_description) if part),
            cents=attendee.fee_cents,
            billed_cents=work.billed_cents(attendee, practice),
            payer=", ".join(name for share, name in rows if share.attendee_id == attendee.id),
            invoices=_on_invoices(
                [(lines[s.id], n) for s, n in rows if s.attendee_id == attendee.id and s.id in lines], invoiced
            ),
            package=labels.get(attendee.id),
            left=counted[labels[attendee.id].sale_id].remaining if attendee.id in labels else 0,
            do_not_invoice=attendee.do_not_invoice,
            may_use_package=attendee.id in may_use,
            was_unlinked=attendee.id in unlinked,
            uninvoiced=", ".join(n for s, n in rows if s.attendee_id == attendee.id and s.id not in lines)
            if attendee.id in on_line
            else "",
        )
        for attendee in billed
    )


def _on_invoices(lines: Sequence[tuple[InvoiceLine, str]], invoiced: dict[int, states.State]) -> tuple[OnInvoice, ...]:
    found = []
    for line, payer in lines:
        invoice, state = line.invoice, invoiced[line.invoice.id]
        owed = state.owed_cents if invoice.issued_at else 0
        found.append(OnInvoice(invoice.id, invoice.number, state.word, state.words, owed, payer))
    return tuple(found)


def _invoice_ids(billings: Sequence[Billing]) -> set[int]:
    packs = {billing.package.invoice_id for billing in billings if billing.package}
    return packs | {each.invoice_id for billing in billings for each in billing.invoices}


def _is_open(billing: Billing) -> bool:
    return (not billing.invoices or bool(billing.uninvoiced)) and not billing.do_not_invoice and billing.billed_cents > 0
