"""The form that puts a booked session on a package by hand."""

import re

from wtforms import RadioField

from clinic.forms.base import OnceForm
from clinic.kernel.errors import RefusalError

_CHOICE = re.compile(r"(\d{1,9})-(\d{1,9})", re.ASCII)


class UsePackageForm(OnceForm):
    """Ask which package a booked session shall use."""

    package = RadioField("The session is taken from", choices=[], validate_choice=False)

    def place_and_line(self) -> tuple[int, int]:
        """Return the attendee and the package line that were chosen.

        Raises:
            RefusalError: nothing of the list was chosen.
        """
        found = _CHOICE.fullmatch(self.package.data or "")
        if found is None:
            raise RefusalError("Choose a package from the list.", field="package")
        return int(found[1]), int(found[2])
