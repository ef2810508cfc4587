"""First set-up."""

from wtforms import PasswordField, SelectField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its stubs
from wtforms.validators import InputRequired

from clinic.forms.account import TOO_LONG
from clinic.forms.base import NAME_CHARS_MAX, HouseForm, line
from clinic.kernel import clock, locales, money


def _zones() -> list[SelectChoice]:
    choices = [SelectChoice("", "Choose…")]
    for name in clock.zone_names():
        area, _, city = name.partition("/")
        label = (city or area).replace("_", " ").replace("/", ", ")
        choices.append(SelectChoice(name, label, optgroup=area if city else None))
    return choices


class SetupForm(HouseForm):
    """Ask who the practice is, where its clock and money are, and who owns it."""

    practice = line("Practice's name", most=NAME_CHARS_MAX, required=True, render_kw={"autocomplete": "organization"})
    timezone = SelectField("Time zone", [InputRequired("Choose the practice's time zone.")], choices=_zones)
    currency = SelectField("Currency", choices=[SelectChoice(code, code) for code in sorted(money.SYMBOLS)], default="USD")
    locale = SelectField(
        "Dates and times as in",
        choices=[SelectChoice(tag, locale.name) for tag, locale in locales.LOCALES.items()],
        default="en-US",
    )
    name = line("Your name", most=NAME_CHARS_MAX, required=True, render_kw={"autocomplete": "name"})
    email = line("Your e-mail", required=True, render_kw={"type": "email", "autocomplete": "username"})
    password = PasswordField(
        "Password", [InputRequired("Choose a password."), TOO_LONG], render_kw={"autocomplete": "new-password"}
    )
