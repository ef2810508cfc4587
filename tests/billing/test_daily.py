"""What the end of a day bills, what it leaves alone, and what it leaves for a person."""

from datetime import UTC, date, datetime, timedelta

import pytest

from clinic.billing import daily, invoices, leftovers
from clinic.billing.invoices import NewLine
from clinic.models.billing import Invoice
from clinic.models.calendar import ItemKind, Status
from clinic.models.people import Contact
from clinic.models.practice import InvoiceCreation
from clinic.practice import settings
from tests.night_stage import DAY, NIGHT, bills_daily, give, invoices_of, lines_of, ran


def run(session, day=DAY, now=NIGHT):
    made = [daily.bill(session, planned, now) for planned in daily.plan(session, day)]
    return [session.get_one(Invoice, identity) for identity in made if identity is not None]


def test_each_payer_and_client_gets_one_invoice_of_the_day(session, cast):
    bills_daily(session)
    give(session, cast, hour=9)
    give(session, cast, hour=11)
    give(session, cast, client_id=cast.otto_id)
    give(session, cast, hour=13, payer_id=cast.pellworth_id)
    made = run(session)
    assert sorted((each.payer_id, each.client_id, each.total_cents) for each in made) == sorted([
        (cast.cleo_payer_id, cast.cleo_id, 30_000),
        (cast.otto_payer_id, cast.otto_id, 15_000),
        (cast.pellworth_id, cast.cleo_id, 15_000),
    ])  # fmt: skip
    assert {each.issue_date for each in made} == {date(2026, 11, 18)}
    assert sorted(each.number for each in made) == ["INV-0001", "INV-0002", "INV-0003"]
    referred = next(each for each in made if each.payer_id == cast.pellworth_id)
    assert referred.reference == "PW-55810"


def test_the_second_run_of_a_day_finds_nothing(session, cast):
    bills_daily(session)
    give(session, cast)
    assert len(run(session)) == 1
    assert run(session) == []


def test_two_runs_that_planned_the_same_bill_it_once(session, cast):
    bills_daily(session)
    give(session, cast)
    [mine], [theirs] = daily.plan(session, DAY), daily.plan(session, DAY)
    assert daily.bill(session, mine, NIGHT) is not None
    assert daily.bill(session, theirs, NIGHT) is None


@pytest.mark.parametrize("creation", [InvoiceCreation.MANUALLY, InvoiceCreation.MONTHLY])
def test_nothing_is_billed_while_the_practice_invoices_otherwise(session, cast, creation):
    give(session, cast)
    settings.practice(session).invoice_creation = creation
    assert run(session) == []


@pytest.mark.parametrize("creation", [InvoiceCreation.MANUALLY, InvoiceCreation.MONTHLY])
def test_a_payer_who_chose_otherwise_is_left_out(session, cast, creation):
    bills_daily(session)
    give(session, cast)
    session.get_one(Contact, cast.cleo_payer_id).invoice_creation = creation
    assert run(session) == []


@pytest.mark.parametrize(("status", "policy_cents", "billed"), [
    (Status.BOOKED, None, 15_000),
    (Status.ARRIVED, None, 15_000),
    (Status.ATTENDED, None, 15_000),
    (Status.NO_SHOW, None, 7_500),
    (Status.LATE_CANCELLED, None, 15_000),
    (Status.LATE_CANCELLED, 4_000, 4_000),
    (Status.NO_SHOW, 0, None),
    (Status.CANCELLED_BY_CLIENT, None, None),
    (Status.CANCELLED_BY_PRACTICE, None, None),
])  # fmt: skip
def test_a_status_bills_what_the_policy_says(session, cast, status, policy_cents, billed):
    bills_daily(session)
    settings.practice(session).no_show_bp = 5_000
    give(session, cast, status=status, policy_cents=policy_cents)
    assert [each.total_cents for each in run(session)] == ([] if billed is None else [billed])


def test_unconfirmed_sessions_wait_where_the_practice_wants_a_word(session, cast):
    bills_daily(session)
    settings.practice(session).past_booked_is_attended = False
    give(session, cast, hour=9)
    give(session, cast, hour=11, status=Status.ATTENDED)
    [invoice] = run(session)
    assert invoice.total_cents == 15_000


@pytest.mark.parametrize(("wants_zero", "count"), [(False, 0), (True, 1)])
def test_a_free_session_makes_an_invoice_only_if_the_practice_asks(session, cast, wants_zero, count):
    bills_daily(session)
    settings.practice(session).bills_zero_fees = wants_zero
    give(session, cast, cents=0)
    made = run(session)
    assert [each.total_cents for each in made] == [0] * count


def test_what_nobody_is_to_be_billed_for_is_left_out(session, cast):
    bills_daily(session)
    give(session, cast, hour=9, do_not_invoice=True)
    give(session, cast, hour=10, is_billed=False)
    give(session, cast, hour=11).attendee.item.deleted_at = NIGHT
    session.flush()
    assert run(session) == []


def test_a_session_on_an_invoice_is_left_alone_drafts_included_and_the_others_are_billed(session, cast):
    bills_daily(session)
    by_hand = give(session, cast, hour=9)
    give(session, cast, hour=13)
    draft = invoices.draft(session, cast.fay, payer_id=cast.cleo_payer_id, client_id=cast.cleo_id, now=NIGHT)
    invoices.add_share(session, draft, by_hand.id)
    [invoice] = run(session)
    assert invoice.total_cents == 15_000


def test_a_line_typed_by_hand_holds_back_one_such_session(session, cast):
    bills_daily(session)
    first, second = give(session, cast, hour=9), give(session, cast, hour=13)
    draft = invoices.draft(session, cast.fay, payer_id=cast.cleo_payer_id, client_id=cast.cleo_id, now=NIGHT)
    invoices.add_line(session, draft, NewLine("Session", 15_000, session_date=DAY))
    [invoice] = run(session)
    assert [line.share_id for line in lines_of(session, invoice)] == [second.id]
    first.bill_again_at = NIGHT
    session.flush()
    [again] = run(session)
    assert [line.share_id for line in lines_of(session, again)] == [first.id]


def test_what_no_run_bills_any_more_stays_listed_until_someone_says(session, cast):
    bills_daily(session)
    typed, drafted = give(session, cast), give(session, cast, client_id=cast.otto_id)
    draft = invoices.draft(session, cast.fay, payer_id=cast.cleo_payer_id, client_id=cast.cleo_id, now=NIGHT)
    line = invoices.add_line(session, draft, NewLine("Session", 15_000, session_date=DAY))
    other = invoices.draft(session, cast.fay, payer_id=cast.otto_payer_id, client_id=cast.otto_id, now=NIGHT)
    invoices.add_share(session, other, drafted.id)
    assert run(session) == []
    ran(session, DAY)
    invoices.delete_draft(session, cast.fay, other, NIGHT)

    def left(days):
        day = DAY + timedelta(days=days)
        return [(each.share_id, each.line_id, each.words) for each in leftovers.all_of(session, survey(day), day, NIGHT)]

    def survey(day):
        return daily.survey(session, day)

    for days in (1, 7):
        # The held one is still held, the other one waits for a word; neither is billed unasked.
        assert sorted(left(days)) == [
            (typed.id, line.id, "A line typed by hand on a draft has the same client, date and fee."),
            (drafted.id, None, leftovers.PASSED),
        ]
        assert survey(DAY + timedelta(days=days)).planned == ()
    assert left(8) == [(typed.id, None, leftovers.OLDER), (drafted.id, None, leftovers.OLDER)]
    leftovers.bill_again(session, cast.fay, drafted.id, NIGHT)
    assert [each.works[0].share_id for each in survey(DAY + timedelta(days=1)).planned] == [drafted.id]
    assert [share_id for share_id, _, _ in left(1)] == [typed.id]


@pytest.mark.parametrize(("typed", "is_held"), [
    (NewLine("Session", 15_000, session_date=DAY), True),
    (NewLine("Session", 9_000, session_date=DAY), False),
    (NewLine("Session", 15_000, session_date=DAY - timedelta(days=1)), False),
    (NewLine("Session", 15_000), False),
])  # fmt: skip
def test_a_typed_line_must_have_the_same_date_and_fee(session, cast, typed, is_held):
    bills_daily(session)
    give(session, cast)
    draft = invoices.draft(session, cast.fay, payer_id=cast.pellworth_id, client_id=cast.cleo_id, now=NIGHT)
    invoices.add_line(session, draft, typed)
    assert len(run(session)) == (0 if is_held else 1)


def test_work_let_go_by_an_issued_invoice_waits_for_a_word(session, cast):
    bills_daily(session)
    share = give(session, cast)
    share.released_at = NIGHT
    session.flush()
    assert run(session) == []
    share.bill_again_at = NIGHT
    session.flush()
    [invoice] = run(session)
    assert [line.share_id for line in lines_of(session, invoice)] == [share.id]
    assert (share.released_at, share.bill_again_at) == (None, None)


def test_late_entries_and_changes_of_seven_days_are_billed_with_their_own_dates(session, cast):
    bills_daily(session)
    for days in range(1, 12):
        ran(session, DAY - timedelta(days=days))
    late = datetime(2026, 11, 18, 20, tzinfo=UTC)
    give(session, cast, day=DAY - timedelta(days=3), changed_at=late)
    give(session, cast, day=DAY - timedelta(days=4))  # its own night saw it so and left it
    give(session, cast, day=DAY - timedelta(days=9), changed_at=late)  # too old: for a click
    give(session, cast, day=DAY)
    [invoice] = run(session)
    assert [line.session_date for line in lines_of(session, invoice)] == [DAY - timedelta(days=3), DAY]


def test_a_day_that_never_ran_is_made_up_for(session, cast):
    bills_daily(session)
    give(session, cast, day=DAY - timedelta(days=4))
    [invoice] = run(session)
    assert [line.session_date for line in lines_of(session, invoice)] == [DAY - timedelta(days=4)]


def test_nothing_from_before_daily_was_switched_on_is_billed_unless_taken_along(session, cast):
    bills_daily(session, since=DAY)
    give(session, cast, day=DAY - timedelta(days=1), changed_at=NIGHT)
    give(session, cast, day=DAY - timedelta(days=40))
    assert run(session) == []
    practice = settings.practice(session)
    practice.daily_from_date, practice.daily_chosen_at = DAY - timedelta(days=40), datetime(2026, 11, 18, 12, tzinfo=UTC)
    [invoice] = run(session)
    assert invoice.total_cents == 30_000


def test_old_work_that_tonight_bills_is_not_left_for_a_person_too(session, cast):
    bills_daily(session, since=date(2026, 10, 1))
    old = give(session, cast, day=date(2026, 10, 12))
    settings.practice(session).daily_chosen_at = NIGHT - timedelta(days=1)
    survey = daily.survey(session, DAY)
    assert [each.share_id for planned in survey.planned for each in planned.works] == [old.id]
    assert leftovers.all_of(session, survey, DAY, NIGHT) == []
    settings.practice(session).daily_chosen_at = None  # on since October, and the work was entered late
    survey = daily.survey(session, DAY)
    assert survey.planned == ()
    assert [each.share_id for each in leftovers.all_of(session, survey, DAY, NIGHT)] == [old.id]


def test_an_activity_bills_itself_only_by_its_switch_and_only_to_organisations_and_referrers(session, cast):
    bills_daily(session)
    activity = {"kind": ItemKind.ACTIVITY, "type_id": cast.case_review_id, "fee_id": None, "cents": 12_000}
    to_referrer = give(session, cast, hour=9, payer_id=cast.pellworth_id, **activity)
    give(session, cast, hour=10, **activity)
    assert run(session) == []
    to_referrer.attendee.item.type.is_auto_invoiced = True
    session.flush()
    [invoice] = run(session)
    assert (invoice.payer_id, invoice.total_cents) == (cast.pellworth_id, 12_000)


def test_a_payer_who_wants_one_invoice_gets_one_for_all_clients_each_named(session, cast):
    bills_daily(session)
    session.get_one(Contact, cast.pellworth_id).one_invoice_for_all = True
    give(session, cast, hour=9, payer_id=cast.pellworth_id)
    give(session, cast, hour=10, client_id=cast.otto_id, payer_id=cast.pellworth_id)
    [invoice] = run(session)
    assert invoice.client_id is None
    assert [line.description for line in lines_of(session, invoice)] == [
        "Cleo Abernathy: Therapy, 50 minutes", "Otto Brandt: Therapy, 50 minutes",
    ]  # fmt: skip


def test_tax_is_in_what_the_plan_says(session, cast):
    bills_daily(session)
    give(session, cast, tax_bp=825)
    [planned] = daily.plan(session, DAY)
    assert session.get_one(Invoice, daily.bill(session, planned, NIGHT)).total_cents == planned.total_cents == 16_238


# The clocks change on these days: New York 1 November, Santiago 5 and 6 September (no midnight), Havana 1 November, Auckland.
@pytest.mark.parametrize(("zone", "day"), [
    ("America/New_York", date(2026, 11, 1)),
    ("America/Santiago", date(2026, 9, 5)),
    ("America/Santiago", date(2026, 9, 6)),
    ("America/Santiago", date(2026, 4, 4)),
    ("America/Havana", date(2026, 11, 1)),
    ("Pacific/Auckland", date(2026, 9, 27)),
])  # fmt: skip
def test_a_session_belongs_to_the_practices_own_day_whatever_the_clocks_do(session, cast, zone, day):
    practice = settings.practice(session)
    practice.timezone = zone
    bills_daily(session, since=date(2026, 1, 10))
    for offset in range(-1, 2):
        give(session, cast, day=day + timedelta(days=offset), hour=0, zone=zone)
        give(session, cast, day=day + timedelta(days=offset), hour=22, zone=zone)
        ran(session, day + timedelta(days=offset))
    [invoice] = run(session, day, NIGHT)
    assert [line.session_date for line in lines_of(session, invoice)] == [day, day]


def test_invoices_are_daily_ones(session, cast):
    bills_daily(session)
    give(session, cast)
    assert run(session) == invoices_of(session)
