"""Four processes of eight threads want the same hour, the gap between looking and writing held open: one gets it each time.

What they race for, and how, is in `racers.py`: booking (also a room, a couple, over HTTP), moving, changing the length,
taking a cancellation back, booking and moving a series.
"""

import multiprocessing
from collections import Counter

from clinic.kernel.database import db, reading
from clinic.models import guards
from clinic.office import verify
from tests.race import racers
from tests.race.racers import PROCESSES, RACERS, RACES, SERIES, WINNERS, Place

# The writers stand in one queue, so the gap is paid thirty-two times; without a lock they all dawdle at once.
GAP_SECONDS, GAP_SECONDS_UNLOCKED = 0.005, 0.1
WON = {race.__name__: WINNERS.get(race.__name__, 1) for race in RACES}


def _race(database, tmp_path, cast, write, *, races=tuple(WON), locks=True, over_http=False):
    # A fresh process, not a copy of this one: no connection and no lock of the test may leak into the racers.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.race.racers"])
    outcomes = context.Queue()
    with write() as session:
        hold = racers.prepare(session, cast)
    folder = tmp_path / "racers"
    folder.mkdir()
    place = Place(database[0], str(folder), cast, hold, locks=locks, over_http=over_http, races=races,
                  gap_seconds=GAP_SECONDS if locks else GAP_SECONDS_UNLOCKED)  # fmt: skip
    barrier = context.Barrier(RACERS)
    processes = [context.Process(target=racers.race, args=(place, barrier, outcomes, number)) for number in range(PROCESSES)]
    for process in processes:
        process.start()
    found = Counter(each for _ in processes for each in outcomes.get(timeout=racers.WAIT_SECONDS_MAX))
    for process in processes:
        process.join(timeout=30)
        assert process.exitcode == 0
    return found


def _as_it_should_be(races=tuple(WON)):
    lost = {name: (SERIES if name == "series_moved" else RACERS) - WON[name] for name in races}
    return {(name, "won"): WON[name] for name in races} | {(name, "clash"): lost[name] for name in races}


def _overlaps(app):
    with app.app_context(), reading() as session:
        return [str(finding) for finding in verify.findings(session)]


def test_one_of_many_processes_gets_the_hour_and_the_others_are_told(app, cast, database, tmp_path, write):
    found = _race(database, tmp_path, cast, write, over_http=True)
    assert found == _as_it_should_be() | {("over HTTP", "303"): 1, ("over HTTP", "409"): RACERS - 1}
    assert _overlaps(app) == []


def test_the_lock_alone_is_enough_when_the_guard_is_gone(app, cast, database, tmp_path, write):
    _drop_guards(app)
    one_of_each = ("booked", "moved", "uncancelled", "series_booked")
    assert _race(database, tmp_path, cast, write, races=one_of_each) == _as_it_should_be(one_of_each)


def test_without_lock_and_guard_every_race_goes_wrong(app, cast, database, tmp_path, write):
    # What proves that the races above are some: the gap is real, and nothing but those two closes it.
    _drop_guards(app)
    found = _race(database, tmp_path, cast, write, locks=False)
    went_right = [name for name, won in WON.items() if found[name, "won"] == won
                  and {outcome for (of, outcome) in found if of == name} <= {"won", "clash"}]  # fmt: skip
    assert went_right == []


def _drop_guards(app):
    with app.app_context(), db.engine.begin() as connection:
        guards.remove(connection)
