"""All uninvoiced work at once: what it comes to by payer and client, and one invoice for each, a few at a time."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from clinic.billing import invoices, work
from clinic.billing.work import Work
from clinic.kernel.errors import RefusalError
from clinic.models.billing import Invoice
from clinic.practice.permissions import Actor

WORK_MAX = 2_000
Key = tuple[int, int | None]  # payer, and the client unless the payer wants one invoice for all


@dataclass(frozen=True)
class Wish:
    """Say which uninvoiced work is meant: of a name, of days from and until (both included)."""

    text: str = ""
    from_date: date | None = None
    until_date: date | None = None

    def names(self, each: Work) -> bool:
        """Say whether the work is of that name."""
        return self.text.strip().casefold() in f"{each.client_name}\n{each.payer_name}".casefold()


@dataclass(frozen=True)
class Group:
    """Be what one payer may be billed at once, for one client or for all of them together."""

    payer_id: int
    payer_name: str
    client_id: int | None
    works: tuple[Work, ...]

    @property
    def key(self) -> Key:
        """Return what tells it from the others."""
        return self.payer_id, self.client_id

    @property
    def client_names(self) -> str:
        """Name the clients it is about."""
        return ", ".join(dict.fromkeys(each.client_name for each in self.works))

    @property
    def some_client_id(self) -> int:
        """Return a client on whose Billing the payer stands."""
        return self.works[0].client_id

    @property
    def oldest_date(self) -> date:
        """Return the first session's day."""
        return min(each.session_date for each in self.works)

    @property
    def cents(self) -> int:
        """Return what it comes to before tax."""
        return sum(each.amount_cents for each in self.works)

    @property
    def ready(self) -> tuple[Work, ...]:
        """Return what can be billed without a word: not what was let go, nor Activities, which someone must choose."""
        return tuple(each for each in self.works if not each.is_released and not each.is_silent)

    @property
    def ready_client_names(self) -> str:
        """Name the clients of what can be billed without a word."""
        return ", ".join(dict.fromkeys(each.client_name for each in self.ready))

    @property
    def ready_cents(self) -> int:
        """Return what of it can be billed without a word."""
        return sum(each.amount_cents for each in self.ready)


@dataclass(frozen=True)
class Waiting:
    """Be the uninvoiced work as far as it was read: the oldest. `next_date` is the day of the first that was not."""

    groups: tuple[Group, ...]
    next_date: date | None = None

    @property
    def ready(self) -> tuple[Group, ...]:
        """Return the groups of which something can be billed without a word."""
        return tuple(group for group in self.groups if group.ready)

    @property
    def aside_count(self) -> int:
        """Count what someone must choose: Activities, and work that was let go before."""
        return sum(len(group.works) - len(group.ready) for group in self.groups)


def groups(session: Session, who: Actor, wish: Wish, now: datetime) -> Waiting:
    """Return the uninvoiced work that is theirs to see, by payer and client: at most so much, the oldest first."""
    found: dict[Key, list[Work]] = {}
    read = work.uninvoiced(session, who, now, from_date=wish.from_date, until_date=wish.until_date, most=WORK_MAX + 1)
    for each in read[:WORK_MAX]:
        if wish.names(each):
            found.setdefault((each.payer_id, None if each.is_billed_together else each.client_id), []).append(each)
    made = [Group(payer_id, works[0].payer_name, client_id, tuple(works)) for (payer_id, client_id), works in found.items()]
    made.sort(key=lambda group: (group.payer_name.casefold(), group.client_names.casefold()))
    return Waiting(tuple(made), read[WORK_MAX].session_date if len(read) > WORK_MAX else None)


def bill(session: Session, who: Actor, key: Key, share_ids: Collection[int], now: datetime) -> Invoice | None:
    """Issue one invoice of what is still uninvoiced of those shares; None: nothing is. Safe to repeat.

    Must run inside `writing()`.

    Raises:
        RefusalError: one of them cannot be billed any more.
    """
    payer_id, client_id = key
    waiting = work.uninvoiced(session, who, now, payer_id=payer_id, client_id=client_id, most=WORK_MAX)
    wanted = [each for each in waiting if each.share_id in set(share_ids)][: invoices.LINES_MAX]
    if not wanted:
        return None
    if any(each.is_released or each.is_silent for each in wanted):
        raise RefusalError("Someone must say what becomes of some of this work.")
    invoice = invoices.draft(session, who, payer_id=payer_id, client_id=client_id, now=now)
    for each in wanted:
        line = invoices.add_share(session, invoice, each.share_id)
        if client_id is None:
            line.description = f"{each.client_name}: {line.description}"
    invoices.issue(session, who, invoice, now)
    return invoice
