"""The errors a person can answer: refused, clashed, not allowed, not found, already done."""


class ClinicError(Exception):
    """Stand for everything this application says no with."""


class RefusalError(ClinicError):
    """Refuse what was asked and say why in a sentence a person can act on (422).

    Args:
        message: the sentence shown beside the field or over the form.
        field: the form field to mark; None means the form as a whole.
    """

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class ClashError(RefusalError):
    """Refuse because someone or something was there first (409)."""


class StaleError(ClashError):
    """Refuse to save over what someone else changed since the form was opened."""

    def __init__(self) -> None:
        super().__init__("Someone changed this meanwhile. Nothing you typed is lost: choose which of the two shall stand.")


class NotAllowedError(ClinicError):
    """Refuse because the signed-in person lacks the right (403)."""


class NotFoundError(ClinicError):
    """Say that a thing does not exist or is not theirs: the two look the same (404)."""


class AlreadyPostedError(ClinicError):
    """Say that this form was already posted; `location` is where its first result stands."""

    def __init__(self, location: str) -> None:
        super().__init__("This form was already posted.")
        self.location = location
