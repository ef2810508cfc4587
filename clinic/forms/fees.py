"""The fee schedule."""

from wtforms import BooleanField

from clinic.billing.fees import MINUTES_MAX, UNITS_MAX, FeeDetails
from clinic.forms.base import HouseForm, MoneyField, PercentField, WholeField, line


class FeeForm(HouseForm):
    """Ask for a fee. The names are the fee's own."""

    code = line("Code", most=40)
    description = line("Description", required=True)
    amount_cents = MoneyField("Amount", render_kw={"inputmode": "decimal"})
    is_hourly = BooleanField("Per hour")
    tax_bp = PercentField("Tax, percent", required=False, render_kw={"inputmode": "decimal"})
    minutes = WholeField("Minutes", least=1, most=MINUTES_MAX, required=False, render_kw={"inputmode": "numeric"})
    modifier = line("Modifier", most=20)
    units = WholeField("Units", least=1, most=UNITS_MAX, required=False, default=1, render_kw={"inputmode": "numeric"})

    def details(self) -> FeeDetails:
        """Return what was asked."""
        return FeeDetails(
            code=self.code.data or "",
            description=self.description.data or "",
            amount_cents=self.amount_cents.data,
            is_hourly=self.is_hourly.data,
            tax_bp=self.tax_bp.data or 0,
            minutes=self.minutes.data,
            modifier=self.modifier.data or "",
            units=self.units.data or 1,
        )
