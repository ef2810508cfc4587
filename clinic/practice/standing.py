"""What stands on a page of settings: a print of it, so that nobody saves the page over what someone else made of it."""

from hashlib import sha256

from clinic.kernel.errors import StaleError

PRINT_CHARS = 16


def print_of(*values: object) -> str:
    """Return a short print of plain values: the same for the same ones."""
    return sha256(repr(values).encode()).hexdigest()[:PRINT_CHARS]


def refuse_stale(shown: str | None, stands: str) -> None:
    """Refuse to save what was filled in over another print than stands now; None or "": nobody says what was shown.

    Must run inside `writing()`.

    Raises:
        StaleError: someone changed the page meanwhile.
    """
    if shown and shown != stands:
        raise StaleError
