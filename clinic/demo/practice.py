"""Load the made-up practice: its weeks lived through in order, by the rules, ending today."""

import random
from collections.abc import Callable, Iterator
from datetime import datetime, time, timedelta

from flask import Flask

from clinic.config import Config
from clinic.demo import account, diary, house, wallets
from clinic.demo.account import Books
from clinic.demo.diary import Diary
from clinic.demo.moments import Moment
from clinic.jobs import end_of_day
from clinic.kernel import clock
from clinic.kernel.database import reading, writing
from clinic.practice import founding

SEED = 20260118
BATCH = 20  # deeds a transaction
PORTAL_SINCE = timedelta(days=3)


def load(app: Flask, now: datetime, say: Callable[[str], None]) -> bool:
    """Fill an empty database; return False and change nothing when there is a practice already."""
    config: Config = app.config["CLINIC"]
    with app.app_context():
        with reading() as session:
            if founding.is_founded(session):
                return False
        begins = now - timedelta(weeks=diary.WEEKS_BEFORE + diary.THIN_WEEKS, days=1) - diary.BOOKED_AHEAD
        with writing() as session:
            world = house.build(session, begins)
        say("Practice, staff, prices and 60 clients.")
        moments = [*Diary(world, now, random.Random(SEED)).moments(), *Books(world, now, random.Random(SEED)).moments()]
        moments.sort(key=lambda moment: moment.at)
        _live_through(moments, _midnights(now))
        say(f"{len(moments)} bookings, sales and payments, and {account.DAILY_DAYS} nights.")
        with writing() as session:
            house.open_portal(session, world, now - PORTAL_SINCE)
        if config.takes_cards:
            say(f"{wallets.fill(config, world, now)} cards and who is in AutoPay.")
    return True


def _midnights(now: datetime) -> list[datetime]:
    """Return the instants just after midnight of every night since Invoice Creation was set to Daily."""
    today = clock.local_date(now, house.TIMEZONE)
    days = range(account.DAILY_DAYS - 1, -1, -1)
    return [clock.instant_at(today - timedelta(days=back), time(0, 1), house.TIMEZONE) for back in days]


def _live_through(moments: list[Moment], midnights: list[datetime]) -> None:
    waiting = iter(midnights)
    midnight = next(waiting, None)
    for batch in _batches(moments, midnights):
        while midnight is not None and batch[0].at > midnight:
            _night(midnight)
            midnight = next(waiting, None)
        with writing() as session:
            for moment in batch:
                moment.do(session)
    while midnight is not None:
        _night(midnight)
        midnight = next(waiting, None)


def _night(midnight: datetime) -> None:
    """Run the night's own job for the day that ended."""
    ended = clock.local_date(midnight, house.TIMEZONE) - timedelta(days=1)
    end_of_day.run(ended, lambda: midnight)


def _batches(moments: list[Moment], midnights: list[datetime]) -> Iterator[list[Moment]]:
    """Cut the moments into batches that no midnight falls into."""
    batch: list[Moment] = []
    for moment in moments:
        if batch and (len(batch) == BATCH or any(batch[-1].at <= midnight < moment.at for midnight in midnights)):
            yield batch
            batch = []
        batch.append(moment)
    if batch:
        yield batch
