"""How a locale prints days, times and where its week starts."""

from dataclasses import dataclass
from datetime import date, datetime, time


@dataclass(frozen=True)
class Locale:
    """Hold what differs between the places a practice may be in. `first_weekday`: Monday is 0."""

    tag: str
    name: str
    first_weekday: int
    twelve_hours: bool
    month_first: bool


LOCALES = {
    locale.tag: locale
    for locale in (
        Locale("en-US", "English (United States)", 6, True, True),
        Locale("en-CA", "English (Canada)", 6, True, False),
        Locale("en-AU", "English (Australia)", 0, True, False),
        Locale("en-NZ", "English (New Zealand)", 0, True, False),
        Locale("en-GB", "English (United Kingdom)", 0, False, False),
        Locale("en-IE", "English (Ireland)", 0, False, False),
        Locale("en-ZA", "English (South Africa)", 6, False, False),
    )
}
DEFAULT = LOCALES["en-US"]


def named(tag: str) -> Locale:
    """Return the locale of that tag, or the default one."""
    return LOCALES.get(tag, DEFAULT)


def wall_time(moment: datetime | time, locale: Locale, *, marked: bool = True) -> str:
    """Print a wall-clock time: "9:05 am" or "09:05"; `marked=False` leaves am/pm out ("9:05")."""
    if not locale.twelve_hours:
        return f"{moment.hour:02}:{moment.minute:02}"
    hour = moment.hour % 12 or 12
    mark = (" am" if moment.hour < 12 else " pm") if marked else ""
    return f"{hour}:{moment.minute:02}{mark}"


def day(value: date, locale: Locale, *, weekday: bool = False, year: bool = True, long: bool = False) -> str:
    """Print a day: "18 Nov 2026", with `weekday` "Wed 18 Nov 2026", with `long` the words in full."""
    month = f"{value:%B}" if long else f"{value:%b}"
    parts = [month, f"{value.day}{',' if year else ''}"] if locale.month_first else [str(value.day), month]
    if weekday:
        parts.insert(0, (f"{value:%A}" if long else f"{value:%a}") + ("," if locale.month_first else ""))
    if year:
        parts.append(str(value.year))
    return " ".join(parts)
