"""Two that tell of one payment, two buyers of one hour, two who share a last session, all at once: one of each, always."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from clinic.billing import packages, visits
from clinic.billing.packages import FeeRow, Sale, Template
from clinic.calendar import own_booking
from clinic.calendar.online import TakenError
from clinic.kernel.errors import ClashError
from clinic.models.billing import Invoice, PackageSale
from clinic.models.calendar import Item
from clinic.models.money import Payment
from clinic.models.people import Client
from clinic.office import verify
from clinic.practice.permissions import Actor
from tests import online
from tests.calendar.stage import at
from tests.cast import NOW
from tests.race.test_last_session import _at_once

TEN, ELEVEN = at(10, days=1), at(11, days=1)


@pytest.fixture
def shop(write, cast):
    with write() as session:
        return online.on_sale(session, cast)


def _books(cast, client_id, sale_id, starts_at):
    who = Actor(user_id=None, client_id=client_id)
    return lambda session: own_booking.book(session, who, client_id, sale_id, cast.therapy_id, starts_at, NOW)


def test_one_payment_told_twice_at_once_makes_one_client_one_invoice_and_one_payment(app, write, rows, cast, shop):
    with write() as session:
        made = online.visit(online.ordered(session, shop))
    tells = [lambda session: visits.book(session, made, NOW), lambda session: visits.book(session, made, NOW + timedelta(1))]
    assert _at_once(app, *tells) == []
    with rows() as session:
        assert [session.query(model).count() for model in (Invoice, Payment, Client)] == [1, 1, 3]
        assert list(verify.findings(session)) == []


def test_two_buyers_reach_for_one_hour_and_one_has_it(app, write, rows, cast, shop):
    with write() as session:
        for client_id in (cast.cleo_id, cast.otto_id):
            online.bought(session, shop, client_id=client_id)
        sale_ids = session.scalars(select(PackageSale.id).order_by(PackageSale.id)).all()
    errors = _at_once(app, _books(cast, cast.cleo_id, sale_ids[0], TEN), _books(cast, cast.otto_id, sale_ids[1], TEN))
    assert [type(error) for error in errors] == [TakenError]
    with rows() as session:
        assert session.scalars(select(Item.starts_at)).all() == [TEN]
        assert list(verify.findings(session)) == []


def test_two_who_share_a_package_reach_for_its_last_session_and_one_has_it(app, write, rows, cast):
    with write() as session:
        package = packages.save(session, cast.fay, Template("One", (FeeRow(cast.therapy_fee_id, 1),)), NOW)
        both = (cast.cleo_id, cast.otto_id)
        sale = Sale(package.id, both, cast.cleo_payer_id, cast.pat_id, cast.harbour_id)
        packages.sell(session, cast.fay, sale, NOW)
        sale_id = session.scalars(select(PackageSale.id)).one()
    errors = _at_once(app, _books(cast, cast.cleo_id, sale_id, TEN), _books(cast, cast.otto_id, sale_id, ELEVEN))
    assert [type(error) for error in errors] == [ClashError]
    with rows() as session:
        assert session.query(Item).count() == 1
        assert list(verify.findings(session)) == []
