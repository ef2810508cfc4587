"""The night charges whom, when, how much, and what it learns from a refusal."""

from datetime import UTC, date, datetime, timedelta

import pytest

from clinic.billing import autopay, cards, enrolments, invoices, ledger, payments
from clinic.billing.charges import in_window
from clinic.billing.invoices import NewLine
from clinic.billing.stripe_gateway import CardFacts
from clinic.kernel.errors import ClashError, NotFoundError, RefusalError
from clinic.models.money import ChargeStatus, Method
from clinic.models.people import Contact
from clinic.practice import settings
from clinic.practice.permissions import CLOCK
from tests.night_stage import NIGHT, NOON, enrolled, with_card

NIGHT_DATE = date(2026, 11, 19)


def owes(session, cast, cents=15_000, payer_id=None, client_id=None):
    payer_id = payer_id or cast.cleo_payer_id
    draft = invoices.draft(session, CLOCK, payer_id=payer_id, client_id=client_id or cast.cleo_id, now=NIGHT)
    invoices.add_line(session, draft, NewLine("Session", cents))
    invoices.issue(session, CLOCK, draft, NIGHT)
    return draft.id


@pytest.fixture
def ready(session, cast, stand_in):
    with_card(session, stand_in, cast.cleo_payer_id)
    enrolled(session, cast.cleo_payer_id)
    return session


def reason(session, payer_id):
    [told] = autopay.outlook(session, NIGHT_DATE, NIGHT, payer_id=payer_id)
    return told.skipped_for


def test_the_whole_balance_is_charged_once_a_night(ready, cast):
    owes(ready, cast), owes(ready, cast, 4_000)
    assert autopay.due_payer_ids(ready, NIGHT) == [cast.cleo_payer_id]
    attempt = autopay.start_attempt(ready, cast.cleo_payer_id, NIGHT)
    assert (attempt.amount_cents, attempt.description, attempt.local_date) == (19_000, "Balance", NIGHT_DATE)
    attempt.status = ChargeStatus.DECLINED
    ready.flush()
    assert autopay.due_payer_ids(ready, NIGHT) == []
    assert autopay.start_attempt(ready, cast.cleo_payer_id, NIGHT) is None
    assert autopay.start_attempt(ready, cast.cleo_payer_id, NIGHT + timedelta(days=1)).amount_cents == 19_000


def test_credit_is_put_on_invoices_first(ready, cast):
    payments.record(ready, CLOCK, payer_id=cast.cleo_payer_id, method=Method.CASH, amount_cents=4_000, now=NIGHT)
    owes(ready, cast)
    [told] = autopay.outlook(ready, NIGHT_DATE, NIGHT)
    assert (told.balance_cents, told.credit_cents, told.charge_cents) == (15_000, 4_000, 11_000)
    assert autopay.start_attempt(ready, cast.cleo_payer_id, NIGHT).amount_cents == 11_000
    assert ledger.unallocated_cents(ready, cast.cleo_payer_id) == 0


def test_a_payer_is_charged_for_all_their_clients(ready, cast):
    owes(ready, cast), owes(ready, cast, 9_000, client_id=cast.otto_id)
    assert autopay.start_attempt(ready, cast.cleo_payer_id, NIGHT).amount_cents == 24_000


@pytest.mark.parametrize(("local", "is_open"), [
    ((0, 0), True), ((5, 59), True), ((6, 0), False), ((12, 0), False), ((23, 59), False),
])  # fmt: skip
def test_the_window_is_midnight_to_six_on_the_practices_clock(local, is_open):
    hour, minute = local
    instant = datetime(2026, 11, 19, hour, minute, tzinfo=UTC) + timedelta(hours=5)
    assert in_window(instant, "America/New_York", date(2026, 11, 19)) is is_open


@pytest.mark.parametrize(("instant", "is_open"), [
    (datetime(2026, 9, 6, 3, 59, tzinfo=UTC), False),  # 23:59 on the 5th
    (datetime(2026, 9, 6, 4, 0, tzinfo=UTC), True),  # 01:00: midnight is skipped
    (datetime(2026, 9, 6, 8, 59, tzinfo=UTC), True),
    (datetime(2026, 9, 6, 9, 0, tzinfo=UTC), False),  # 06:00
])  # fmt: skip
def test_where_midnight_does_not_exist_the_window_opens_when_the_day_does(instant, is_open):
    assert in_window(instant, "America/Santiago", date(2026, 9, 6)) is is_open


def test_nobody_is_charged_outside_the_window_by_any_way_in(ready, cast):
    owes(ready, cast)
    assert autopay.due_payer_ids(ready, NOON) == []
    assert autopay.start_attempt(ready, cast.cleo_payer_id, NOON) is None


def test_what_changed_since_the_night_began_counts(ready, cast):
    owes(ready, cast)
    assert autopay.due_payer_ids(ready, NIGHT) == [cast.cleo_payer_id]
    enrolments.hold(ready, cast.fay, cast.cleo_payer_id, NIGHT, reason="Asked to wait for payday")
    assert autopay.start_attempt(ready, cast.cleo_payer_id, NIGHT) is None
    enrolments.release(ready, cast.fay, cast.cleo_payer_id, NIGHT)
    enrolments.leave(ready, cast.fay, cast.cleo_payer_id, NIGHT)
    assert autopay.start_attempt(ready, cast.cleo_payer_id, NIGHT) is None


def test_who_is_skipped_is_told_why(ready, cast):
    payer_id = cast.cleo_payer_id
    assert reason(ready, payer_id) == "Owes nothing"
    invoice_id = owes(ready, cast, 30)
    assert reason(ready, payer_id) == "Under the card minimum"
    assert autopay.start_attempt(ready, payer_id, NIGHT) is None
    owes(ready, cast)
    assert reason(ready, payer_id) == ""
    enrolments.hold(ready, cast.fay, payer_id, NIGHT, reason="Asked to wait for payday")
    assert reason(ready, payer_id) == "Asked to wait for payday"
    enrolments.release(ready, cast.fay, payer_id, NIGHT)
    settings.practice(ready).restored_at = NIGHT
    assert reason(ready, payer_id) == "AutoPay is off since a backup was restored"
    assert autopay.start_attempt(ready, payer_id, NIGHT) is None
    settings.practice(ready).restored_at = None
    [card] = cards.kept(ready, payer_id, NIGHT)
    cards.remove(ready, cast.fay, payer_id, card.id, NIGHT)
    assert reason(ready, payer_id) == "No card is kept"
    assert autopay.start_attempt(ready, payer_id, NIGHT) is None
    assert invoice_id


def test_a_charge_without_an_answer_keeps_the_next_night_from_charging(ready, cast):
    owes(ready, cast)
    autopay.start_attempt(ready, cast.cleo_payer_id, NIGHT).status = ChargeStatus.UNKNOWN
    ready.flush()
    assert reason(ready, cast.cleo_payer_id) == "Charged or tried already this night"
    [told] = autopay.outlook(ready, NIGHT_DATE + timedelta(days=1), NIGHT)
    assert told.skipped_for == "An earlier charge has not been answered yet"
    assert autopay.start_attempt(ready, cast.cleo_payer_id, NIGHT + timedelta(days=1)) is None


def test_consent_is_kept_with_its_words_and_who_gave_it(session, cast):
    enrolment = enrolments.enrol(session, cast.fay, cast.cleo_payer_id, consented_by=" Cleo Abernathy ", now=NIGHT)
    settings.practice(session).name = "Another name"
    assert (enrolment.consented_by, enrolment.enrolled_by_id, enrolment.enrolled_at) == (
        "Cleo Abernathy",
        cast.fay.user_id,
        NIGHT,
    )
    assert "Quillmere" in enrolment.consent_text
    assert "between 12 AM and 6 AM" in enrolment.consent_text


def test_enrolling_needs_a_name_and_happens_once(session, cast):
    with pytest.raises(RefusalError) as refused:
        enrolments.enrol(session, cast.fay, cast.cleo_payer_id, consented_by="  ", now=NIGHT)
    assert refused.value.field == "consented_by"
    enrolled(session, cast.cleo_payer_id)
    with pytest.raises(ClashError):
        enrolled(session, cast.cleo_payer_id)
    with pytest.raises(NotFoundError):
        enrolments.enrol(session, cast.fay, 999_999, consented_by="Cleo", now=NIGHT)


def test_a_card_kept_twice_is_kept_once_and_the_newest_is_charged(session, cast, stand_in):
    with_card(session, stand_in, cast.cleo_payer_id)
    [first] = cards.kept(session, cast.cleo_payer_id, NIGHT)
    known = cards.default(session, cast.cleo_payer_id)
    payer = cards.customer(session, known_payer(session, cast))
    same = CardFacts(known.stripe_payment_method, known.brand, known.last4, known.exp_month, known.exp_year)
    assert cards.keep(session, CLOCK, payer.stripe_customer, same, NIGHT).id == first.id
    cards.keep(session, CLOCK, payer.stripe_customer, CardFacts("pm_other", "visa", "0341", 8, 2031), NIGHT)
    assert [(card.last4, card.is_default) for card in cards.kept(session, cast.cleo_payer_id, NIGHT)] == [
        ("0341", True), ("4242", False),
    ]  # fmt: skip
    cards.make_default(session, cast.fay, cast.cleo_payer_id, first.id, NIGHT)
    cards.remove(session, cast.fay, cast.cleo_payer_id, first.id, NIGHT)
    assert [(card.last4, card.is_default) for card in cards.kept(session, cast.cleo_payer_id, NIGHT)] == [("0341", True)]


def known_payer(session, cast):
    return session.get_one(Contact, cast.cleo_payer_id)


def test_a_card_of_somebody_elses_customer_is_kept_for_nobody(session, cast, stand_in):
    with_card(session, stand_in, cast.cleo_payer_id)
    with pytest.raises(NotFoundError):
        cards.keep(session, CLOCK, "cus_of_another_practice", CardFacts("pm_x", "visa", "4242", 8, 2031), NIGHT)
    theirs = cards.default(session, cast.cleo_payer_id)
    with pytest.raises(NotFoundError):
        cards.remove(session, cast.fay, cast.otto_payer_id, theirs.id, NIGHT)
