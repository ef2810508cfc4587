"""Payments by day and method add up to what the cash box, the bank and the processor have."""

import pytest

from clinic.billing import payments, refunds, reversals
from clinic.models.money import Method
from tests.cast import NOW
from tests.night_stage import NIGHT


@pytest.fixture
def month(write, cast):
    with write() as session:

        def paid(method, cents, day, reference=""):
            return payments.record(session, cast.fay, payer_id=cast.cleo_payer_id, method=method, amount_cents=cents, now=NIGHT,
                                   received_date=NOW.date().replace(day=day), reference=reference)  # fmt: skip

        cash = paid(Method.CASH, 10_000, 2)
        paid(Method.CASH, 2_500, 3)
        paid(Method.CHECK, 7_000, 3, "=cmd|' /C calc'!A0")
        paid(Method.CASH, 99_900, 30 - 27)
        undone = paid(Method.CASH, 5_000, 4)
        reversals.undo(session, cast.fay, undone.id, reason="Typed twice", now=NIGHT)
        refunds.record(
            session, cast.bill, refunds.Wanted(cash.id, 1_000, Method.CASH, refunded_date=NOW.date().replace(day=4)), NIGHT
        )
        return cash.id


def test_days_add_up_by_method_and_the_file_holds_every_line(as_, month):
    bill = as_("bill")
    page = bill.get("/invoices/payments/?first=2026-11-01&last=2026-11-30").text
    for amount in ("$100.00", "$1,024.00", "$70.00", "− $10.00", "$1,184.00"):
        assert amount in page, amount
    assert "$50.00" not in page, "what was undone was never there"
    cash = bill.get("/invoices/payments/?first=2026-11-01&last=2026-11-30&method=cash").text
    assert "$70.00" not in cash
    file = bill.get("/invoices/payments/payments.csv?first=2026-11-01&last=2026-11-30")
    rows = file.text.splitlines()
    assert file.mimetype == "text/csv"
    assert len(rows) == 6
    assert f"2026-11-04,Refund,R-{month},Cleo Abernathy,Cash,,-10.00" in rows
    assert "\"'=cmd" in file.text or ",'=cmd" in file.text, "a spreadsheet must not run what somebody typed"


@pytest.mark.parametrize(
    "query", ["first=2026-12-01&last=2026-11-01", "first=1901-01-01&last=2026-11-01", "first=x", "method=gold"]
)
def test_days_that_cannot_be_are_refused_by_name(as_, query):
    assert (
        'role="alert"' in as_("bill").get(f"/invoices/payments/?{query}").text
        or 'class="err"' in as_("bill").get(f"/invoices/payments/?{query}").text
    )
    assert as_("bill").get(f"/invoices/payments/payments.csv?{query}").status_code == 422
