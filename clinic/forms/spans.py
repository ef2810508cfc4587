"""What is asked of a document over a range of days: the first and the last."""

from datetime import date

from clinic.billing import spans
from clinic.forms.base import DayField, HouseForm


class SpanForm(HouseForm):
    """Ask for the first and the last day; both left out is this year."""

    first = DayField("From", required=False)
    last = DayField("To", required=False)

    def days(self, today: date) -> tuple[date, date]:
        """Return the first and the last day, and show them in the fields; one left out goes with the other's year.

        Raises:
            RefusalError: the range runs backwards.
        """
        first = self.first.data or spans.year_of(self.last.data or today)[0]
        last = self.last.data or spans.year_of(self.first.data or today)[1]
        spans.check(first, last)
        self.first.data, self.last.data = first, last
        return first, last
