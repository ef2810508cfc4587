"""What verify finds when something is off, and that it finds nothing when all is well."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from clinic.billing import credit_notes, invoices, packages, payments
from clinic.billing.packages import FeeRow, Sale, Template
from clinic.calendar import booking, statuses
from clinic.calendar.terms import Wanted
from clinic.models import guards
from clinic.models.calendar import Status
from clinic.models.money import Method
from clinic.office import verify
from tests.cast import NOW

TWICE = (
    "INSERT INTO diagnoses (client_id, position, code, description, from_date)"
    " VALUES (1, 1, 'F41.1', '', '2026-01-01'), (1, 2, 'F41.1', '', '2026-05-01')"
)


@pytest.fixture
def busy_day(session, cast):
    """Book, sell, link, issue, take a payment and credit part of an invoice, all by the rules."""
    template = packages.save(session, cast.olga, Template("Five sessions", (FeeRow(cast.therapy_fee_id, 5),)), NOW)
    sale = Sale(template.id, (cast.otto_id,), cast.otto_payer_id, cast.pat_id, cast.harbour_id)
    packages.sell(session, cast.fay, sale, NOW)
    for hours, client_id in ((24, cast.otto_id), (26, cast.cleo_id), (-2, cast.cleo_id)):
        wanted = Wanted(
            cast.therapy_id, cast.pat_id, NOW + timedelta(hours=hours), 50, client_id=client_id, overrides_warnings=True
        )
        item = booking.book(session, cast.fay, wanted, NOW)
    (invoice,) = invoices.bill_item(session, cast.fay, item.id, NOW)
    payments.record(session, cast.fay, payer_id=cast.cleo_payer_id, method=Method.CASH, amount_cents=20_000, now=NOW)
    credit_notes.credit(session, cast.fay, invoice, NOW, amounts={invoice.lines[0].id: 4_000})
    session.flush()
    return invoice


def test_nothing_is_off_after_a_day_by_the_rules(session, busy_day):
    assert list(verify.findings(session)) == []


# Each line does behind the rules' back what no verb may do; the guards are out of the way so that verify is what is tested.
@pytest.mark.parametrize(
    ("harm", "found"),
    [
        (
            "UPDATE postings SET amount_cents = amount_cents + 1 WHERE id = (SELECT max(id) FROM postings)",
            "does not sum to zero",
        ),
        (
            "UPDATE invoices SET total_cents = total_cents + 1, net_cents = net_cents + 1 WHERE serial = 2",
            "sum of its lines",
        ),
        ("UPDATE payments SET amount_cents = amount_cents + 1", "was posted at"),
        ("UPDATE invoices SET serial = 7 WHERE serial = 2", "missing before"),
        (
            "UPDATE invoices SET total_cents = 3999, net_cents = 3999 WHERE credited_invoice_id IS NOT NULL",
            "Credit note CN-0001 was posted at 4000",
        ),
        ("UPDATE invoices SET credited_invoice_id = 1 WHERE credited_invoice_id IS NOT NULL", "was posted as credited"),
        (
            "UPDATE invoice_lines SET net_cents = 15001, total_cents = 15001 WHERE credits_line_id IS NOT NULL",
            "was credited more than it amounts to",
        ),
        (
            "UPDATE invoice_lines SET net_cents = 15000, total_cents = 15000 WHERE credits_line_id IS NOT NULL",
            "still holds its session",
        ),
        ("UPDATE number_series SET next_number = 1", "was used already"),
        (
            "UPDATE items SET starts_at = (SELECT min(starts_at) FROM items), ends_at = (SELECT min(ends_at) FROM items)",
            "same time",
        ),
        ("UPDATE items SET is_blocking = false WHERE id = 1", "does not hold"),
        ("UPDATE invoice_lines SET share_id = NULL WHERE share_id IS NOT NULL AND invoice_id = 1", "has no appointment"),
        ("UPDATE invoice_lines SET session_date = '2020-01-01' WHERE share_id IS NOT NULL AND invoice_id = 1", "another date"),
        ("UPDATE session_entries SET purchased = 2 WHERE purchased = 1", "bought 2 times"),
        ("UPDATE shares SET amount_cents = amount_cents - 1 WHERE id = 1", "do not add up"),
        ("UPDATE audit_entries SET action = 'nothing' WHERE id = 1", "audit trail was changed"),
        ("DELETE FROM audit_entries WHERE id = 2", "audit trail was changed"),
        (
            TWICE,
            "say the same of the same days",
        ),
    ],
)
def test_verify_names_what_is_off(session, busy_day, harm, found):
    _drop_guards(session)
    session.execute(text(harm))
    session.expire_all()
    assert any(found in line for line in verify.findings(session)), list(verify.findings(session))


def test_a_missing_guard_is_named(session, busy_day):
    _drop_guards(session)
    assert len([line for line in verify.findings(session) if "lacks the guard" in line]) > 5


def test_a_cancelled_session_frees_its_time_and_nothing_is_off(session, cast, busy_day):

    statuses.set_status(session, cast.fay, 1, Status.CANCELLED_BY_CLIENT, NOW)
    assert list(verify.findings(session)) == []


def _drop_guards(session):
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        for name in connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        return
    for table, name in connection.execute(
        text("SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal")
    ).all():
        connection.exec_driver_sql(f"DROP TRIGGER {name} ON {table}")
    for column in ("practitioner_id", "room_id"):
        connection.exec_driver_sql(f"ALTER TABLE items DROP CONSTRAINT {guards.OVERLAP}_{column}")
