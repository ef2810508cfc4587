"""First set-up makes one practice, whole, and only once."""

import dataclasses
import threading

import pytest
from sqlalchemy import func, select

from clinic.kernel.database import db, reading, writing
from clinic.kernel.errors import RefusalError
from clinic.models.billing import Fee, InvoiceKind, NumberSeries
from clinic.models.calendar import AppointmentType, ItemKind, WorkingHours
from clinic.models.money import PaymentMethodName
from clinic.models.practice import AuditEntry, InvoiceCreation, Location, Practice, Practitioner, Role, User, UserRole
from clinic.practice import founding
from tests.cast import NOW, PASSWORD_HASH

WANTED = founding.Founding(
    practice="Saltbox Counselling", timezone="Europe/Dublin", currency="EUR", locale="en-IE", name="Nora Nairn",
    email="nora@saltbox.example", password_hash=PASSWORD_HASH,
)  # fmt: skip


@pytest.fixture
def session(empty_app):
    """Hold the writing door of a database without a practice open."""
    with empty_app.app_context(), writing() as session:
        yield session


def test_the_owner_can_work_at_once(session):
    owner = founding.found(session, WANTED, NOW)
    practice = session.get(Practice, 1)
    assert (practice.name, practice.timezone, practice.currency, practice.locale) == (
        "Saltbox Counselling", "Europe/Dublin", "EUR", "en-IE",
    )  # fmt: skip
    assert practice.invoice_creation is InvoiceCreation.MANUALLY
    assert practice.restored_at is None
    assert owner.roles == {Role.OWNER, Role.PRACTITIONER} == set(session.scalars(select(UserRole.role)))
    user = session.scalars(select(User)).one()
    practitioner = session.scalars(select(Practitioner)).one()
    assert (user.practitioner_id, practitioner.name) == (practitioner.id, "Nora Nairn")
    hours = session.scalars(select(WorkingHours)).all()
    assert {(row.weekday, row.starts_minute, row.ends_minute) for row in hours} == {(day, 540, 1020) for day in range(5)}
    location = session.scalars(select(Location)).one()
    assert {row.location_id for row in hours} == {location.id} == {practitioner.location_id}
    kinds = session.scalars(select(AppointmentType.kind)).all()
    assert sorted(kinds) == [ItemKind.ACTIVITY, ItemKind.APPOINTMENT]
    assert session.scalars(select(Fee)).one().amount_cents > 0
    series = {row.kind: (row.prefix, row.next_number) for row in session.scalars(select(NumberSeries))}
    assert series == {InvoiceKind.INVOICE: ("INV-", 1), InvoiceKind.CREDIT_NOTE: ("CN-", 1)}
    assert session.scalar(select(func.count()).select_from(PaymentMethodName)) == 6
    assert session.scalar(select(AuditEntry.action)) == "founded practice"


def test_a_second_set_up_is_refused(session):
    founding.found(session, WANTED, NOW)
    with pytest.raises(founding.FoundedError):
        founding.found(session, WANTED, NOW)


@pytest.mark.parametrize(
    ("field", "value"),
    [("practice", "  "), ("name", ""), ("email", "nora"), ("timezone", "Mars/Olympus"), ("timezone", "../../etc/passwd"),
     ("currency", "XXX"), ("locale", "tlh")],
)  # fmt: skip
def test_what_is_not_on_the_lists_is_refused_by_name(session, field, value):
    with pytest.raises(RefusalError) as refused:
        founding.found(session, dataclasses.replace(WANTED, **{field: value}), NOW)
    assert refused.value.field == field
    assert not founding.is_founded(session)


def test_of_two_set_ups_at_once_one_founds_the_practice(empty_app):
    inside, results = threading.Event(), []

    def one(*, waits):
        with empty_app.app_context():
            try:
                with writing() as session:
                    founding.found(session, WANTED, NOW)
                    inside.set()
                    if waits:
                        threading.Event().wait(0.5)  # the other one stands at the door meanwhile
                results.append("founded")
            except founding.FoundedError:
                results.append("refused")

    first = threading.Thread(target=one, kwargs={"waits": True})
    first.start()
    assert inside.wait(10)
    one(waits=False)
    first.join(20)
    assert sorted(results) == ["founded", "refused"]
    with empty_app.app_context(), reading() as session:
        assert session.scalar(select(func.count()).select_from(User)) == 1
    with empty_app.app_context():
        db.engine.dispose()


def test_the_command_founds_a_practice_and_says_why_not(empty_app):
    run = empty_app.test_cli_runner().invoke
    asked = ["new-practice", "--practice", "Saltbox", "--timezone", "Europe/Dublin", "--currency", "EUR", "--locale", "en-IE",
             "--name", "Nora Nairn", "--email", "nora@saltbox.example"]  # fmt: skip
    short = run(args=asked, input="too short\ntoo short\n")
    assert short.exit_code == 1
    assert "at least 12 characters" in short.output
    done = run(args=asked, input="violet harbour stone\nviolet harbour stone\n")
    assert done.exit_code == 0, done.output
    assert "nora@saltbox.example" in done.output
    again = run(args=[*asked, "--password", "violet harbour stone"])
    assert again.exit_code == 1
    assert "set up already" in again.output
