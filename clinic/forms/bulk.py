"""What a list of invoices is narrowed by, and where invoicing everything has got to."""

from wtforms import HiddenField

from clinic.billing.bulk import Key, Wish
from clinic.forms.base import DayField, HouseForm, OnceForm
from clinic.forms.calendar import id_or_none

COUNT_MAX = 100_000
FAILED_MAX = 200


class NarrowForm(HouseForm):
    """Ask for days; what cannot be read narrows nothing."""

    since = DayField("From", required=False, name="from")
    until = DayField("Until", required=False)

    def wish(self, text: str) -> Wish:
        """Return what is meant by the address."""
        return Wish(text, self.since.data, self.until.data)


class BulkForm(OnceForm):
    """Carry how many invoices are made and whose could not be."""

    done = HiddenField(default="0")
    failed = HiddenField(default="")

    @property
    def done_count(self) -> int:
        """Return how many were made before; nonsense is none."""
        typed = str(self.done.data or "")
        return min(int(typed), COUNT_MAX) if typed.isascii() and typed.isdigit() and len(typed) < 7 else 0

    @property
    def failed_keys(self) -> set[Key]:
        """Return whose invoices could not be made."""
        pairs = [pair.partition("-") for pair in str(self.failed.data or "").split(",")[:FAILED_MAX] if pair]
        return {(id_or_none(payer) or 0, id_or_none(client)) for payer, _, client in pairs}

    def tell(self, done: int, failed: set[Key]) -> None:
        """Carry on from here."""
        self.done.data = str(done)
        self.failed.data = ",".join(f"{payer}-{client or ''}" for payer, client in sorted(failed, key=str)[:FAILED_MAX])
