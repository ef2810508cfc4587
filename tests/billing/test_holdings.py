"""What a client's Billing says of the packages they hold."""

from datetime import date, timedelta

from sqlalchemy import select

from clinic.billing import holdings, packages
from clinic.billing.packages import FeeRow, Sale, Template
from clinic.billing.sold import Standing, adjust
from clinic.models.billing import InvoiceLine
from tests.cast import NOW


def _sold(session, cast, *, clients, practitioner_id=None, until=None, is_draft=False):
    template = Template(name="Three sessions", rows=(FeeRow(cast.therapy_fee_id, 3),))
    package = packages.save(session, cast.olga, template, NOW)
    payer_id = cast.cleo_payer_id if cast.cleo_id in clients else cast.otto_payer_id
    sale = Sale(
        package.id, clients, payer_id, practitioner_id or cast.pat_id, cast.harbour_id, expires_date=until,
        never_expires=until is None,
    )  # fmt: skip
    return packages.sell(session, cast.olga, sale, NOW, is_draft=is_draft)


def test_a_clients_packages_stand_with_what_is_left_and_until_when(session, cast):
    last = date(2026, 12, 31)
    spent = _sold(session, cast, clients=(cast.cleo_id,), until=last)
    shared = _sold(session, cast, clients=(cast.cleo_id, cast.otto_id))
    draft = _sold(session, cast, clients=(cast.cleo_id,), is_draft=True)
    theirs = _sold(session, cast, clients=(cast.otto_id,), practitioner_id=cast.piet_id)
    lines = session.scalars(select(InvoiceLine.id).where(InvoiceLine.invoice_id == spent.id)).all()
    for line_id in lines:
        adjust(session, cast.olga, spent.id, line_id, Standing.USED, "Given before", NOW)
    held = holdings.of_client(session, cast.fay, cast.cleo_id, NOW)
    # What still has sessions stands first, then the newest.
    assert [each.invoice_id for each in held] == [draft.id, shared.id, spent.id]
    assert [each.is_draft for each in held] == [True, False, False]
    assert (held[1].counts.remaining, held[1].counts.purchased, held[1].good_through) == (3, 3, None)
    assert (held[2].counts.remaining, held[2].counts.used, held[2].good_through, held[2].is_open) == (0, 3, last, False)
    # A shared pack stands on both clients' Billing; a practitioner reads only their own.
    assert [each.invoice_id for each in holdings.of_client(session, cast.fay, cast.otto_id, NOW)] == [theirs.id, shared.id]
    assert [each.invoice_id for each in holdings.of_client(session, cast.pat, cast.otto_id, NOW)] == [shared.id]
    # The day after its last one nothing is left of it.
    after = NOW + timedelta(days=60)
    assert [each.is_open for each in holdings.of_client(session, cast.fay, cast.cleo_id, after)] == [True, True, False]
