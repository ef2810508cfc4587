"""What the end of a month bills, to whom, and what is listed as too old for any run."""

from datetime import UTC, date, datetime, timedelta

import pytest

from clinic.billing import arrangements, daily, enrolments, invoices, leftovers, night, payer_invoicing
from clinic.kernel.errors import RefusalError
from clinic.models.billing import Invoice, InvoiceSource
from clinic.models.people import Contact
from clinic.models.practice import InvoiceCreation
from clinic.office import verify
from clinic.practice import invoice_creation, settings
from tests.night_stage import bills_daily, give, lines_of, ran

LAST = date(2026, 11, 30)
FIRST_NIGHT = datetime(2026, 12, 1, 5, 30, tzinfo=UTC)  # 00:30 in New York on the first
CHOSEN = datetime(2026, 11, 12, 15, tzinfo=UTC)


def bills_monthly(session, cast):
    invoice_creation.choose(session, cast.olga, InvoiceCreation.MONTHLY, CHOSEN)


def run(session, last=LAST, now=FIRST_NIGHT):
    made = [daily.bill(session, planned, now) for planned in daily.survey_month(session, last).planned]
    return [session.get_one(Invoice, identity) for identity in made if identity is not None]


def test_a_month_is_one_invoice_a_payer_and_client_dated_its_last_day(session, cast):
    bills_monthly(session, cast)
    for day in (1, 12, 30):
        give(session, cast, day=date(2026, 11, day))
    give(session, cast, day=date(2026, 11, 5), client_id=cast.otto_id)
    give(session, cast, day=date(2026, 12, 1))
    assert daily.plan(session, date(2026, 11, 12)) == ()
    made = run(session)
    assert sorted((each.payer_id, each.total_cents) for each in made) == sorted(
        [(cast.cleo_payer_id, 45_000), (cast.otto_payer_id, 15_000)]
    )
    assert {(each.issue_date, each.source) for each in made} == {(LAST, InvoiceSource.MONTHLY)}
    assert run(session) == []
    assert list(verify.findings(session)) == []


def test_a_month_bills_nothing_from_before_it_was_chosen_and_late_entries_of_seven_days_before(session, cast):
    bills_monthly(session, cast)
    give(session, cast, day=date(2026, 10, 31))
    late = datetime(2026, 12, 2, 15, tzinfo=UTC)
    for day in (20, 27, 28):
        give(session, cast, day=date(2026, 11, day), hour=8, changed_at=late)
    give(session, cast, day=date(2026, 11, 29), hour=8)  # its own run saw it so and left it
    ran(session, LAST, job="end-of-month")
    [made] = run(session, date(2026, 12, 31), datetime(2027, 1, 1, 5, 30, tzinfo=UTC))
    assert [line.session_date.day for line in lines_of(session, made)] == [27, 28]
    assert made.issue_date == date(2026, 12, 31)


def test_a_payer_who_chose_monthly_is_left_out_of_the_nights_and_billed_on_the_first(session, cast):
    bills_daily(session)
    payer_invoicing.choose(session, cast.fay, cast.pellworth_id, InvoiceCreation.MONTHLY, CHOSEN, one_invoice_for_all=True)
    assert session.get_one(Contact, cast.pellworth_id).monthly_from_date == date(2026, 11, 1)
    give(session, cast, day=date(2026, 11, 12), payer_id=cast.pellworth_id)
    give(session, cast, day=date(2026, 11, 13), payer_id=cast.pellworth_id, client_id=cast.otto_id)
    give(session, cast, day=date(2026, 11, 12))
    assert [each.payer_id for each in daily.plan(session, date(2026, 11, 12))] == [cast.cleo_payer_id]
    [made] = run(session)
    assert (made.payer_id, made.client_id, made.total_cents) == (cast.pellworth_id, None, 30_000)
    shown = night.tonight(session, datetime(2026, 11, 30, 20, tzinfo=UTC))
    assert [each.payer_id for each in shown.planned] == []


@pytest.mark.parametrize(("day", "is_monthly"), [(12, False), (29, True), (30, True)])
def test_what_tonight_would_charge_one_payer_is_what_tonight_says_of_all(session, cast, day, is_monthly):
    (bills_monthly(session, cast) if is_monthly else bills_daily(session))
    for hour, payer_id in ((9, cast.cleo_payer_id), (10, cast.cleo_payer_id), (11, cast.otto_payer_id)):
        give(session, cast, day=date(2026, 11, day), hour=hour, payer_id=payer_id)
    give(session, cast, day=date(2026, 11, day) + timedelta(days=1))
    enrolments.enrol(session, cast.fay, cast.cleo_payer_id, consented_by="Herself", now=CHOSEN)
    now = datetime(2026, 11, day, 20, tzinfo=UTC)
    one = arrangements.of_payer(session, session.get_one(Contact, cast.cleo_payer_id), now)
    shown = night.tonight(session, now)
    [of_all] = [each for each in (*shown.charged, *shown.skipped) if each.payer_id == cast.cleo_payer_id] or [None]
    assert one.charge_cents == one.expected_cents == (0 if day == 29 else 30_000)
    assert (of_all.charge_cents if of_all else 0) == one.charge_cents


def test_tonight_says_what_the_first_will_make_and_only_then(session, cast):
    bills_monthly(session, cast)
    give(session, cast, day=date(2026, 11, 12))
    assert night.tonight(session, datetime(2026, 11, 29, 20, tzinfo=UTC)).planned == ()
    [planned] = night.tonight(session, datetime(2026, 11, 30, 20, tzinfo=UTC)).planned
    assert (planned.day, planned.total_cents) == (LAST, 15_000)


def test_choosing_a_way_that_is_not_offered_is_refused_and_manually_stops_the_month(session, cast):
    with pytest.raises(RefusalError):
        payer_invoicing.choose(session, cast.fay, cast.pellworth_id, InvoiceCreation.DAILY, CHOSEN, one_invoice_for_all=False)
    bills_monthly(session, cast)
    give(session, cast, day=date(2026, 11, 12))
    payer_invoicing.choose(session, cast.fay, cast.cleo_payer_id, InvoiceCreation.MANUALLY, CHOSEN, one_invoice_for_all=False)
    assert run(session) == []


def left(session, day=date(2026, 11, 18)):
    now = datetime(2026, 11, 18, 20, tzinfo=UTC)
    return leftovers.all_of(session, daily.survey(session, day), day, now)


def test_work_too_old_for_any_run_is_listed_for_a_click_and_then_billed(session, cast):
    bills_daily(session, since=date(2026, 11, 1))
    old = give(session, cast, day=date(2026, 11, 3))
    give(session, cast, day=date(2026, 10, 20))  # from before Daily: nobody asked for it
    give(session, cast, day=date(2026, 11, 3), hour=12, cents=0)
    give(session, cast, day=date(2026, 11, 4), hour=12, do_not_invoice=True)
    [each] = left(session)
    assert (each.share_id, each.day, each.is_released) == (old.id, date(2026, 11, 3), False)
    assert daily.plan(session, date(2026, 11, 18)) == ()
    leftovers.bill_again(session, cast.fay, old.id, CHOSEN)
    assert left(session) == []
    [planned] = daily.plan(session, date(2026, 11, 18))
    assert [work.share_id for work in planned.works] == [old.id]


def test_what_the_months_run_passed_over_is_listed_and_what_was_entered_late_waits_for_the_next(session, cast):
    bills_monthly(session, cast)
    settings.practice(session).monthly_from_date = date(2026, 10, 1)
    passed, late = (give(session, cast, day=date(2026, 10, 28), hour=hour) for hour in (9, 11))
    late.attendee.billing_changed_at = datetime(2026, 11, 3, 15, tzinfo=UTC)
    ran(session, date(2026, 10, 31), job="end-of-month")
    assert [(each.share_id, each.words) for each in left(session, date(2026, 11, 4))] == [(passed.id, leftovers.PASSED)]
    assert [each.share_id for each in left(session, date(2026, 11, 18))] == [passed.id]
    [planned] = daily.survey_month(session, date(2026, 11, 30)).planned
    assert [each.share_id for each in planned.works] == [late.id]


def test_a_draft_over_a_day_old_that_holds_sessions_is_listed(session, cast):
    share = give(session, cast, day=date(2026, 11, 17))
    draft = invoices.draft(session, cast.fay, payer_id=cast.cleo_payer_id, client_id=cast.cleo_id, now=CHOSEN)
    assert left(session) == []
    invoices.add_share(session, draft, share.id)
    [each] = left(session)
    assert (each.invoice_id, each.amount_cents) == (draft.id, 15_000)
    draft.created_at = datetime(2026, 11, 18, 20, tzinfo=UTC) - timedelta(hours=23)
    session.flush()
    assert left(session) == []


def test_a_payer_on_monthly_in_a_manual_practice_has_older_work_listed_too(session, cast):
    payer_invoicing.choose(session, cast.fay, cast.cleo_payer_id, InvoiceCreation.MONTHLY, CHOSEN, one_invoice_for_all=False)
    session.get_one(Contact, cast.cleo_payer_id).monthly_from_date = date(2026, 9, 1)
    old = give(session, cast, day=date(2026, 9, 3))
    give(session, cast, day=date(2026, 8, 30))
    give(session, cast, day=date(2026, 9, 3), client_id=cast.otto_id)
    assert settings.practice(session).invoice_creation is InvoiceCreation.MANUALLY
    assert [each.share_id for each in left(session)] == [old.id]
