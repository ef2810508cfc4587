"""The ledger as a state machine: invoices, packages, credits, payments, refunds, write-offs and AutoPay in any order."""

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from clinic.billing import (
    autopay,
    cards,
    charges,
    credit_notes,
    enrolments,
    invoices,
    ledger,
    packages,
    payments,
    refunds,
    reversals,
)
from clinic.billing.invoices import NewLine
from clinic.billing.packages import FeeRow, Sale, Template
from clinic.billing.processor import CardFacts, Outcome, Verdict
from clinic.kernel.database import writing
from clinic.kernel.errors import ClashError, RefusalError
from clinic.models.money import Method, Payment, RefundStatus
from clinic.office import verify
from clinic.practice.permissions import CLOCK

FIRST_NIGHT = datetime(2026, 11, 19, 5, 30, tzinfo=UTC)
CENTS = st.integers(min_value=1, max_value=40_000)
SIDE = st.integers(min_value=0, max_value=1)
PICK = st.integers(min_value=0, max_value=10_000)
LEAST_CENTS = 50  # what a card takes


class _UndoneError(Exception):
    pass


class Books(RuleBasedStateMachine):
    """Do anything to two payers, and keep beside it what a child would write on a sheet: one number for each of them."""

    app, cast = None, None

    @initialize()
    def open_the_books(self) -> None:
        """Begin with two payers in AutoPay who owe nothing."""
        self.left = ExitStack()
        self.left.enter_context(self.app.app_context())
        self.door = writing()
        self.session = self.door.__enter__()
        self.now = FIRST_NIGHT
        self.payer_ids = (self.cast.cleo_payer_id, self.cast.otto_payer_id)
        self.client_ids = (self.cast.cleo_id, self.cast.otto_id)
        self.sheet = [0, 0]  # what each payer is to pay, less what came from them
        self.invoice_ids: list[int] = []
        self.credited: dict[int, int] = {}
        for payer_id in self.payer_ids:
            cards.know_as(self.session, CLOCK, payer_id, f"cus_{payer_id}", self.now)
            self.session.flush()
            facts = CardFacts(f"pm_{payer_id}", "visa", "4242", 8, 2040)
            cards.keep(self.session, CLOCK, f"cus_{payer_id}", facts, self.now)
            enrolments.enrol(self.session, CLOCK, payer_id, consented_by="Herself", now=self.now)
        template = Template(name="Three", rows=(FeeRow(self.cast.therapy_fee_id, 3),))
        self.package_id = packages.save(self.session, self.cast.olga, template, self.now).id

    def teardown(self) -> None:
        """Look the books through as `flask verify` does, and keep nothing."""
        if not hasattr(self, "door"):
            return
        try:
            found = list(verify.findings(self.session))
        finally:
            self._undo()
            self.left.close()
        assert found == []

    def _undo(self) -> None:
        with pytest.raises(_UndoneError):
            self.door.gen.throw(_UndoneError())

    def _invoice(self, pick: int):
        return invoices.invoice_for(self.session, self.cast.olga, self.invoice_ids[pick % len(self.invoice_ids)])

    def _side(self, payer_id: int) -> int:
        return self.payer_ids.index(payer_id)

    def _payment(self, pick: int) -> Payment | None:
        found = self.session.query(Payment).order_by(Payment.id).all()
        return found[pick % len(found)] if found else None

    @rule(side=SIDE, cents=CENTS, tax_bp=st.sampled_from([0, 825, 1000]))
    def issue(self, side: int, cents: int, tax_bp: int) -> None:
        made = invoices.draft(
            self.session, self.cast.olga, payer_id=self.payer_ids[side], client_id=self.client_ids[side], now=self.now
        )
        for part in (cents, 0 if cents % 2 else cents // 2):
            invoices.add_line(self.session, made, NewLine("Therapy", part, tax_bp=tax_bp))
        invoices.issue(self.session, self.cast.olga, made, self.now)
        self.invoice_ids.append(made.id)
        self.sheet[side] += made.total_cents

    @rule(side=SIDE)
    def sell_a_package(self, side: int) -> None:
        sale = Sale(self.package_id, (self.client_ids[side],), self.payer_ids[side], self.cast.pat_id, self.cast.harbour_id)
        sold = packages.sell(self.session, self.cast.olga, sale, self.now)
        self.invoice_ids.append(sold.id)
        self.sheet[side] += 45_000

    @rule(side=SIDE, cents=CENTS, pick=st.none() | PICK)
    def pay(self, side: int, cents: int, pick: int | None) -> None:
        invoice_id = None
        if pick is not None and self.invoice_ids:
            invoice = self._invoice(pick)
            invoice_id, side = invoice.id, self._side(invoice.payer_id)
        try:
            payments.record(
                self.session, self.cast.olga, payer_id=self.payer_ids[side], method=Method.CASH, amount_cents=cents,
                now=self.now, invoice_id=invoice_id,
            )  # fmt: skip
        except ClashError:
            assert ledger.owed_cents(self.session, [invoice_id])[invoice_id] == 0
            return
        self.sheet[side] -= cents

    @rule(side=SIDE)
    def apply_credit(self, side: int) -> None:
        payments.apply_credit(self.session, self.cast.olga, payer_id=self.payer_ids[side], now=self.now)

    @precondition(lambda self: self.invoice_ids)
    @rule(pick=PICK, cents=st.none() | CENTS)
    def credit(self, pick: int, cents: int | None) -> None:
        invoice = self._invoice(pick)
        left = credit_notes.creditable(self.session, invoice)
        amounts = None if cents is None or not left else {left[0].line_id: min(cents, left[0].left_cents)}
        try:
            note = credit_notes.credit(self.session, self.cast.olga, invoice, self.now, amounts=amounts)
        except RefusalError:
            return
        self._credited(invoice, note)

    def _credited(self, invoice, note) -> None:
        self.credited[invoice.id] = self.credited.get(invoice.id, 0) + abs(note.total_cents)
        assert self.credited[invoice.id] <= invoice.total_cents
        self.sheet[self._side(invoice.payer_id)] -= abs(note.total_cents)

    @precondition(lambda self: self.invoice_ids)
    @rule(pick=PICK)
    def correct(self, pick: int) -> None:
        invoice = self._invoice(pick)
        uncredited = invoice.total_cents - self.credited.get(invoice.id, 0)
        try:
            draft = credit_notes.correct(self.session, self.cast.olga, invoice, self.now)
        except RefusalError:
            return
        self.credited[invoice.id] = invoice.total_cents
        anew = invoices.invoice_for(self.session, self.cast.olga, draft.id)
        invoices.issue(self.session, self.cast.olga, anew, self.now)
        self.invoice_ids.append(anew.id)
        self.sheet[self._side(invoice.payer_id)] += anew.total_cents - uncredited

    @precondition(lambda self: self.invoice_ids)
    @rule(pick=PICK)
    def write_off(self, pick: int) -> None:
        invoice = self._invoice(pick)
        owed = ledger.owed_cents(self.session, [invoice.id])[invoice.id]
        try:
            gone = credit_notes.write_off(self.session, self.cast.olga, invoice, self.now, reason="Moved away")
        except RefusalError:
            assert owed == 0
            return
        assert gone == owed
        self.sheet[self._side(invoice.payer_id)] -= gone

    @precondition(lambda self: self.invoice_ids)
    @rule(pick=PICK)
    def undo_write_off(self, pick: int) -> None:
        invoice = self._invoice(pick)
        try:
            back = credit_notes.undo_write_off(self.session, self.cast.olga, invoice, self.now)
        except RefusalError:
            return
        self.sheet[self._side(invoice.payer_id)] += back

    @rule(pick=PICK, cents=CENTS)
    def refund(self, pick: int, cents: int) -> None:
        payment = self._payment(pick)
        if payment is None:
            return
        most = refunds.refundable_cents(self.session, payment)
        wanted = refunds.Wanted(payment.id, cents, Method.CASH)
        try:
            made = refunds.record(self.session, self.cast.olga, wanted, self.now)
        except RefusalError:
            assert cents > most
            return
        assert cents <= most
        assert made.status is RefundStatus.DONE
        self.sheet[self._side(payment.payer_id)] += cents

    @rule(pick=PICK)
    def undo_payment(self, pick: int) -> None:
        payment = self._payment(pick)
        if payment is None:
            return
        try:
            reversals.undo(self.session, self.cast.olga, payment.id, reason="A slip", now=self.now)
        except RefusalError:
            return
        self.sheet[self._side(payment.payer_id)] += payment.amount_cents

    @rule(side=SIDE, is_paid=st.booleans())
    def autopay(self, side: int, is_paid: bool) -> None:
        self.now += timedelta(days=1)
        payer_id = self.payer_ids[side]
        if enrolments.live(self.session, payer_id) is None:
            enrolments.enrol(self.session, CLOCK, payer_id, consented_by="Herself", now=self.now)
        attempt = autopay.start_attempt(self.session, payer_id, self.now)
        # Credit first, then the whole balance, once: what is on the sheet.
        assert (attempt.amount_cents if attempt else 0) == (self.sheet[side] if self.sheet[side] >= LEAST_CENTS else 0)
        if attempt is None:
            return
        assert autopay.start_attempt(self.session, payer_id, self.now) is None
        outcome = Outcome(Verdict.SUCCEEDED, f"pi_{attempt.id}") if is_paid else Outcome(Verdict.SOFT, code="do_not_honor")
        for _ in range(2):
            charges.finish(self.session, attempt.id, outcome, self.now)
        self.sheet[side] -= attempt.amount_cents if is_paid else 0

    @invariant()
    def agrees(self) -> None:
        """Compare the balances with the sheet, to the cent."""
        if not hasattr(self, "door"):
            return
        sums = ledger.payer_sums(self.session, self.payer_ids)
        assert [sums[payer_id].balance_cents for payer_id in self.payer_ids] == self.sheet
        assert all(each.unallocated_cents >= 0 and each.owed_cents >= 0 for each in sums.values())


def test_whatever_is_done_in_whatever_order_the_books_agree(app, cast):
    machine = type("TheBooks", (Books,), {"app": app, "cast": cast})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25, stateful_step_count=14, deadline=None,
            suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )  # fmt: skip
