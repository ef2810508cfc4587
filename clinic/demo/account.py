"""The made-up practice's money: packages sold, older work invoiced by hand, what is paid and how, as deeds in time order."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.billing import invoices, ledger, packages, payments, work
from clinic.demo import house
from clinic.demo.house import TIMEZONE, World
from clinic.demo.moments import Moment
from clinic.demo.people import AUTOPAY, PER_PRACTITIONER, STAFF
from clinic.kernel import clock, money
from clinic.models.billing import Invoice
from clinic.models.money import Method

DAILY_DAYS = 28  # so long ago Invoice Creation was set to Daily
OPEN_DAYS = 3  # AutoPay payers still owe what is younger
METHODS = (Method.EXTERNAL_CARD, Method.EXTERNAL_CARD, Method.CASH, Method.CHECK, Method.BANK_TRANSFER)
# Client, package, days ago, and how much of it was paid: all, half or nothing.
SALES = (
    (33, "Physio ten", 125, "all"), (10, "Five sessions", 49, "all"), (22, "Physio ten", 44, "all"),
    (13, "Five sessions", 36, "all"),
    (27, "Physio ten", 24, "half"), (2, "Five sessions", 16, "none"), (31, "Physio ten", 12, "none"),
    (16, "Five sessions", 1, "all"),
)  # fmt: skip


@dataclass
class Books:
    """Decide who pays what when; the same draw for the same day."""

    world: World
    now: datetime
    dice: random.Random

    def moments(self) -> Iterator[Moment]:
        """Yield sales, the switch to Daily and the payments; the nights between are the jobs' own."""
        today = clock.local_date(self.now, TIMEZONE)
        for client, name, days, paid in SALES:
            at = min(clock.instant_at(today - timedelta(days=days), time(9, 12), TIMEZONE), self.now - timedelta(hours=3))
            yield Moment(at, lambda session, c=client, n=name, p=paid, at=at: self._sell(session, c, n, p, at))  # type: ignore[misc]
        switched_at = clock.instant_at(today - timedelta(days=DAILY_DAYS), time(8), TIMEZONE)
        yield Moment(switched_at, lambda session: self._bill_by_hand(session, switched_at))
        yield Moment(switched_at + timedelta(minutes=1), lambda session: house.bill_daily(session, self.world, switched_at))
        for days in range(DAILY_DAYS - 1, 0, -1):
            at = clock.instant_at(today - timedelta(days=days), time(9, 30), TIMEZONE)
            if at < self.now:
                yield Moment(at, lambda session, at=at: self._take_payments(session, at))  # type: ignore[misc]

    def _sell(self, session: Session, client: int, name: str, paid: str, at: datetime) -> None:
        index = client // PER_PRACTITIONER
        sale = packages.Sale(
            package_id=self.world.package_ids[name], client_ids=(self.world.client_ids[client],),
            payer_id=self.world.payer_ids[client], practitioner_id=self.world.practitioner_ids[index],
            location_id=self.world.location_ids[STAFF[index].location],
        )  # fmt: skip
        invoice = packages.sell(session, self.world.desk, sale, at)
        if paid != "none":
            cents = invoice.total_cents if paid == "all" else money.share_of(invoice.total_cents, money.BP_WHOLE // 2)
            self._pay(session, invoice, cents, at + timedelta(minutes=2))

    def _bill_by_hand(self, session: Session, at: datetime) -> None:
        by_pair: dict[tuple[int, int], list[int]] = {}
        for client_id in self.world.client_ids:
            for one in work.uninvoiced(session, self.world.desk, at, client_id=client_id):
                if not one.is_silent:
                    by_pair.setdefault((one.payer_id, one.client_id), []).append(one.share_id)
        for (payer_id, client_id), share_ids in by_pair.items():
            invoice = invoices.draft(session, self.world.desk, payer_id=payer_id, client_id=client_id, now=at)
            for share_id in share_ids:
                invoices.add_share(session, invoice, share_id)
            invoices.issue(session, self.world.desk, invoice, at)
            if self.dice.random() < 0.93 or payer_id in self._autopay_payers():
                self._pay(session, invoice, invoice.total_cents, at + timedelta(minutes=30))

    def _take_payments(self, session: Session, at: datetime) -> None:
        """Let some of those who owe pay this morning: most within days, a few in part, a few not at all."""
        issued = session.scalars(
            select(Invoice)
            .where(Invoice.issued_at.is_not(None), Invoice.issued_at > at - timedelta(days=6))
            .order_by(Invoice.id)
        ).all()
        owed = ledger.owed_cents(session, [invoice.id for invoice in issued])
        for invoice in issued:
            left_cents, drawn = owed.get(invoice.id, 0), self.dice.random()
            if left_cents <= 0:
                continue
            if invoice.payer_id in self._autopay_payers():
                if self.now - at > timedelta(days=OPEN_DAYS):
                    self._pay(session, invoice, left_cents, at)
            elif drawn < 0.3:
                self._pay(session, invoice, left_cents, at)
            elif drawn < 0.32:
                self._pay(session, invoice, money.share_of(left_cents, money.BP_WHOLE // 2), at)

    def _pay(self, session: Session, invoice: Invoice, cents: int, at: datetime) -> None:
        method = self.dice.choice(METHODS)
        payments.record(
            session, self.world.desk, payer_id=invoice.payer_id, method=method, amount_cents=cents, now=at,
            invoice_id=invoice.id,
            reference=str(self.dice.randrange(1000, 9999)) if method is Method.CHECK else "",
        )  # fmt: skip

    def _autopay_payers(self) -> set[int]:
        return {self.world.payer_ids[at] for at, _card in AUTOPAY}
