"""Clients who asked for it are warned once before a package expires, while something of it is left."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from clinic.billing import package_warnings, packages, sold
from clinic.billing.packages import FeeRow, Sale, Template
from clinic.billing.sold import Standing
from clinic.jobs import housekeeping
from clinic.jobs.tick import due
from clinic.messages import choices
from clinic.messages.choices import Choices
from clinic.models.billing import InvoiceLine
from clinic.models.messages import Message, MessageKind, MessageState
from clinic.models.people import Contact
from clinic.practice import settings
from tests.calendar.stage import at
from tests.cast import NOW

LAST = date(2026, 12, 18)
NEAR = at(9, days=16)  # 4 December, fourteen days before


def _sold(session, cast, **other):
    made = packages.save(session, cast.fay, Template("Two sessions", (FeeRow(cast.therapy_fee_id, 2),)), NOW)
    sale = Sale(made.id, (cast.cleo_id, cast.otto_id), cast.cleo_payer_id, cast.pat_id, cast.harbour_id, expires_date=LAST)
    return packages.sell(session, cast.fay, sale, NOW, **other)


def _asks(session, cast):
    choices.choose(session, cast.fay, cast.cleo_id, Choices(package_expiring=True), NOW)


def _warned(session, now):
    return sum(package_warnings.warn(session, sale_id, now) for sale_id in package_warnings.due(session, now))


@pytest.mark.parametrize(
    ("now", "warned"),
    [(at(23, 59, days=15), 0), (at(0, days=16), 1), (at(23, 59, days=30), 1), (at(0, days=31), 0)],
)
def test_the_warning_comes_so_many_days_before_and_never_after(session, cast, now, warned):
    _sold(session, cast)
    _asks(session, cast)
    assert _warned(session, now) == warned
    assert _warned(session, now) == 0  # once


def test_it_says_what_is_left_until_when_and_only_to_who_asked(session, cast):
    _sold(session, cast)
    assert _warned(session, NEAR) == 0
    _asks(session, cast)
    _warned(session, NEAR)
    (written,) = session.scalars(select(Message)).all()
    assert (written.kind, written.client_id, written.to_address, written.item_id) == (
        MessageKind.PACKAGE_EXPIRING, cast.cleo_id, "cleo@clients.example", None,
    )  # fmt: skip
    assert written.subject == "Your package at Quillmere is good through December 18, 2026"
    assert "your package “Two sessions” has 2 sessions left, for appointments through" in written.body


def test_nothing_is_said_of_what_is_spent_switched_off_or_a_draft(session, cast):
    _asks(session, cast)
    _sold(session, cast, is_draft=True)
    invoice = _sold(session, cast)
    for line in session.scalars(select(InvoiceLine).where(InvoiceLine.invoice_id == invoice.id)).all():
        sold.adjust(session, cast.fay, invoice.id, line.id, Standing.USED, "Given", NOW)
    assert _warned(session, NEAR) == 0
    _sold(session, cast)
    settings.practice(session).package_warning_days = 0
    assert _warned(session, NEAR) == 0
    settings.practice(session).package_warning_days = 14
    session.get(Contact, cast.cleo_payer_id).email = ""
    assert _warned(session, NEAR) == 1  # it stands in the outbox as not sent
    assert session.scalars(select(Message.state)).all() == [MessageState.DROPPED]


def test_an_extension_is_warned_of_anew(session, cast):
    invoice = _sold(session, cast)
    _asks(session, cast)
    assert _warned(session, NEAR) == 1
    sold.extend(session, cast.fay, invoice.id, LAST + timedelta(days=2), "Ill", NEAR)
    assert _warned(session, NEAR + timedelta(days=3)) == 1


def test_the_days_job_warns_in_the_morning_and_once_a_day(app, write, rows, cast):
    with write() as session:
        _sold(session, cast)
        _asks(session, cast)
    with rows() as session:
        assert due(session, at(7, 59, days=16)).housekeeping is None
        assert due(session, at(8, days=16)).housekeeping == date(2026, 12, 4)
    with app.app_context():
        assert housekeeping.run(date(2026, 12, 4), lambda: NEAR).done == 1
    with rows() as session:
        assert due(session, NEAR).housekeeping is None
        assert len(session.scalars(select(Message)).all()) == 1
