"""A template says what is sold, selling puts every unit on its own line, and the session ledger counts what is left."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.exc import DatabaseError

from clinic.billing import invoices, offers, packages, sessions
from clinic.billing.packages import FeeRow, Sale, Template
from clinic.kernel.database import writing
from clinic.kernel.errors import NotFoundError, RefusalError
from clinic.models.billing import ExpiryUnit, Fee, InvoiceSource, Package, PackageFee, PackageKind, PackageSale
from clinic.people import contacts
from tests.cast import NOW


def _template(cast, *rows, **values):
    return Template(name="Five sessions", rows=tuple(FeeRow(*row) for row in rows or [(cast.therapy_fee_id, 5)]), **values)


def _sale(cast, package, **other):
    values = {"package_id": package.id, "client_ids": (cast.cleo_id,), "payer_id": cast.cleo_payer_id,
              "practitioner_id": cast.pat_id, "location_id": cast.harbour_id}  # fmt: skip
    return Sale(**(values | other))


def _sold(session, cast, *, who=None, is_draft=False, template=None, **other):
    package = packages.save(session, cast.fay, template or _template(cast), NOW)
    invoice = packages.sell(session, who or cast.fay, _sale(cast, package, **other), NOW, is_draft=is_draft)
    return invoice, session.scalars(select(PackageSale).where(PackageSale.invoice_id == invoice.id)).one()


def test_an_itemised_package_costs_the_sum_and_every_session_is_a_line(session, cast):
    rows = [(cast.therapy_fee_id, 5), (cast.workbook_fee_id, 1)]
    invoice, _sale_row = _sold(session, cast, template=_template(cast, *rows))
    assert [line.unit_cents for line in invoice.lines] == [15_000] * 5 + [2_500]
    assert {line.quantity for line in invoice.lines} == {1}
    assert (invoice.source, invoice.net_cents, invoice.tax_cents) == (InvoiceSource.PACKAGE, 77_500, 206)
    assert (invoice.practitioner_id, invoice.location_id) == (cast.pat_id, cast.harbour_id)
    assert invoice.issued_at == NOW


def test_a_packaged_price_is_shared_so_that_the_lines_add_up(session, cast):
    template = _template(cast, (cast.therapy_fee_id, 2), (cast.intake_fee_id, 1), kind=PackageKind.PACKAGED, price_cents=40_000)
    invoice, _sale_row = _sold(session, cast, template=template)
    assert [line.unit_cents for line in invoice.lines] == [12_500, 12_500, 15_000]
    assert invoice.total_cents == 40_000


@settings(deadline=None)
@given(
    price_cents=st.integers(0, 1_000_000), amounts=st.lists(st.tuples(st.integers(0, 50_000), st.integers(1, 7)), min_size=1)
)
def test_whatever_the_price_the_units_add_up_to_it(price_cents, amounts):
    package = Package(kind=PackageKind.PACKAGED, price_cents=price_cents)
    package.fees = [
        PackageFee(fee=Fee(amount_cents=cents, minutes=50, is_hourly=False), quantity=count) for cents, count in amounts
    ]
    assert packages.total_cents(package) == price_cents


@pytest.mark.parametrize(
    ("first", "count", "unit", "last"),
    [
        (date(2026, 1, 31), 1, ExpiryUnit.MONTHS, date(2026, 2, 28)),
        (date(2026, 11, 18), 6, ExpiryUnit.MONTHS, date(2027, 5, 18)),
        (date(2026, 12, 31), 12, ExpiryUnit.MONTHS, date(2027, 12, 31)),
        (date(2026, 11, 18), 30, ExpiryUnit.DAYS, date(2026, 12, 18)),
    ],
)
def test_a_package_is_good_through_its_last_day(first, count, unit, last):
    assert sessions.last_day(first, count, unit) == last


def test_a_draft_begins_its_life_when_it_is_issued(session, cast):
    invoice, sale = _sold(session, cast, is_draft=True, template=_template(cast, expires_after=6))
    assert (invoice.issued_at, sale.expires_date, packages.counts(session, [sale.id], NOW)[sale.id].purchased) == (
        None,
        None,
        0,
    )
    later = datetime(2026, 11, 20, 15, tzinfo=UTC)
    invoices.issue(session, cast.fay, invoice, later)
    assert sale.expires_date == date(2027, 5, 20)
    assert packages.counts(session, [sale.id], later)[sale.id].purchased == 5


def test_products_are_not_sessions(session, cast):
    template = _template(cast, (cast.therapy_fee_id, 2), (cast.workbook_fee_id, 3))
    _invoice, sale = _sold(session, cast, template=template)
    assert packages.counts(session, [sale.id], NOW)[sale.id].purchased == 2


def test_the_copy_sold_does_not_follow_the_template_or_the_price_list(session, cast):
    invoice, sale = _sold(session, cast, template=_template(cast, expires_after=6))
    fee = session.get(Fee, cast.therapy_fee_id)
    fee.amount_cents, fee.description = 99_900, "Changed"
    packages.save(session, cast.fay, _template(cast, (cast.intake_fee_id, 1)), NOW, package_id=sale.package_id)
    assert (sale.name, len(invoice.lines), invoice.lines[0].description) == ("Five sessions", 5, "Therapy, 50 minutes")


def test_an_organisation_linked_to_the_client_may_pay_and_its_reference_prints(session, cast):
    invoice, _sale_row = _sold(session, cast, payer_id=cast.pellworth_id)
    assert (invoice.payer_id, invoice.reference) == (cast.pellworth_id, "PW-55810")


def test_someone_who_is_nothing_to_the_client_is_not_billed(session, cast):
    with pytest.raises(RefusalError) as refused:
        _sold(session, cast, payer_id=cast.otto_payer_id)
    assert refused.value.field == "payer"


def test_a_package_is_sold_only_with_and_where_it_is_valid(session, cast):
    only = _template(cast, practitioner_ids=(cast.piet_id,), location_ids=(cast.mill_id,))
    with pytest.raises(RefusalError) as refused:
        _sold(session, cast, template=only)
    assert refused.value.field == "practitioner"
    with pytest.raises(RefusalError) as refused:
        _sold(session, cast, template=only, practitioner_id=cast.piet_id)
    assert refused.value.field == "location"
    _sold(session, cast, template=only, practitioner_id=cast.piet_id, location_id=cast.mill_id)


def test_pat_sells_her_own_sessions_only(session, cast):
    _sold(session, cast, who=cast.pat)
    with pytest.raises(NotFoundError):
        _sold(session, cast, who=cast.pat, practitioner_id=cast.piet_id)


def test_an_archived_package_is_no_longer_sold(session, cast):
    package = packages.save(session, cast.fay, _template(cast), NOW)
    packages.set_archived(session, cast.fay, package.id, is_archived=True, now=NOW)
    with pytest.raises(RefusalError, match="archived"):
        packages.sell(session, cast.fay, _sale(cast, package), NOW)
    packages.set_archived(session, cast.fay, package.id, is_archived=False, now=NOW)
    packages.sell(session, cast.fay, _sale(cast, package), NOW)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"rows": ()}, "rows"),
        ({"rows": (FeeRow(999_999, 1),)}, "rows"),
        ({"rows": (FeeRow(1, 101),)}, "rows"),
        ({"kind": PackageKind.PACKAGED}, "price"),
        ({"practitioner_ids": (999_999,)}, "practitioners"),
    ],
)
def test_a_template_that_cannot_be_sold_is_refused_by_field(session, cast, values, field):
    wanted = {"name": "Odd", "rows": (FeeRow(cast.therapy_fee_id, 1),)} | values
    with pytest.raises(RefusalError) as refused:
        packages.save(session, cast.fay, Template(**wanted), NOW)
    assert refused.value.field == field


def test_the_session_ledger_is_history(app, cast):
    with app.app_context():
        with writing() as session:
            _sold(session, cast)
        for statement in ("UPDATE session_entries SET purchased = 9", "DELETE FROM session_entries"):
            with pytest.raises(DatabaseError, match="append-only"), writing() as session:
                session.execute(text(statement))


def test_the_offer_names_payers_mates_and_prices(session, cast):
    packages.save(session, cast.fay, _template(cast, kind=PackageKind.PACKAGED, price_cents=65_000), NOW)
    offer = offers.offer(session, cast.fay, cast.cleo_id)
    assert [(row.name, row.price_cents) for row in offer.packages] == [("Five sessions", 65_000)]
    assert [(row.words, row.quantity) for row in offer.copy.rows] == [("90834 Therapy, 50 minutes", 5)]  # the only one: chosen
    assert {each for each, _label in offer.payers} == {payer.contact_id for payer in contacts.payers_of(session, cast.cleo_id)}
    assert [name for _id, name in offer.mates] == ["Otto Brandt"]
    assert (offer.practitioner_id, offer.location_id) == (cast.pat_id, cast.harbour_id)
    assert offers.listed(session)[0].contents == "5 × 90834 Therapy, 50 minutes"


# What differs in the client's own copy: counts, price, last day; and which field a copy that does not hold is about.
@pytest.mark.parametrize(
    ("copy", "field", "units"),
    [
        ({"price_cents": 50_000}, None, [12_500] * 2 + [12_500] * 2),
        ({"price_cents": 10_001}, None, [2_501, 2_500, 2_500, 2_500]),
        ({"counts": (3, 0), "price_cents": 30_000}, None, [10_000] * 3),
        ({"counts": (2, 2)}, None, [10_000] * 4),  # the counts as they stand: the price as it stands
        ({"counts": (3, 1)}, "price", None),
        ({"counts": (0, 0), "price_cents": 1}, "rows", None),
        ({"counts": (101, 0), "price_cents": 1}, "rows", None),
    ],
)
def test_a_clients_own_copy_may_differ_before_it_is_issued(session, cast, copy, field, units):
    session.get(Fee, cast.intake_fee_id).amount_cents = 15_000
    template = _template(cast, (cast.therapy_fee_id, 2), (cast.intake_fee_id, 2), kind=PackageKind.PACKAGED, price_cents=40_000)
    own = {key: value for key, value in copy.items() if key != "counts"}
    if "counts" in copy:
        own["rows"] = tuple(
            FeeRow(fee_id, count)
            for fee_id, count in zip((cast.therapy_fee_id, cast.intake_fee_id), copy["counts"], strict=True)
        )
    if field:
        with pytest.raises(RefusalError) as refused:
            _sold(session, cast, template=template, **own)
        assert refused.value.field == field
        return
    invoice, _sale_row = _sold(session, cast, template=template, **own)
    assert [line.unit_cents for line in invoice.lines] == units
    assert invoice.total_cents == sum(units)


def test_an_itemised_copy_of_other_counts_costs_the_sum_and_a_copy_may_never_expire(session, cast):
    template = _template(cast, expires_after=6)
    invoice, sale = _sold(session, cast, template=template, rows=(FeeRow(cast.therapy_fee_id, 7),), never_expires=True)
    assert (len(invoice.lines), invoice.total_cents, sale.expires_date) == (7, 105_000, None)
    with pytest.raises(RefusalError) as refused:
        _sold(session, cast, template=template, rows=(FeeRow(cast.intake_fee_id, 1),))
    assert refused.value.field == "rows"


def test_a_duplicate_is_a_template_of_its_own_and_not_sold_online_unasked(session, cast):
    template = _template(cast, expires_after=3, location_ids=(cast.mill_id,), is_online=True, terms="No refunds")
    made_id = packages.save(session, cast.fay, template, NOW).id
    copy_id = packages.duplicate(session, cast.fay, made_id, NOW).id
    session.expire_all()
    made, copy = (packages.package_for(session, each) for each in (made_id, copy_id))
    assert (copy.name, copy.is_online, copy.terms, packages.total_cents(copy)) == (
        "Copy of Five sessions", False, "No refunds", packages.total_cents(made),
    )  # fmt: skip
    assert packages.valid_for(session, copy.id) == packages.valid_for(session, made.id) == (set(), {cast.mill_id})
    assert made.is_online
    assert next(row for row in offers.listed(session) if row.id == made.id).valid_for == "Mill Lane"
    assert offers.offer(session, cast.fay, cast.cleo_id, package_id=made.id).locations == [(cast.mill_id, "Mill Lane")]


def test_a_fee_no_longer_offered_stays_in_the_package_that_has_it(session, cast):
    made = packages.save(session, cast.fay, _template(cast), NOW)
    session.get(Fee, cast.therapy_fee_id).is_archived = True
    assert cast.therapy_fee_id not in dict(offers.fee_choices(session))
    assert cast.therapy_fee_id in dict(offers.fee_choices(session, packages.package_for(session, made.id)))
