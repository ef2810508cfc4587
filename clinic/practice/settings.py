"""The practice's own settings, and how its people read time and money."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from clinic.kernel import clock, locales, money
from clinic.kernel.errors import NotFoundError
from clinic.models.practice import Practice

PRACTICE_ID = 1


@dataclass(frozen=True)
class House:
    """Hold what every page and rule needs of the practice, as plain values that may cross a door."""

    name: str
    timezone: str
    currency: str
    locale: locales.Locale
    grace_minutes: int = 3
    has_logo: bool = False
    overdue_after_days: int = 0

    @property
    def told_words(self) -> str:
        """Say when a client hears of a change that is saved now."""
        if not self.grace_minutes:
            return "The client is told at once."
        return f"The client is told after {self.grace_minutes} minute{'s' if self.grace_minutes > 1 else ''}."

    def local_date(self, instant: datetime) -> date:
        """Return the practice's own day of an instant."""
        return clock.local_date(instant, self.timezone)

    def money(self, cents: int) -> str:
        """Print an amount in full."""
        return money.show(cents, self.currency)

    def money_short(self, cents: int) -> str:
        """Print an amount for the grid and for buttons."""
        return money.show_short(cents, self.currency)


def practice(session: Session) -> Practice:
    """Return the practice's row.

    Raises:
        NotFoundError: first set-up has not been done.
    """
    # The session forgets rows that nobody holds; held here, this one is read once per door and not once per rule.
    found: Practice | None = session.info.get("practice")
    if found is None:
        found = session.info["practice"] = session.get(Practice, PRACTICE_ID)
    if found is None:
        raise NotFoundError("no practice yet")
    return found


def house(session: Session) -> House:
    """Return the practice's name, zone, currency and locale as plain values."""
    row = practice(session)
    return House(name=row.name, timezone=row.timezone, currency=row.currency, locale=locales.named(row.locale),
                 grace_minutes=row.message_grace_minutes, has_logo=row.logo_sha256 is not None,
                 overdue_after_days=row.overdue_after_days)  # fmt: skip
