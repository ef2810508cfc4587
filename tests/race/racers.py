"""Racers: four processes of eight threads that all want the same hour, by every way an hour can be taken.

Imported by the racing processes, so everything one of them needs is here and nothing else.
"""

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from urllib.parse import urlencode

from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.serving import WSGIRequestHandler, make_server

from clinic import create_app
from clinic.calendar import availability, booking, scope, series, statuses
from clinic.calendar.booking import Move
from clinic.calendar.occurrences import Choices
from clinic.calendar.recurrence import Rule
from clinic.calendar.scope import Scope
from clinic.config import Config
from clinic.kernel import database
from clinic.kernel.database import db, writing
from clinic.kernel.errors import ClashError
from clinic.models.calendar import SeriesUnit, Status
from clinic.practice import once
from tests.calendar.stage import at, therapy
from tests.cast import NOW, PASSWORD, Cast, email

PROCESSES, THREADS = 4, 8
RACERS = PROCESSES * THREADS
SERIES = 8  # so many of the racers have a series to move
WEEKLY = Rule(SeriesUnit.WEEK, times=2)
WAIT_SECONDS_MAX = 100
Outcome = tuple[str, str]  # what was raced for, and what came of it


@dataclass(frozen=True)
class Hold:
    """Hold what belongs to each racer before the start: ids of items, by the name of the race."""

    own: dict[str, list[int]]
    clients: tuple[int, ...]


@dataclass(frozen=True)
class Place:
    """Say where the races are held, and what is left to hold them back."""

    url: str
    folder: str
    cast: Cast
    hold: Hold
    locks: bool
    over_http: bool
    gap_seconds: float
    races: tuple[str, ...]


def booked(session: Session, cast: Cast, hold: Hold, number: int) -> None:
    """Book the hour."""
    booking.book(session, cast.fay, therapy(cast, at(9), client_id=hold.clients[number % 2]), NOW)


def booked_in_a_room(session: Session, cast: Cast, hold: Hold, number: int) -> None:
    """Book the hour in the one room, half of the racers with another practitioner."""
    who = (cast.pat_id, cast.piet_id)[number % 2]
    booking.book(session, cast.fay, therapy(cast, at(9, days=1), practitioner_id=who, room_id=cast.larch_id), NOW)


def group_booked(session: Session, cast: Cast, hold: Hold, number: int) -> None:
    """Book the hour for a couple."""
    booking.book(session, cast.fay, therapy(cast, at(11), client_id=None, group_id=cast.couple_id), NOW)


def moved(session: Session, cast: Cast, hold: Hold, number: int) -> None:
    """Move an item of one's own to the hour."""
    booking.move(session, cast.fay, hold.own["moved"][number], Move(at(13)), NOW, version=1)


def moved_at_once(session: Session, cast: Cast, hold: Hold, number: int) -> None:
    """Move one and the same item, each to a time of their own: the second would move what someone else moved."""
    to = Move(at(6, days=16) + timedelta(minutes=number), overrides_warnings=True)
    booking.move(session, cast.fay, hold.own["moved_at_once"][0], to, NOW, version=1)


def resized(session: Session, cast: Cast, hold: Hold, number: int) -> None:
    """Take the free half hour between two neighbours: one ends later, the other starts earlier."""
    item = booking.item_for(session, cast.fay, hold.own["resized"][number])
    wish = series.wanted_of(item, booking.kept_of(session, item))
    starts_at = item.starts_at - timedelta(minutes=30 * (number % 2))
    booking.edit(session, cast.fay, item.id, replace(wish, starts_at=starts_at, minutes=wish.minutes + 30,
                                                     overrides_warnings=True), NOW, version=item.version)  # fmt: skip


def uncancelled(session: Session, cast: Cast, hold: Hold, number: int) -> None:
    """Take a cancellation back, half of the racers of one place in a couple's hour."""
    item = booking.item_for(session, cast.fay, hold.own["uncancelled"][number])
    statuses.set_status(session, cast.fay, item.id, Status.BOOKED, NOW, attendee_id=item.attendees[-1].id)


def series_booked(session: Session, cast: Cast, hold: Hold, number: int) -> None:
    """Book the hour of two weeks; half of the racers only from the second week on."""
    series.book(session, cast.fay, therapy(cast, at(15, days=7 * (number % 2))), WEEKLY, Choices(), NOW)


def series_moved(session: Session, cast: Cast, hold: Hold, number: int) -> None:
    """Move a series of one's own to the hour."""
    to = Move(at(12, days=21), overrides_warnings=True)
    scope.move(session, cast.fay, hold.own["series_moved"][number], to, Scope.ALL, NOW, version=1)


# One wins each race, except where two neighbours meet.
WINNERS = {"resized": RACERS // 2}
RACES: tuple[Callable[[Session, Cast, Hold, int], None], ...] = (
    booked, booked_in_a_room, group_booked, moved, moved_at_once, resized, uncancelled, series_booked, series_moved,
)  # fmt: skip


def prepare(session: Session, cast: Cast) -> Hold:
    """Give each racer what the races begin with. Must run inside `writing()`."""

    def book(starts_at, **other) -> int:
        wish = therapy(cast, starts_at, overrides_warnings=True, **other)
        return booking.book(session, cast.fay, wish, NOW).id

    early = {"type_id": cast.intake_id, "minutes": 30}
    own = {
        "moved": [book(at(0, 30 * number, days=30)) for number in range(0, RACERS * 2, 2)],
        "moved_at_once": [book(at(18, days=15))],
        "resized": [book(at(0, 90 * (number // 2) + 60 * (number % 2), days=40), **early) for number in range(RACERS)],
        "uncancelled": [],
        "series_moved": [],
    }
    for number in range(RACERS):
        of = {"client_id": None, "group_id": cast.couple_id} if number % 2 else {}
        own["uncancelled"].append(book(at(14), **of))
        statuses.set_status(session, cast.fay, own["uncancelled"][-1], Status.CANCELLED_BY_PRACTICE, NOW)
    for number in range(SERIES):
        first = therapy(cast, at(9 + number, days=60), overrides_warnings=True)
        made = series.book(session, cast.fay, first, WEEKLY, Choices(), NOW)
        own["series_moved"].append(series.items_of(session, made.id)[0].id)
    return Hold(own, (cast.cleo_id, cast.otto_id))


def race(place: Place, barrier: Barrier, outcomes: Queue, process: int) -> None:
    """Be one of the processes: eight threads that start each race together with all others."""
    app = create_app(Config(DATABASE_URL=place.url, SECRET_KEY="for tests only"), instance_path=place.folder)
    app.config["WTF_CSRF_ENABLED"] = False
    _open_the_gap(place.gap_seconds)
    found: list[Outcome] = []
    with _served(app, place) if place.over_http else nullcontext(lambda: 0) as post:
        # The numbers go round the processes, so that neighbours are never of one process.
        threads = [
            threading.Thread(target=_run, args=(app, place, barrier, found, process + PROCESSES * number, post))
            for number in range(THREADS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    outcomes.put(found)
    with app.app_context():
        db.engine.dispose()


def _run(app: Flask, place: Place, barrier: Barrier, found: list[Outcome], number: int, post: Callable[[], int]) -> None:
    door = writing if place.locks else _unlocked
    with app.app_context():
        for wish in RACES:
            barrier.wait(WAIT_SECONDS_MAX)
            if wish.__name__ not in place.races or (wish is series_moved and number >= SERIES):
                continue
            try:
                with door() as session:
                    wish(session, place.cast, place.hold, number)
                found.append((wish.__name__, "won"))
            except ClashError:
                found.append((wish.__name__, "clash"))
            except Exception as error:  # noqa: BLE001 - any other error is what the test looks for
                found.append((wish.__name__, f"{type(error).__name__}: {error}"[:300]))
    if place.over_http:
        barrier.wait(WAIT_SECONDS_MAX)
        found.append(("over HTTP", str(post())))


def _open_the_gap(seconds: float) -> None:
    """Sleep between looking whether the time is free and writing it."""
    look = availability.clash

    def look_and_dawdle(*args, **kwargs):
        found = look(*args, **kwargs)
        time.sleep(seconds)
        return found

    availability.clash = look_and_dawdle


@contextmanager
def _unlocked() -> Iterator[Session]:
    """Be the writing door without its lock, as a careless change would leave it."""
    with database._door("writing") as session:
        yield session
        session.commit()


class _Quiet(WSGIRequestHandler):
    def log_request(self, *_args: object) -> None:
        """Say nothing of what worked."""


@contextmanager
def _served(app: Flask, place: Place) -> Iterator[Callable[[], int]]:
    """Serve the application from this process to Fay; give what posts a booking of the hour and returns the status."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def send(path: str, fields: dict[str, object], cookie: str = "") -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie}
        connection.request("POST", path, urlencode(fields), headers)
        return connection.getresponse()

    signed_in = send("/sign-in", {"email": email("fay"), "password": PASSWORD})
    cookie = str(signed_in.headers["Set-Cookie"]).partition(";")[0]
    fields = {"type": place.cast.therapy_id, "person": "Cleo Abernathy", "starts_at": "10:00"}

    def post() -> int:
        return send(f"/calendar/{place.cast.pat_id}/2026-11-18/book", fields | {"once": once.new_key()}, cookie).status

    yield post
    server.shutdown()
    server.server_close()
