"""Many processes book the same slot at once, the gap between looking and writing held open: one gets it, the rest are told."""

import multiprocessing
import threading
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import func, select

from clinic import create_app
from clinic.calendar import availability, booking
from clinic.config import Config
from clinic.kernel import database
from clinic.kernel.database import db, reading, writing
from clinic.kernel.errors import ClashError
from clinic.models import guards
from clinic.models.calendar import Item
from tests.calendar.stage import at, therapy
from tests.cast import NOW

PROCESSES, THREADS, SLOTS = 4, 3, 3
GAP_SECONDS = 0.05


def _open_the_gap():
    """Sleep between looking whether the time is free and writing it."""
    look = availability.clash

    def look_and_dawdle(*args, **kwargs):
        found = look(*args, **kwargs)
        time.sleep(GAP_SECONDS)
        return found

    availability.clash = look_and_dawdle


@contextmanager
def _unlocked():
    """Be the writing door without its lock, as a careless change would leave it."""
    with database._door("writing") as session:
        yield session
        session.commit()


def _race(url, folder, cast, barrier, outcomes, locks):
    app = create_app(Config(DATABASE_URL=url, SECRET_KEY="for tests only"), instance_path=folder)
    _open_the_gap()
    door = writing if locks else _unlocked
    found = []

    def book(client_id):
        with app.app_context():
            for slot in range(SLOTS):
                barrier.wait(timeout=60)
                try:
                    with door() as session:
                        booking.book(session, cast.fay, therapy(cast, at(9 + slot), client_id=client_id), NOW)
                    found.append((slot, "booked"))
                except ClashError:
                    found.append((slot, "clash"))
                except Exception as error:  # noqa: BLE001 - any other error is what the test looks for
                    found.append((slot, f"{type(error).__name__}: {error}"[:200]))

    threads = [threading.Thread(target=book, args=(client,)) for client in (cast.cleo_id, cast.otto_id, cast.cleo_id)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    outcomes.put(found)
    with app.app_context():
        db.engine.dispose()


def _run(database, tmp_path, cast, *, locks=True):
    # Spawned, not forked: no connection and no lock of this process may leak into the racers.
    context = multiprocessing.get_context("spawn")
    barrier, outcomes = context.Barrier(PROCESSES * THREADS), context.Queue()
    folder = str(tmp_path / "instance")
    Path(folder).mkdir(exist_ok=True)
    racers = [
        context.Process(target=_race, args=(database[0], folder, cast, barrier, outcomes, locks)) for _ in range(PROCESSES)
    ]
    for racer in racers:
        racer.start()
    found = [each for _ in racers for each in outcomes.get(timeout=180)]
    for racer in racers:
        racer.join(timeout=30)
        assert racer.exitcode == 0
    return Counter(found)


def _booked(app):
    with app.app_context(), reading() as session:
        return session.scalar(select(func.count()).select_from(Item))


def test_one_of_many_processes_gets_the_slot_and_the_others_are_told(app, cast, database, tmp_path):
    found = _run(database, tmp_path, cast)
    assert found == {(slot, "booked"): 1 for slot in range(SLOTS)} | {
        (slot, "clash"): PROCESSES * THREADS - 1 for slot in range(SLOTS)
    }
    assert _booked(app) == SLOTS


def test_the_lock_alone_is_enough_when_the_guard_is_gone(app, cast, database, tmp_path):
    _drop_guards(app)
    found = _run(database, tmp_path, cast)
    assert [found[slot, "booked"] for slot in range(SLOTS)] == [1] * SLOTS
    assert _booked(app) == SLOTS


def test_without_lock_and_guard_the_same_race_goes_wrong(app, cast, database, tmp_path):
    # What proves that the race above is one: the gap is real, and nothing but those two closes it.
    _drop_guards(app)
    found = _run(database, tmp_path, cast, locks=False)
    went_wrong = {outcome for _slot, outcome in found} - {"booked", "clash"}
    assert _booked(app) > SLOTS or went_wrong


def _drop_guards(app):
    with app.app_context(), db.engine.begin() as connection:
        guards.remove(connection)
