"""Reports: the page that lists what there is to look over, and the reports that stand nowhere else."""

from dataclasses import dataclass

from flask import Blueprint, url_for

from clinic.kernel.database import reading
from clinic.office import reports
from clinic.practice.permissions import Permission
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, page

bp = Blueprint("reports", __name__, url_prefix="/reports")


@dataclass(frozen=True)
class Report:
    """Be one report: where it stands, the right it needs, and what it tells."""

    label: str
    endpoint: str
    right: Permission
    tells: str
    show: str | None = None  # of a list that shows one thing or another

    @property
    def url(self) -> str:
        """Return its address."""
        return url_for(self.endpoint, show=self.show)


_P = Permission
GROUPS = (
    (
        "Money",
        (
            Report("Payments by day and method", "takings.index", _P.SEE_NIGHT,
                   "Cash-up, deposits and card payouts, one by one, and as a file"),
            Report("Overdue invoices", "invoices.index", _P.SEE_INVOICES, "What should have been paid by now", "overdue"),
            Report("Uninvoiced work", "invoices.index", _P.SEE_INVOICES, "What stands on no invoice yet", "uninvoiced"),
            Report("Unallocated money", "invoices.index", _P.SEE_INVOICES,
                   "What was received and not yet put on an invoice", "unallocated"),
        ),
    ),
    (
        "The night",
        (
            Report("Tonight", "night.tonight", _P.SEE_NIGHT, "What will be invoiced and charged, and what is left for you"),
            Report("Last night", "night.last_night", _P.SEE_NIGHT, "What was invoiced, which cards paid and which did not"),
        ),
    ),
    (
        "Sessions",
        (
            Report("Unused packages", "reports.packages", _P.SEE_PACKAGES,
                   "Sessions sold and not booked, and how long they are good"),
            Report("Unconfirmed sessions", "attendance.unconfirmed", _P.BOOK, "Past days on which nobody said who came"),
            Report("Messages", "outbox.index", _P.SEE_CLIENTS, "What clients were sent, what waits, what failed and why"),
        ),
    ),
)  # fmt: skip


@bp.get("/")
@requires(Permission.SEE_NIGHT)
def index() -> Answer:
    """List the reports this person may open, with what each tells."""
    groups = [(group, [each for each in listed if actor().may(each.right)]) for group, listed in GROUPS]
    return page("reports/index.html", groups=[(group, listed) for group, listed in groups if listed])


@bp.get("/packages")
@requires(Permission.SEE_NIGHT)
def packages() -> Answer:
    """List the sold packages that have sessions left."""
    with reading() as session:
        found = reports.unused_packages(session, now())
    return page("reports/packages.html", found=found)
