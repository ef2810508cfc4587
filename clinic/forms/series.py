"""What is asked when something repeats: how often, until when, and date by date what to do."""

from collections.abc import Mapping
from datetime import date, time

from wtforms import BooleanField, SelectField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its stubs

from clinic.calendar.occurrences import Choices
from clinic.calendar.recurrence import EVERY_MAX, TIMES_MAX, TIMES_MIN, Rule
from clinic.calendar.scope import Scope
from clinic.forms.base import DayField, HouseForm, OnceForm, WholeField, wall_time
from clinic.kernel.errors import RefusalError
from clinic.models.calendar import SeriesUnit

SKIP = "skip"
DO, AT = "do-", "at-"  # what a date's choice and its other time are called, before the date
_UNITS = [
    SelectChoice(SeriesUnit.DAY.value, "days"),
    SelectChoice(SeriesUnit.WEEK.value, "weeks"),
    SelectChoice(SeriesUnit.MONTH.value, "months"),
]


class RepeatFields(HouseForm):
    """Ask how often, and until which date or how many times."""

    repeat_every = WholeField(
        "Repeat every", least=1, most=EVERY_MAX, required=False, default=1, render_kw={"inputmode": "numeric"}
    )
    repeat_unit = SelectField("", choices=[SelectChoice("", "Does not repeat"), *_UNITS], validate_choice=False)
    repeat_until = DayField("Until", required=False)
    repeat_times = WholeField("or times", least=TIMES_MIN, most=TIMES_MAX, required=False, render_kw={"inputmode": "numeric"})

    def rule(self) -> Rule | None:
        """Return the rule, None when it does not repeat.

        Raises:
            RefusalError: it has an end, but not how often.
        """
        unit = next((unit for unit in SeriesUnit if unit.value == self.repeat_unit.data), None)
        if unit is None:
            if self.repeat_unit.data or self.repeat_until.data or self.repeat_times.data:
                raise RefusalError("Choose days, weeks or months.", field="repeat_unit")
            return None
        return Rule(unit, self.repeat_every.data or 1, self.repeat_until.data, self.repeat_times.data)


class RepeatForm(RepeatFields, OnceForm):
    """Ask how what is booked already repeats, and whether the client is told of the new dates."""

    do_not_notify = BooleanField("Do not notify")

    def rule(self) -> Rule | None:
        """Return the rule.

        Raises:
            RefusalError: nobody said how often.
        """
        found = super().rule()
        if found is None:
            raise RefusalError("Choose days, weeks or months.", field="repeat_unit")
        return found


def choices_of(posted: Mapping[str, str]) -> tuple[Choices, dict[date, str]]:
    """Read what was chosen date by date, and the texts that are no time."""
    skipped: set[date] = set()
    moved: dict[date, time] = {}
    unread: dict[date, str] = {}
    for name in sorted(posted, reverse=True):  # a choice before a typed time, which says more
        day = _day(name.removeprefix(DO).removeprefix(AT)) if name.startswith((DO, AT)) else None
        typed = posted[name].strip() if day else ""
        if day is None or not typed:
            continue
        if name.startswith(DO) and typed == SKIP:
            skipped.add(day)
            continue
        try:
            moved[day] = wall_time(typed)
        except ValueError:
            unread[day] = typed[:20]
    return Choices(frozenset(skipped), moved), unread


def scope_of(posted: Mapping[str, str]) -> Scope:
    """Read how much of a series a change is for; what is not said is this one."""
    return next((scope for scope in Scope if scope.value == posted.get("scope")), Scope.ONE)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
