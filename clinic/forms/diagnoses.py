"""A client's diagnosis."""

from clinic.forms.base import DayField, PageForm, WholeField, line
from clinic.people.diagnoses import CODE_CHARS_MAX, DIAGNOSES_MAX, Details


class DiagnosisForm(PageForm):
    """Ask for a diagnosis. The names are the details' own."""

    code = line("ICD-10 code", required=True, most=CODE_CHARS_MAX)
    description = line("Description", required=True)
    from_date = DayField("Since")
    until_date = DayField("Until", required=False)
    place = WholeField("Order", least=1, most=DIAGNOSES_MAX, required=False, render_kw={"inputmode": "numeric"})

    def details(self) -> Details:
        """Return what was asked."""
        return Details(
            code=self.code.data or "",
            description=self.description.data or "",
            from_date=self.from_date.data,
            until_date=self.until_date.data,
            place=self.place.data,
        )
