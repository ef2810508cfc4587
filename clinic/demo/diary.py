"""The made-up practice's diary: what is booked when, and what became of it, as a list of deeds in time order."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy.orm import Session

from clinic.calendar import booking, statuses
from clinic.calendar.terms import Wanted
from clinic.demo import people
from clinic.demo.house import TIMEZONE, World
from clinic.demo.moments import Moment
from clinic.demo.people import Staff
from clinic.kernel import clock
from clinic.models.calendar import Mode, Status

WEEKS_BEFORE, WEEKS_AFTER = 8, 4
THIN_WEEKS = 10  # before that, a session now and then
BOOKED_AHEAD = timedelta(days=10)


@dataclass
class Diary:
    """Draw up what happens; the same draw for the same day."""

    world: World
    now: datetime
    dice: random.Random

    @property
    def today(self) -> date:
        """Return the practice's own today."""
        return clock.local_date(self.now, TIMEZONE)

    def moments(self) -> Iterator[Moment]:
        """Yield everything booked from the thin weeks to four weeks from now, and what became of the past."""
        for index, one in enumerate(people.STAFF):
            for offset in range(-7 * (WEEKS_BEFORE + THIN_WEEKS), 7 * WEEKS_AFTER + 1):
                day = self.today + timedelta(days=offset)
                if day.weekday() in one.weekdays:
                    yield from self._day(index, one, day, is_thin=offset < -7 * WEEKS_BEFORE)

    def _day(self, index: int, one: Staff, day: date, *, is_thin: bool) -> Iterator[Moment]:
        week = day.toordinal() // 7
        for slot, wall in enumerate(one.starts):
            chance = self.dice.random()
            if chance < (0.92 if is_thin else 0.1):
                continue
            within = (day.weekday() * len(one.starts) + slot + (week % 2) * 10) % people.PER_PRACTITIONER
            yield from self._session(index, one, day, wall, index * people.PER_PRACTITIONER + within)
        if not is_thin:
            yield from self._besides(index, day)

    def _session(self, index: int, one: Staff, day: date, wall: str, client: int) -> Iterator[Moment]:
        starts_at = clock.instant_at(day, time.fromisoformat(wall), TIMEZONE)
        type_name = "Intake 50" if one.type_name == "Therapy 50" and self.dice.random() < 0.04 else one.type_name
        rooms = self.world.room_ids[one.location]
        drawn = self.dice.random()
        mode = Mode.IN_PERSON if one.type_name == "Physio 45" or drawn > 0.25 else Mode.VIDEO if drawn > 0.08 else Mode.PHONE
        wanted = self._wanted(
            index, type_name, starts_at, 45 if type_name == "Physio 45" else 50, mode=mode,
            client_id=self.world.client_ids[client],
            room_id=rooms[index % len(rooms)] if mode is Mode.IN_PERSON else None,
        )  # fmt: skip
        yield from self._booked(wanted, self._fate(starts_at))

    def _besides(self, index: int, day: date) -> Iterator[Moment]:
        """Yield what a day holds beside single sessions: groups, Activities and free-form events."""
        at = clock.instant_at(day, time(17, 0) if index != 1 else time(15, 15), TIMEZONE)
        lunch = clock.instant_at(day, time(12, 0), TIMEZONE)
        weekday = day.weekday()
        if index == 0 and weekday in (1, 3):
            client = (11, 15, 3)[day.toordinal() % 3]
            yield from self._activity(index, "Case review", lunch, 60, client, bill_to=self.world.organisation_ids[client])
        elif index == 0 and weekday == 2:
            yield from self._activity(index, "Letter to referrer", lunch + timedelta(hours=2), 30, 12, is_busy=False)
        elif index == 2 and weekday == 4:
            wanted = self._wanted(index, "Group 90", lunch + timedelta(hours=1) - timedelta(minutes=10), 60, group=2)
            yield from self._booked(wanted, self._fate(wanted.starts_at), minutes=90, wall=time(18, 0), day=day)
        elif index == 2 and weekday == 5:
            wanted = self._wanted(index, "Couple 80", at, 80, group=0)
            yield from self._booked(wanted, self._fate(at), minutes=80, wall=time(18, 0), day=day)
        elif index == 2 and weekday == 2:
            yield from self._activity(index, "Call school", lunch + timedelta(hours=1), 20, 42)
        elif index == 1 and weekday == 0:
            event = Wanted(None, self.world.practitioner_ids[index], at, 45, title="Supervision", overrides_warnings=True)
            yield from self._booked(event, None)

    def _activity(
        self,
        index: int,
        name: str,
        at: datetime,
        minutes: int,
        client: int,
        *,
        is_busy: bool = True,
        bill_to: int | None = None,
    ) -> Iterator[Moment]:
        wanted = self._wanted(
            index, name, at, minutes, client_id=self.world.client_ids[client], is_busy=is_busy, payer_id=bill_to
        )
        yield from self._booked(wanted, None)

    def _wanted(self, index: int, name: str, at: datetime, minutes: int, *, group: int | None = None, **rest: object) -> Wanted:
        return Wanted(
            type_id=self.world.type_ids[name], practitioner_id=self.world.practitioner_ids[index], starts_at=at,
            minutes=minutes, group_id=self.world.group_ids[group] if group is not None else None, overrides_warnings=True,
            notifies=False,  # all of it was told long ago
            **rest,  # type: ignore[arg-type]
        )  # fmt: skip

    def _booked(
        self,
        wanted: Wanted,
        fate: Status | None,
        *,
        minutes: int | None = None,
        wall: time | None = None,
        day: date | None = None,
    ) -> Iterator[Moment]:
        if wall is not None and day is not None and minutes is not None:
            wanted = _at(wanted, clock.instant_at(day, wall, TIMEZONE), minutes)
        booked_at = min(wanted.starts_at - BOOKED_AHEAD, self.now - timedelta(hours=2))
        made: list[int] = []

        def book(session: Session) -> None:
            made.append(booking.book(session, self.world.desk, wanted, booked_at).id)

        yield Moment(booked_at, book)
        if fate is None:
            return
        decided_at = wanted.starts_at - timedelta(hours=30) if fate is Status.CANCELLED_BY_CLIENT else wanted.starts_at
        if fate is Status.LATE_CANCELLED:
            decided_at = wanted.starts_at - timedelta(hours=3)
        decided_at = max(min(decided_at, self.now - timedelta(minutes=5)), booked_at + timedelta(minutes=1))

        def settle(session: Session) -> None:
            statuses.set_status(session, self.world.desk, made[0], fate, decided_at, notifies=False)

        yield Moment(decided_at, settle)

    def _fate(self, starts_at: datetime) -> Status | None:
        drawn = self.dice.random()
        if starts_at > self.now:
            return Status.CANCELLED_BY_CLIENT if drawn < 0.03 and starts_at - self.now > timedelta(hours=40) else None
        if drawn < 0.04:
            return Status.NO_SHOW
        if drawn < 0.08:
            return Status.LATE_CANCELLED
        if drawn < 0.14:
            return Status.CANCELLED_BY_CLIENT
        return Status.ATTENDED if drawn < 0.45 else None


def _at(wanted: Wanted, starts_at: datetime, minutes: int) -> Wanted:
    return Wanted(**{**wanted.__dict__, "starts_at": starts_at, "minutes": minutes})
