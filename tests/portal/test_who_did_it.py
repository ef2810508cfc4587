"""Whatever a client does by themselves, the audit trail names them: it never reads as done by the clock."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from clinic.billing import own_bills, packages
from clinic.billing.packages import FeeRow, Sale, Template
from clinic.calendar import live, own_booking, own_changes
from clinic.models.billing import PackageSale
from clinic.models.practice import AuditEntry
from clinic.practice.permissions import Actor
from tests import online
from tests.calendar.stage import at
from tests.cast import NOW
from tests.portal.test_own_bills import CLEO, keep_card, visit


@pytest.fixture
def since(session):
    """Return the rows of the audit trail that are written from now on."""
    last = session.scalar(select(func.max(AuditEntry.id))) or 0
    return lambda: session.scalars(select(AuditEntry).where(AuditEntry.id > last).order_by(AuditEntry.id)).all()


def _unnamed(entries, client_id):
    return [each.action for each in entries if (each.user_id, each.roles, each.detail.get("by_client")) != (
        None, "client", client_id)]  # fmt: skip


def test_booking_moving_and_cancelling_name_the_client_and_so_does_every_row_they_bring(session, cast):
    package = packages.save(session, cast.fay, Template("Two", (FeeRow(cast.therapy_fee_id, 2),)), NOW)
    wanted = Sale(package.id, (cast.cleo_id,), cast.cleo_payer_id, cast.pat_id, cast.harbour_id)
    invoice = packages.sell(session, cast.fay, wanted, NOW)
    sale_id = session.scalar(select(PackageSale.id).where(PackageSale.invoice_id == invoice.id))
    last = session.scalar(select(func.max(AuditEntry.id)))
    cleo = Actor(user_id=None, client_id=cast.cleo_id)
    item = own_booking.book(session, cleo, cast.cleo_id, sale_id, cast.therapy_id, at(10, days=5), NOW)
    assert live.last_change(session, item.id).name == "The client"
    own_changes.move(session, cleo, item.id, at(11, days=6), NOW, version=item.version)
    told = own_changes.cancelling(session, cleo, CLEO, item.id, NOW)
    own_changes.cancel(session, cleo, item.id, NOW, version=item.version, status=told.status.value)
    entries = session.scalars(select(AuditEntry).where(AuditEntry.id > last).order_by(AuditEntry.id)).all()
    assert [each.action for each in entries if each.object_type == "item"] == [
        "booked", "booked online", "moved", "set status"
    ]  # fmt: skip
    assert _unnamed(entries, cast.cleo_id) == []


def test_autopay_and_cards_name_the_client(session, cast, since):
    cleo, who = Actor(user_id=None, client_id=cast.cleo_id), visit(cast.cleo_id)
    card_id = keep_card(session, cast.cleo_payer_id)
    own_bills.join(session, who, cleo, cast.cleo_payer_id, NOW)
    own_bills.leave(session, who, cleo, cast.cleo_payer_id, NOW)
    own_bills.remove_card(session, who, cleo, cast.cleo_payer_id, card_id, NOW, leaves_autopay=False)
    assert len(since()) == 3
    assert _unnamed(since(), cast.cleo_id) == []


@pytest.mark.parametrize("is_known", [False, True])
def test_a_purchase_names_the_buyer_in_every_row_whoever_tells_of_the_payment(session, cast, is_known):
    package = online.on_sale(session, cast)
    last = session.scalar(select(func.max(AuditEntry.id)))
    buyer = {"client_id": cast.cleo_id, "email": CLEO} if is_known else {}
    made = online.bought(session, package, NOW + timedelta(minutes=1), **buyer)
    entries = session.scalars(select(AuditEntry).where(AuditEntry.id > last)).all()
    actions = {each.action for each in entries}
    assert {"sold package", "issued invoice", "recorded payment"} <= actions
    # Who orders without signing in is nobody's client yet.
    ordered = [] if is_known else ["ordered package online"]
    assert _unnamed(entries, made.client_id) == ordered
