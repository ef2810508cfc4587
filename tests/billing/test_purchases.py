"""A package bought online is sold once, as it was offered, to whoever it belongs to; and its money is never lost."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from clinic.billing import invoices, ledger, online_sales, packages, purchases, storefront, visits
from clinic.billing.lines import NewLine
from clinic.billing.packages import FeeRow, Template
from clinic.jobs import housekeeping
from clinic.kernel.errors import ClashError, NotFoundError, RefusalError
from clinic.models.billing import Invoice, InvoiceSource, PackageSale
from clinic.models.messages import Message, MessageKind
from clinic.models.money import Checkout, Payment
from clinic.models.online import OnlinePurchase, PurchaseStatus
from clinic.models.people import Client
from clinic.models.portal import PortalAccess
from clinic.models.practice import Practice, Practitioner
from clinic.office import verify
from clinic.people import portal_access
from tests import online
from tests.cast import NOW


@pytest.fixture
def package(session, cast):
    return online.on_sale(session, cast)


def _sold_to(session, made):
    assert visits.book(session, online.visit(made), NOW)
    return session.get(Client, made.client_id)


def test_what_is_sold_is_what_was_offered_once_however_often_it_is_told(session, cast, package):
    [ware] = storefront.wares(session)
    assert (ware.session_count, ware.lasts) == (5, "6 months from the day you buy it")
    assert ware.contents == ("5 × Therapy, 50 minutes", "1 × Workbook")
    made = online.ordered(session, package)
    packages.save(session, cast.olga, Template("Dear", (FeeRow(cast.intake_fee_id, 1),)), NOW, package_id=package.id)
    packages.set_archived(session, cast.olga, package.id, is_archived=True, now=NOW)
    session.get(Practitioner, cast.pat_id).is_archived = True
    session.flush()
    later = NOW + timedelta(days=40)
    for number in range(3):
        assert visits.book(session, online.visit(made), later + timedelta(days=number))
    invoice = session.scalars(select(Invoice)).one()
    assert (invoice.source, invoice.total_cents, ware.total_cents) == (
        InvoiceSource.PACKAGE,
        made.total_cents,
        made.total_cents,
    )
    sale = session.scalars(select(PackageSale)).one()
    assert (sale.name, sale.terms, str(sale.expires_date)) == ("Five sessions", "No refunds.", "2027-06-28")
    assert packages.counts(session, [sale.id], later)[sale.id].words == "5 bought: 5 left"
    assert session.scalars(select(Payment)).one().amount_cents == made.total_cents
    assert ledger.owed_cents(session, [invoice.id])[invoice.id] == 0
    assert (made.status, made.invoice_id) == (PurchaseStatus.SOLD, invoice.id)
    assert list(verify.findings(session)) == []


def test_an_order_is_refused_by_name_before_anybody_pays(session, cast, package):
    with pytest.raises(RefusalError, match="Agree to the terms"):
        online.ordered(session, package, agrees=False)
    with pytest.raises(ClashError, match="The price has changed"):
        online.ordered(session, package, seen_cents=1)
    session.get(Practice, 1).is_online_booking_on = False
    with pytest.raises(NotFoundError):
        storefront.wares(session)
    session.get(Practice, 1).is_online_booking_on = True
    packages.set_archived(session, cast.olga, package.id, is_archived=True, now=NOW)
    assert storefront.wares(session) == []


def test_with_whom_and_where_is_asked_only_when_there_is_a_choice(session, cast, package):
    rows = (FeeRow(cast.therapy_fee_id, 1),)
    other = packages.save(session, cast.olga, Template("One", rows, is_online=True), NOW)
    [_five, one] = storefront.wares(session)
    assert [giver.practitioner for giver in one.givers] == ["Pat Oyelaran", "Piet Vandermolen"]  # both at Harbour Street alone
    with pytest.raises(RefusalError, match="Choose with whom"):
        online.ordered(session, other, giver="999-1")
    made = online.ordered(session, other, giver=one.givers[1].value)
    assert (made.practitioner_id, made.agreed_at) == (cast.piet_id, None)


# A known client is found by an address that may open their portal and by their very name; anyone else is new.
@pytest.mark.parametrize(("first", "email", "is_granted", "is_known"), [
    ("cléo", "CLEO@clients.example ", True, True),
    ("Cleo", "cleo@clients.example", False, False),
    ("Clea", "cleo@clients.example", True, False),
    ("Cleo", "other@clients.example", True, False),
])  # fmt: skip
def test_a_client_is_matched_by_what_they_may_see_anyway(session, cast, package, first, email, is_granted, is_known):
    if is_granted:
        portal_access.grant(session, cast.fay, cast.cleo_id, "cleo@clients.example", NOW)
    made = online.ordered(session, package, first_name=first, last_name="Abernathy", email=email)
    client = _sold_to(session, made)
    assert (client.id == cast.cleo_id, made.is_new_client) == (is_known, not is_known)
    address = portal_access.folded_address(email)
    granted = select(PortalAccess.email).where(PortalAccess.client_id == client.id)
    assert session.scalars(granted).all() == [address], "who bought may open the portal, and nobody else's"
    message = session.scalars(select(Message).where(Message.kind == MessageKind.BOUGHT_ONLINE)).one()
    assert message.to_address == email
    assert message.body.startswith(f"Hello {client.first_name},\n\nthank you for “Five sessions”. ")
    [row] = online_sales.listed(session, cast.fay)
    assert [twin.client_id for twin in row.twins] == ([cast.cleo_id] if first == "Cleo" else [])
    assert list(verify.findings(session)) == []


def test_who_is_signed_in_buys_for_themselves_and_pays_themselves(session, cast, package):
    session.get(Client, cast.cleo_id).default_payer_id = cast.pellworth_id
    made = online.ordered(session, package, client_id=cast.cleo_id, first_name="", last_name="", email="mum@clients.example")
    assert _sold_to(session, made).id == cast.cleo_id
    invoice = session.scalars(select(Invoice)).one()
    assert (invoice.client_id, invoice.payer_id, made.first_name) == (cast.cleo_id, cast.cleo_payer_id, "Cleo")
    assert session.scalar(select(func.count()).select_from(PortalAccess)) == 0


def test_money_without_a_sale_is_kept_as_credit_and_staff_see_it_until_they_have_seen_to_it(session, cast, package):
    owed = invoices.draft(session, cast.fay, payer_id=cast.cleo_payer_id, client_id=cast.cleo_id, now=NOW)
    invoices.add_line(session, owed, NewLine("Letter", 2_000))
    invoices.issue(session, cast.fay, owed, NOW)
    made = online.ordered(session, package, client_id=cast.cleo_id)
    session.get(Practice, 1).tax_inclusive = True
    assert visits.book(session, online.visit(made), NOW)
    assert visits.book(session, online.visit(made), NOW)
    assert (made.status, made.invoice_id) == (PurchaseStatus.STRANDED, None)
    assert session.scalars(select(Payment)).one().amount_cents == made.total_cents
    assert session.scalars(select(Invoice)).one() is owed, "nothing half-made is kept"
    word = session.scalars(select(Message)).one()
    assert (word.kind, word.to_address) == (MessageKind.SOLD_ONLINE, "pat@quillmere.example")
    assert "It could not be sold: " in word.body
    assert "The money is their credit." in word.body
    assert ledger.owed_cents(session, [owed.id])[owed.id] == 2_000, "it was paid for something else"
    [row] = online_sales.listed(session, cast.fay)
    assert "tax setting" in row.needs
    assert (online_sales.stranded_count(session), list(verify.findings(session))) == (1, [])
    with pytest.raises(RefusalError, match="tax setting"), session.begin_nested():
        purchases.sell_again(session, cast.fay, made.id, NOW)
    session.get(Practice, 1).tax_inclusive = False
    sold = purchases.sell_again(session, cast.fay, made.id, NOW)
    assert ledger.owed_cents(session, [sold.id])[sold.id] == 0
    assert (made.status, online_sales.stranded_count(session)) == (PurchaseStatus.SOLD, 0)
    with pytest.raises(NotFoundError):
        purchases.settle(session, cast.fay, made.id, NOW)


def test_verify_names_a_purchase_without_its_payment_or_at_another_price(session, cast, package):
    made = online.bought(session, package)
    made.total_cents += 1
    session.flush()
    assert list(verify.findings(session)) == [
        f"Online purchase 1 of {made.total_cents} cents was paid with {made.total_cents - 1}.",
        "Online purchase 1 was not invoiced at its price.",
    ]
    made.total_cents -= 1
    session.scalars(select(Checkout)).one().payment_id = None
    session.flush()
    assert list(verify.findings(session)) == ["Online purchase 1 is sold, which its payment does not say."]


def test_whatever_breaks_the_sale_the_money_is_kept(session, cast, package):
    made = online.ordered(session, package)
    made.offered = made.offered | {"lines": []}
    assert visits.book(session, online.visit(made), NOW)
    assert made.status is PurchaseStatus.STRANDED
    assert session.get(Client, made.client_id).name == "Bruno Buyer"
    purchases.settle(session, cast.fay, made.id, NOW)
    assert online_sales.stranded_count(session) == 0
    assert online_sales.listed(session, cast.fay)[0].is_settled
    assert list(verify.findings(session)) == []


def test_what_is_not_paid_ends_and_is_forgotten_and_paid_too_late_is_honoured(session, cast, package):
    late, gone, never = online.ordered(session, package), online.ordered(session, package), online.ordered(session, package)
    session.delete(session.scalars(select(Checkout).where(Checkout.purchase_id == never.id)).one())
    session.flush()
    for made in (late, gone):
        assert not visits.book(session, online.visit(made, is_paid=False), NOW)
        assert made.status is PurchaseStatus.ENDED
    with pytest.raises(ClashError, match="time for this purchase is over"):
        purchases.opening(session, gone.token, "", "", NOW)
    assert visits.book(session, online.visit(late), NOW + timedelta(days=8))
    assert late.status is PurchaseStatus.SOLD
    assert purchases.due_to_clear(session, NOW + timedelta(hours=23)) == []
    soon = NOW + timedelta(days=8)
    assert purchases.due_to_clear(session, soon) == [gone.id, never.id]
    assert [purchases.clear(session, each, soon) for each in (gone.id, never.id, never.id, late.id)] == [1, 1, 0, 0]
    assert session.scalars(select(OnlinePurchase.id)).all() == [late.id]
    assert purchases.bought(session, late.token, soon).status is PurchaseStatus.SOLD
    with pytest.raises(NotFoundError):
        purchases.bought(session, late.token, NOW + timedelta(days=91))


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_housekeeping_forgets_what_was_typed_for_nothing(app, write, rows, cast):
    with write() as session:
        made = online.ordered(session, online.on_sale(session, cast))
        assert not visits.book(session, online.visit(made, is_paid=False), NOW)
    later = NOW + timedelta(days=8)
    with app.app_context():
        assert housekeeping.run(later.date(), lambda: later).done == 1
    with rows() as session:
        assert (session.query(OnlinePurchase).count(), session.query(Checkout).count()) == (0, 0)
