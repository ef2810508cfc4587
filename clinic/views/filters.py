"""How templates print amounts, instants and days: as the practice's own locale, zone and currency have it."""

from contextvars import ContextVar
from datetime import date, datetime, time
from functools import lru_cache

from flask import Flask
from jinja2 import Environment, pass_environment

from clinic.calendar.grid import Slot
from clinic.kernel import clock, locales, money
from clinic.practice.settings import House


def register(app: Flask) -> None:
    """Bind the filters to the application's templates."""
    for function in (money_short, local_time, local_moment, bare_time, minute_time, clock_time, slot_links, hour_words, percent,
                     plainly, wall_stamp,
                     day, day_short, day_long, day_plain, day_from):  # fmt: skip
        app.add_template_filter(function)
    app.add_template_filter(money_full, "money")


# A page prints some three hundred times and amounts, and `g` finds its request anew each time.
_house_now: ContextVar[House] = ContextVar("house")


def read_for(house: House) -> None:
    """Print for that practice from here on, until the next request says its own."""
    _house_now.set(house)


_house = _house_now.get


# A grid prints the same few times of day over and over.
_wall_time = lru_cache(maxsize=3_000)(locales.wall_time)


@lru_cache(maxsize=3_000)
def _clock_time(text: str, locale: locales.Locale) -> str:
    return locales.wall_time(time.fromisoformat(text), locale)


def money_full(cents: int) -> str:
    """Print "$1,234.50"."""
    return _house().money(cents)


def money_short(cents: int) -> str:
    """Print "$150", with cents only when there are some."""
    return _house().money_short(cents)


def plainly(cents: int) -> str:
    """Print "1234.50"."""
    return money.plainly(cents)


def percent(rate_bp: int) -> str:
    """Print "8.25 %"."""
    return money.percent(rate_bp)


def local_time(moment: datetime | time) -> str:
    """Print the practice's wall clock: "2:30 pm" or "14:30"."""
    there = clock.local(moment, _house().timezone) if isinstance(moment, datetime) else moment
    return locales.wall_time(there, _house().locale)


def bare_time(instant: datetime) -> str:
    """Print the wall clock without am or pm: "2:30"."""
    house = _house()
    return _wall_time(clock.local(instant, house.timezone).time(), house.locale, marked=False)


def minute_time(minute: int) -> str:
    """Print a minute of the day without am or pm: 870 is "2:30"."""
    return _wall_time(time(*divmod(minute, 60)), _house().locale, marked=False)


def clock_time(text: str) -> str:
    """Print "14:30" as the locale has it: "2:30 pm"."""
    return _clock_time(text, _house().locale)


@lru_cache(maxsize=64)
def _slot_links(environment: Environment, slots: tuple[Slot, ...], _locale: locales.Locale) -> str:
    return environment.get_template("calendar/_slots.html").render(slots=slots)


@pass_environment
def slot_links(environment: Environment, slots: tuple[Slot, ...], book: str, tail: str) -> str:
    """Print the links of a column's free half hours: the same in every column but for where they lead."""
    return _slot_links(environment, slots, _house().locale).replace("BOOK", book).replace("TAIL", tail)


def hour_words(hour: int) -> str:
    """Print an hour at the edge of the grid: "9 am" or "09:00"."""
    words = locales.wall_time(time(hour), _house().locale)
    return words.replace(":00 ", " ")


def local_moment(instant: datetime) -> str:
    """Print day and time: "18 Nov 2026, 11:44 am"."""
    return f"{day(clock.local_date(instant, _house().timezone))}, {local_time(instant)}"


def wall_stamp(instant: datetime) -> str:
    """Print an instant as a form posts it, on the practice's clock: "2026-11-26T10:00"."""
    return f"{clock.local(instant, _house().timezone):%Y-%m-%dT%H:%M}"


def day(value: date | datetime) -> str:
    """Print "18 Nov 2026"."""
    return locales.day(_date(value), _house().locale)


def day_short(value: date | datetime) -> str:
    """Print "Wed 18 Nov"."""
    return locales.day(_date(value), _house().locale, weekday=True, year=False)


def day_long(value: date | datetime) -> str:
    """Print "Wednesday 18 November 2026"."""
    return locales.day(_date(value), _house().locale, weekday=True, long=True)


def day_plain(value: date) -> str:
    """Print "Wednesday 18 November"; the year stands beside it."""
    return locales.day(value, _house().locale, weekday=True, long=True, year=False)


def day_from(first: date, last: date) -> str:
    """Print a run of days in one year: "15 – 21 November"."""
    locale = _house().locale
    if first.month != last.month:
        return f"{locales.day(first, locale, year=False)} – {locales.day(last, locale, year=False)}"
    if locale.month_first:
        return f"{first:%B} {first.day} – {last.day}"
    return f"{first.day} – {last.day} {last:%B}"


def _date(value: date | datetime) -> date:
    return clock.local_date(value, _house().timezone) if isinstance(value, datetime) else value
