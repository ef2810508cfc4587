"""The made-up practice is lived through by the rules: full, deterministic, and nothing about it is off."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from clinic.billing import storefront, superbills
from clinic.config import Config
from clinic.demo import house, people, practice
from clinic.demo.house import TIMEZONE
from clinic.demo.stripe_server import StandIn
from clinic.kernel import clock
from clinic.kernel.database import reading
from clinic.models.billing import Invoice, InvoiceSource, PackageSale
from clinic.models.calendar import Item, ItemKind
from clinic.models.money import AutoPayEnrolment, Card
from clinic.models.people import Client
from clinic.models.portal import PortalAccess
from clinic.models.practice import Role, User
from clinic.office import verify
from clinic.practice.permissions import Actor

OWNER = Actor(user_id=1, roles=frozenset({Role.OWNER}))


@pytest.fixture
def config(database):
    """Take cards, through the stand-in."""
    with StandIn.start() as stand_in:
        yield Config(
            DATABASE_URL=database[0],
            SECRET_KEY="for tests only",
            STRIPE_SECRET_KEY="sk_test_demo",
            STRIPE_API_BASE=stand_in.url,
        )


@pytest.fixture
def demo(empty_app):
    """Load the demo practice, cards and all; a second load changes nothing."""
    said = []
    assert practice.load(empty_app, clock.now(), said.append)
    assert not practice.load(empty_app, clock.now(), said.append)
    return empty_app


def test_the_demo_practice_is_full_and_nothing_is_off(demo):
    now = clock.now()
    today = clock.local_date(now, TIMEZONE)
    with demo.app_context(), reading() as session:
        assert [ware.name for ware in storefront.wares(session)] == ["Five sessions"]
        count = {
            model: session.scalar(select(func.count()).select_from(model))
            for model in (Client, Item, Invoice, PackageSale, Card)
        }
        starts_at, ends_at = clock.day_span(today, TIMEZONE)
        sessions_today = session.scalar(
            select(func.count()).where(Item.starts_at >= starts_at, Item.starts_at < ends_at, Item.kind == ItemKind.APPOINTMENT)
        )
        emails = set(session.scalars(select(User.email)))
        opened = list(session.scalars(select(PortalAccess.email).order_by(PortalAccess.id)))
        enrolled = session.scalar(select(func.count()).select_from(AutoPayEnrolment))
        found = list(verify.findings(session))
        odalys = session.scalars(select(Client).where(Client.last_name == "Brandt")).one()
        superbill = superbills.superbill_for(session, OWNER, odalys.id, today - timedelta(days=60), today, now)
        latest = session.scalar(select(func.max(Invoice.issue_date)).where(Invoice.source == InvoiceSource.DAILY))
    assert found == []
    assert [each[1] for each in superbill.diagnoses] == ["F33.1"]
    assert all(row.pointers == "A" and row.code for row in superbill.rows)
    assert superbill.rows
    assert count[Client] == 60
    assert 1_100 <= count[Item] <= 1_500
    assert count[Invoice] > 300
    assert count[PackageSale] == 8
    assert count[Card] == len(people.AUTOPAY) + len(people.CARD_ONLY)
    assert opened == [house.address_of(address) for _client, address in people.PORTAL]
    assert enrolled == len(people.AUTOPAY)
    assert sessions_today >= 5, "whatever the weekday, somebody works today"
    assert latest == today - timedelta(days=1), "yesterday is invoiced, today is not yet"
    assert emails == {"owner@demo.example", "frontdesk@demo.example", "practitioner@demo.example", "biller@demo.example"}
