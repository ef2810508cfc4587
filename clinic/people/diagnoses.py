"""Diagnoses: what a client is treated for, in order, each for as long as it holds; on superbills, never on an invoice."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.kernel.errors import NotFoundError, RefusalError
from clinic.models.people import Diagnosis
from clinic.people import clients
from clinic.practice import audit, standing
from clinic.practice.permissions import Actor, Permission

DIAGNOSES_MAX = 50  # of one client, ended ones included
CODE_CHARS_MAX = 10
_CODE = re.compile(r"[A-Z][0-9][0-9A-Z](\.[0-9A-Z]{1,4})?")


@dataclass(frozen=True)
class Details:
    """Hold what is known of a diagnosis; `place` is where it stands among the client's, from 1. Both days are included."""

    code: str
    description: str
    from_date: date
    until_date: date | None = None
    place: int | None = None  # None: where it stands, a new one last

    def holds_on(self, day: date) -> bool:
        """Say whether it holds on a day."""
        return self.from_date <= day and (self.until_date is None or day <= self.until_date)


@dataclass(frozen=True)
class Known:
    """Be one of a client's diagnoses, as plain values."""

    id: int
    details: Details


def of_client(session: Session, client_id: int) -> list[Known]:
    """List a client's diagnoses in order, ended ones too. Whoever asks must see the client, and diagnoses."""
    return [
        Known(row.id, Details(row.code, row.description, row.from_date, row.until_date, place))
        for place, row in enumerate(_rows(session, client_id), start=1)
    ]


def found(session: Session, who: Actor, client_id: int, diagnosis_id: int) -> Known:
    """Return one diagnosis of a client of theirs.

    Raises:
        NotAllowedError: they may not see diagnoses.
        NotFoundError: there is none, or the client is not theirs.
    """
    who.must(Permission.SEE_DIAGNOSES)
    clients.client_for(session, who, client_id)
    for known in of_client(session, client_id):
        if known.id == diagnosis_id:
            return known
    raise NotFoundError("diagnosis")


def add(session: Session, who: Actor, client_id: int, details: Details, now: datetime) -> int:
    """Write a diagnosis down and return its id. Must run inside `writing()`.

    Raises:
        NotAllowedError: they may not change diagnoses.
        NotFoundError: the client is not theirs.
        RefusalError: the code is none, holds already on one of these days, or there are too many.
    """
    who.must(Permission.EDIT_DIAGNOSES)
    clients.client_for(session, who, client_id)
    rows = _rows(session, client_id)
    if len(rows) >= DIAGNOSES_MAX:
        raise RefusalError(f"A client has at most {DIAGNOSES_MAX} diagnoses.")
    diagnosis = Diagnosis(client_id=client_id, position=len(rows) + 1)
    _write(session, diagnosis, details, rows)
    audit.record(session, who, "added diagnosis", "client", client_id, now, diagnosis_id=diagnosis.id)
    return diagnosis.id


def change(
    session: Session,
    who: Actor,
    client_id: int,
    diagnosis_id: int,
    details: Details,
    now: datetime,
    *,
    shown: str | None = None,
) -> None:
    """Change a diagnosis; superbills say from now on what it says. Must run inside `writing()`.

    Args:
        shown: the print of the details that were seen when it was opened (`standing.print_of`).

    Raises:
        StaleError: someone changed it since.
        NotAllowedError: they may not change diagnoses.
        NotFoundError: there is none, or the client is not theirs.
        RefusalError: the code is none, or holds already on one of these days.
    """
    who.must(Permission.EDIT_DIAGNOSES)
    standing.refuse_stale(shown, standing.print_of(found(session, who, client_id, diagnosis_id).details))
    rows = _rows(session, client_id)
    diagnosis = next(row for row in rows if row.id == diagnosis_id)
    _write(session, diagnosis, details, [row for row in rows if row is not diagnosis])
    audit.record(session, who, "changed diagnosis", "client", client_id, now, diagnosis_id=diagnosis_id)


def remove(session: Session, who: Actor, client_id: int, diagnosis_id: int, now: datetime) -> None:
    """Take back a diagnosis that was written down by mistake; one that is over is given its last day instead.

    Must run inside `writing()`.

    Raises:
        NotAllowedError: they may not change diagnoses.
        NotFoundError: there is none, or the client is not theirs.
    """
    who.must(Permission.EDIT_DIAGNOSES)
    found(session, who, client_id, diagnosis_id)
    rows = _rows(session, client_id)
    session.delete(next(row for row in rows if row.id == diagnosis_id))
    _number(row for row in rows if row.id != diagnosis_id)
    session.flush()
    audit.record(session, who, "removed diagnosis", "client", client_id, now, diagnosis_id=diagnosis_id)


def tidy(typed: str) -> str:
    """Return a code as it is written: capitals, a point after the third sign.

    Raises:
        RefusalError: it is not the shape of an ICD-10 code.
    """
    bare = "".join(typed.upper().replace(".", "").split())
    code = f"{bare[:3]}.{bare[3:]}" if len(bare) > 3 else bare
    if not _CODE.fullmatch(code):
        raise RefusalError("Enter an ICD-10 code such as F41.1.", field="code")
    return code


def _rows(session: Session, client_id: int) -> list[Diagnosis]:
    chosen = select(Diagnosis).where(Diagnosis.client_id == client_id).order_by(Diagnosis.position, Diagnosis.id)
    return list(session.scalars(chosen))


def _write(session: Session, diagnosis: Diagnosis, details: Details, others: list[Diagnosis]) -> None:
    code = tidy(details.code)
    if details.until_date is not None and details.until_date < details.from_date:
        raise RefusalError("The last day comes before the first.", field="until_date")
    for other in others:
        is_before = other.until_date is not None and other.until_date < details.from_date
        is_after = details.until_date is not None and details.until_date < other.from_date
        if other.code == code and not is_before and not is_after:
            raise RefusalError("This code holds already on one of these days.", field="code")
    diagnosis.code, diagnosis.description = code, details.description
    diagnosis.from_date, diagnosis.until_date = details.from_date, details.until_date
    place = min(details.place or diagnosis.position, len(others) + 1)
    _number([*others[: place - 1], diagnosis, *others[place - 1 :]])
    session.add(diagnosis)
    session.flush()


def _number(rows: Iterable[Diagnosis]) -> None:
    for position, row in enumerate(rows, start=1):
        row.position = position
