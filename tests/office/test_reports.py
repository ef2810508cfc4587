"""Reports say what is true, to whoever may know, and the words at the top lead to them."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from clinic.billing import packages, sold
from clinic.billing.packages import FeeRow, Sale, Template
from clinic.billing.sold import Standing
from clinic.kernel import clock
from clinic.models.billing import InvoiceLine
from clinic.office import reports
from tests.cast import NOW
from tests.night_stage import ZONE, bills_daily, give


def _sell(session, cast, name, client_ids, **sale):
    template = Template(name=name, rows=(FeeRow(cast.therapy_fee_id, 3), FeeRow(cast.workbook_fee_id, 1)))
    package = packages.save(session, cast.olga, template, NOW)
    wish = Sale(package.id, client_ids, cast.cleo_payer_id, cast.pat_id, cast.harbour_id, **sale)
    return packages.sell(session, cast.fay, wish, NOW)


def test_unused_packages_are_those_still_good_with_sessions_left_and_what_those_came_to(session, cast):
    last = NOW.date() + timedelta(days=20)
    shared = _sell(session, cast, "Shared three", (cast.cleo_id, cast.otto_id))
    expiring = _sell(session, cast, "Soon over", (cast.cleo_id,), expires_date=last)
    used = _sell(session, cast, "Used up", (cast.cleo_id,))
    for invoice, spent in ((expiring, 1), (used, 3)):
        lines = session.scalars(
            select(InvoiceLine.id).where(InvoiceLine.invoice_id == invoice.id, InvoiceLine.minutes.is_not(None)).limit(spent)
        ).all()
        for line_id in lines:
            sold.adjust(session, cast.fay, invoice.id, line_id, Standing.USED, "Given before", NOW)
    found = reports.unused_packages(session, NOW)
    assert [(row.name, row.left, row.unused_cents, row.good_through) for row in found.rows] == [
        ("Soon over", 2, 30_000, last), ("Shared three", 3, 45_000, None),
    ]  # fmt: skip
    assert found.rows[1].clients == "Cleo Abernathy, Otto Brandt"
    assert (found.left, found.unused_cents, found.has_more) == (5, 75_000, False)
    assert found.owed_cents == expiring.total_cents + shared.total_cents
    later = reports.unused_packages(session, NOW + timedelta(days=30))
    assert [row.name for row in later.rows] == ["Shared three"]


@pytest.mark.parametrize(("name", "sees"), [("olga", True), ("fay", True), ("bill", True), ("pat", False)])
def test_reports_and_tonights_count_stand_at_the_top_for_whoever_may_see_them(app, as_, cast, write, name, sees):
    with write() as session:
        bills_daily(session)
        give(session, cast, day=clock.local_date(clock.now(), ZONE))
    page = as_(name).get("/packages").text
    assert ("Reports</a>" in page, "Tonight <b>" in page) == (sees, sees)
    if sees:
        listed = as_(name).get("/reports/").text
        assert "Payments by day and method" in listed
        assert ("Unconfirmed sessions" in listed) == (name != "bill")
        told = as_(name).get("/invoices/tonight").text
        assert "Tonight <b>1</b>" in told
