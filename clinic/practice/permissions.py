"""The one table of rights: what each role may do, and who is asking."""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from clinic.kernel.errors import NotAllowedError
from clinic.models.practice import Role


class Permission(StrEnum):
    """Name a right. Every route names the one it needs."""

    SIGNED_IN = "be signed in"
    SEE_CALENDAR = "see the calendar"
    BOOK = "book, move and cancel"
    SEE_CLIENTS = "see clients"
    EDIT_CLIENTS = "add and change clients"
    SEE_DIAGNOSES = "see diagnoses and superbills"
    EDIT_DIAGNOSES = "add and change diagnoses"
    SEE_INVOICES = "see invoices"
    EDIT_INVOICES = "make and issue invoices"
    EXPORT_DOCUMENTS = "print and download the whole practice's billing documents"
    TAKE_PAYMENTS = "take payments"
    REFUND = "refund and write off"
    SEE_PACKAGES = "see packages"
    SELL_PACKAGES = "sell packages"
    LINK_PACKAGES = "book and unlink package lines"
    REPOINT_PACKAGES = "point packages to another practitioner or location"
    SEE_NIGHT = "see what the night does"
    ENROL_AUTOPAY = "enrol payers in AutoPay"
    SETTINGS = "change the practice's settings"


_P = Permission
_DAILY_WORK = frozenset(
    {
        _P.SIGNED_IN, _P.SEE_CALENDAR, _P.BOOK, _P.SEE_CLIENTS, _P.EDIT_CLIENTS, _P.SEE_INVOICES, _P.EDIT_INVOICES,
        _P.TAKE_PAYMENTS, _P.SEE_PACKAGES, _P.SELL_PACKAGES, _P.LINK_PACKAGES, _P.ENROL_AUTOPAY,
    }
)  # fmt: skip
RIGHTS: dict[Role, frozenset[Permission]] = {
    Role.OWNER: frozenset(Permission),
    Role.PRACTITIONER: _DAILY_WORK | {_P.SEE_DIAGNOSES, _P.EDIT_DIAGNOSES},
    Role.FRONT_DESK: _DAILY_WORK | {_P.SEE_NIGHT},
    Role.BILLER: frozenset(
        {
            _P.SIGNED_IN, _P.SEE_CALENDAR, _P.SEE_CLIENTS, _P.SEE_INVOICES, _P.EDIT_INVOICES, _P.TAKE_PAYMENTS, _P.REFUND,
            _P.SEE_PACKAGES, _P.LINK_PACKAGES, _P.ENROL_AUTOPAY, _P.SEE_NIGHT, _P.EXPORT_DOCUMENTS, _P.SEE_DIAGNOSES,
        }
    ),
}  # fmt: skip
SEES_ALL = frozenset({Role.OWNER, Role.FRONT_DESK, Role.BILLER})


@dataclass(frozen=True)
class Actor:
    """Say who is asking: plain values that may cross a door. `user_id` None is the clock, or a client in the portal."""

    user_id: int | None
    roles: frozenset[Role] = field(default_factory=frozenset)
    practitioner_id: int | None = None
    web_session_id: int | None = None
    address: str = ""
    # Whether the owner lets practitioners see and change each other's work.
    practitioners_see_all: bool = False
    # A client in the portal: no rights of staff at all, and only what is theirs (`clients.seen_by`, `booking.item_for`).
    client_id: int | None = None
    # Whom a hand of the house acts for: it is confined by nothing, and the audit trail names this client.
    for_client_id: int | None = None

    def may(self, permission: Permission) -> bool:
        """Say whether one of the roles holds the right."""
        return any(permission in RIGHTS[role] for role in self.roles)

    def must(self, permission: Permission) -> None:
        """Refuse who lacks the right.

        Raises:
            NotAllowedError: none of the roles holds it.
        """
        if not self.may(permission):
            raise NotAllowedError(permission.value)

    def hand(self) -> "Actor":
        """Return the hand of the house that does what this client asked, once it is known that they may."""
        return replace(self, user_id=None, roles=frozenset(), client_id=None, for_client_id=self.client_id)

    @property
    def own_practitioner_id(self) -> int | None:
        """Return the one practitioner whose calendar and clients this person is confined to; None: everyone's.

        A practitioner's user without a practitioner row is confined to nobody's, and so is a client: -1 matches no row.
        """
        if self.client_id is not None:
            return -1
        if self.user_id is None or self.roles & SEES_ALL or self.practitioners_see_all:
            return None
        return self.practitioner_id if self.practitioner_id is not None else -1


CLOCK = Actor(user_id=None)  # what a job does is done by the clock
