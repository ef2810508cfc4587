"""Changing what repeats: this one, this and following, or all; what is past, invoiced or used is left alone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy.orm import Session

from clinic.calendar import booking, series, statuses
from clinic.calendar.availability import OverlapError, WarnedError
from clinic.calendar.booking import Move
from clinic.calendar.terms import Wanted
from clinic.kernel import clock, locales
from clinic.kernel.errors import RefusalError, StaleError
from clinic.messages import outbox
from clinic.models.calendar import Item, Status
from clinic.practice import audit, settings
from clinic.practice.permissions import Actor

NAMED_MAX = 5  # so many dates are named in one refusal, the others are counted
_KEPT_WHEN_NONE = ("location_id", "mode", "payer_id", "bills")
_COMPARED = ("minutes", "client_id", "room_id", "is_busy", "notes", "title")


class Scope(StrEnum):
    """Name how much of a series a change is for."""

    ONE = "one"
    FOLLOWING = "following"
    ALL = "all"


SCOPE_WORDS = {Scope.ONE: "This one", Scope.FOLLOWING: "This and following", Scope.ALL: "All of them"}


@dataclass(frozen=True)
class Done:
    """Say what a change of several came to."""

    series_id: int
    changed: int
    left: int

    def sentence(self, verb: str) -> str:
        """Return it in words: "Moved 6. 4 were left alone, see below."."""
        left = f" {self.left} {'was' if self.left == 1 else 'were'} left alone: the list says why." if self.left else ""
        return f"{verb} {self.changed}.{left}"


@dataclass(frozen=True)
class _Shift:
    """Say where every date of a change goes: so many days on, and to this wall-clock time, None: each keeps its own."""

    days: int
    wall: time | None
    timezone: str

    def of(self, starts_at: datetime) -> datetime:
        """Return the new start.

        Raises:
            MissingTimeError: the clocks skip it.
        """
        there = clock.local(starts_at, self.timezone)
        if not self.days and self.wall in (None, there.time()):
            return starts_at
        return clock.instant_at(there.date() + timedelta(days=self.days), self.wall or there.time(), self.timezone)


def move(session: Session, who: Actor, item_id: int, to: Move, scope: Scope, now: datetime, *, version: int) -> Done | None:
    """Move so many of a series by the days and to the time its one moves: all or none. Must run inside `writing()`.

    Returns:
        What it came to, or nothing when it was for this one only.

    Raises:
        ClashError: someone changed it since `version`, or a new time is taken; the error names the dates.
        WarnedError: something speaks against a new time.
        MismatchError: a package no longer fits and nobody chose.
    """
    if scope is Scope.ONE:
        booking.move(session, who, item_id, to, now, version=version)
        return None
    item, targets, left = _chosen(session, who, item_id, scope, now, version)
    shift = _shift(session, item, to.starts_at)

    def moved(target: Item) -> None:
        there = replace(to, starts_at=shift.of(target.starts_at), tells=False)
        booking.move(session, who, target.id, there, now, version=target.version)

    with _telling(session, who, targets, now, notifies=to.notifies):
        _each(session, targets, moved)
    return _done(session, who, item, "moved several", scope, targets, left, now)


def edit(
    session: Session, who: Actor, item_id: int, wanted: Wanted, scope: Scope, now: datetime, *, version: int
) -> Done | None:
    """Give so many of a series what is changed on its one; what is not changed stays as each has it.

    Must run inside `writing()`.

    Raises:
        ClashError: someone changed it since `version`, or a new time is taken; the error names the dates.
        WarnedError: something speaks against a new time.
        MismatchError: a package no longer fits and nobody chose.
        RefusalError: a rule does not hold.
    """
    if scope is Scope.ONE:
        booking.edit(session, who, item_id, wanted, now, version=version)
        return None
    item, targets, left = _chosen(session, who, item_id, scope, now, version)
    if (wanted.type_id, wanted.practitioner_id, wanted.group_id) != (item.type_id, item.practitioner_id, item.group_id):
        raise RefusalError("Type and group stay as booked. Cancel this one and book another.", field="type")
    changes = _changes(session, item, wanted)
    shift = _shift(session, item, wanted.starts_at)

    def edited(target: Item) -> None:
        own = series.wanted_of(target, booking.kept_of(session, target))
        mine = replace(own, **changes, starts_at=shift.of(target.starts_at), tells=False)
        booking.edit(session, who, target.id, mine, now, version=target.version)

    with _telling(session, who, targets, now, notifies=wanted.notifies):
        _each(session, targets, edited)
    return _done(session, who, item, "changed several", scope, targets, left, now)


def cancel(
    session: Session,
    who: Actor,
    item_id: int,
    status: Status,
    scope: Scope,
    now: datetime,
    *,
    attendee_id: int | None = None,
    reason: str = "",
    bills_cents: int | None = None,
    notifies: bool = True,
) -> Done | None:
    """Cancel so many of a series, or this one or an attendee's place in it. Must run inside `writing()`.

    Late cancelled is meant for what lies inside the practice's window; what lies beyond it is cancelled by the client.
    """
    if scope is Scope.ONE or attendee_id is not None:
        statuses.set_status(
            session, who, item_id, status, now, attendee_id=attendee_id, reason=reason, bills_cents=bills_cents,
            notifies=notifies,
        )  # fmt: skip
        return None
    item, targets, left = _chosen(session, who, item_id, scope, now, None)
    if status not in (*statuses.CANCELLED, Status.LATE_CANCELLED):
        raise RefusalError("Choose how it was cancelled.", field="status")
    practice = settings.practice(session)
    with _telling(session, who, targets, now, notifies=notifies):
        for target in targets:
            is_early = status is Status.LATE_CANCELLED and not statuses.is_late(practice, target.starts_at, now)
            own, cents = (Status.CANCELLED_BY_CLIENT, None) if is_early else (status, bills_cents)
            statuses.set_status(session, who, target.id, own, now, reason=reason, bills_cents=cents, tells=False)
    return _done(session, who, item, "cancelled several", scope, targets, left, now)


def delete(session: Session, who: Actor, item_id: int, scope: Scope, now: datetime, *, notifies: bool = True) -> Done | None:
    """Take so many of a series out of the calendar. Must run inside `writing()`."""
    if scope is Scope.ONE:
        booking.delete(session, who, item_id, now, notifies=notifies)
        return None
    item, targets, left = _chosen(session, who, item_id, scope, now, None)
    with _telling(session, who, targets, now, notifies=notifies):
        for target in targets:
            booking.delete(session, who, target.id, now, tells=False)
    return _done(session, who, item, "deleted several", scope, targets, left, now)


@contextmanager
def _telling(session: Session, who: Actor, targets: list[Item], now: datetime, *, notifies: bool) -> Iterator[None]:
    """Tell each client once of all that changes inside."""
    before = [(target, outbox.standing(target)) for target in targets]
    yield
    outbox.tell_all(session, who, before, now, notifies=notifies)


def _chosen(
    session: Session, who: Actor, item_id: int, scope: Scope, now: datetime, version: int | None
) -> tuple[Item, list[Item], int]:
    """Return the one that was opened, those the change is for, and how many of that scope are left alone."""
    item = booking.item_for(session, who, item_id)
    if item.series_id is None:
        raise RefusalError("This does not repeat.", field="scope")
    if version is not None and item.version != version:
        raise StaleError
    meant = [
        each for each in series.items_of(session, item.series_id) if scope is Scope.ALL or each.starts_at >= item.starts_at
    ]
    left = series.why_left(session, who, meant, now)
    targets = [each for each in meant if each.id not in left]
    if not targets:
        raise RefusalError("Nothing to change: all of them are past, invoiced, used or cancelled.", field="scope")
    return item, targets, len(meant) - len(targets)


def _shift(session: Session, item: Item, starts_at: datetime) -> _Shift:
    timezone = settings.house(session).timezone
    was, is_now = clock.local(item.starts_at, timezone), clock.local(starts_at, timezone)
    wall = is_now.time() if is_now.time() != was.time() else None
    return _Shift((is_now.date() - was.date()).days, wall, timezone)


def _changes(session: Session, item: Item, wanted: Wanted) -> dict[str, Any]:
    kept = booking.kept_of(session, item)
    own = series.wanted_of(item, kept)
    found = {name: getattr(wanted, name) for name in _COMPARED if getattr(wanted, name) != getattr(own, name)}
    as_is = {"location_id": item.location_id, "mode": item.mode, "payer_id": kept.payer_id, "bills": kept.bills}
    for name in _KEPT_WHEN_NONE:
        if getattr(wanted, name) not in (None, as_is[name]):
            found[name] = getattr(wanted, name)
    if (wanted.fee_id, wanted.fee_cents) not in ((None, None), (kept.price.fee_id, kept.price.cents)):
        found |= {"fee_id": wanted.fee_id, "fee_cents": wanted.fee_cents}
    for name in ("uses_package", "overrides_warnings", "accepts_unpaid", "package_choice", "notifies"):
        found[name] = getattr(wanted, name)
    return found


def _each(session: Session, targets: list[Item], change: Callable[[Item], None]) -> None:
    """Change one after another as if none of them stood in another's way, and name every date that cannot be.

    All let go of their time first (`is_blocking`), and each takes it back as it is written, so that a series may move onto
    its own old times.
    """
    house = settings.house(session)
    for target in targets:
        target.is_blocking = False
    session.flush()
    clashes: list[str] = []
    warnings: list[str] = []
    for target in targets:
        day = locales.day(house.local_date(target.starts_at), house.locale, weekday=True, year=False)
        try:
            change(target)
        except OverlapError as error:
            clashes.append(f"{day}: {error.message}")
        except WarnedError as error:
            warnings += [f"{day}: {words}" for words in error.warnings]
        except clock.MissingTimeError as error:
            clashes.append(f"{day}: {error.message}")
    if clashes:
        raise OverlapError(_some(clashes))
    if warnings:
        raise WarnedError([_some(warnings)])


def _some(found: list[str]) -> str:
    more = len(found) - NAMED_MAX
    return " ".join(found[:NAMED_MAX]) + (f" And {more} more." if more > 0 else "")


def _done(
    session: Session, who: Actor, item: Item, verb: str, scope: Scope, targets: list[Item], left: int, now: datetime
) -> Done:
    assert item.series_id is not None
    audit.record(session, who, verb, "series", item.series_id, now, scope=scope.value, item_ids=[each.id for each in targets],
                 left=left)  # fmt: skip
    return Done(item.series_id, len(targets), left)
