"""Settings: what the owner changes, what is refused, and what a refusal keeps."""

import html
import re
from datetime import date, timedelta

import pytest
from sqlalchemy import func, select

from clinic.kernel import clock
from clinic.models.billing import Fee, InvoiceKind, NumberSeries, Share
from clinic.models.calendar import Attendee, Item, ItemKind, Status
from clinic.models.money import Method, PaymentMethodName
from clinic.models.practice import AuditEntry, InvoiceCreation, Location, Practice, Practitioner, Room, User
from clinic.people import accounts
from clinic.practice import staff
from tests.cast import NOW, PASSWORD, email
from tests.conftest import HTMX

DOCUMENTS = "/settings/client-billing/documents"
NAMES = {method.value: words for method, words in zip(
    Method, ("Online card on file", "External card", "Cash", "Check", "Bank transfer", "Other"), strict=True)}  # fmt: skip
PAGE = {
    "invoice_creation": "manually", "due_days": "14", "overdue_after_days": "0", "prefix": "INV-", "next_number": "1",
    "tax": "added", "cancellation_window_hours": "24", "late_cancel_bp": "100", "no_show_bp": "100",
    "past_booked_is_attended": "y", **NAMES, **{f"offers_{name}": "y" for name in NAMES},
}  # fmt: skip
DETAILS = {
    "name": "Quillmere", "address": "Harbour Street 9", "email": "hello@quillmere.example", "timezone": "America/New_York",
    "currency": "USD", "locale": "en-US", "idle_minutes": "60",
}  # fmt: skip

ONLINE = {"online_lead_hours": "12", "online_days_ahead": "60"}
WORDS = {"is_on": "y", "subject": "Reminder", "body": "Hello."}
TIMING = {"message_grace_minutes": "3", "reminder_hours": "24", "package_warning_days": "14"}


def _session_done(session, cast, days_ago, status=Status.ATTENDED, **attendee):
    at = clock.now() - timedelta(days=days_ago)
    item = Item(kind=ItemKind.APPOINTMENT, type_id=cast.therapy_id, practitioner_id=cast.pat_id, starts_at=at, changed_at=NOW,
                ends_at=at + timedelta(minutes=50), created_at=NOW)  # fmt: skip
    session.add(item)
    session.flush()
    place = Attendee(item_id=item.id, client_id=cast.cleo_id, status=status, status_at=NOW, fee_cents=15_000,
                     billing_changed_at=NOW, **attendee)  # fmt: skip
    session.add(place)
    session.flush()
    session.add(Share(attendee_id=place.id, payer_id=cast.cleo_payer_id, amount_cents=15_000))


# Client billing documents


def test_the_article_s_words_lead_from_settings_to_invoice_creation(as_):
    olga = as_("olga")
    assert ">Client billing and insurance</a>" in olga.get("/settings/").text
    page = olga.get("/settings/client-billing", follow_redirects=True).text
    assert ">Client billing documents</a>" in page
    for words in ("Invoice Creation", "<b>Daily</b>", "<b>Monthly</b>", "<b>Manually</b>", ">Save</button>"):
        assert words in page


def test_saving_daily_bills_from_today_and_saving_again_leaves_that_day_alone(as_, rows, write, cast):
    with write() as session:
        _session_done(session, cast, 20)
    olga = as_("olga")
    assert "1 session, $150.00" in olga.get(DOCUMENTS).text
    assert olga.post(DOCUMENTS, data={**PAGE, "invoice_creation": "daily"}).status_code == 303
    with rows() as session:
        practice = session.get(Practice, 1)
        assert practice.invoice_creation is InvoiceCreation.DAILY
        assert practice.daily_from_date == clock.local_date(clock.now(), "America/New_York")
    with write() as session:
        session.get(Practice, 1).daily_from_date = date(2026, 3, 1)
    olga.post(DOCUMENTS, data={**PAGE, "invoice_creation": "daily", "old_work": "too"})
    with rows() as session:
        assert session.get(Practice, 1).daily_from_date == date(2026, 3, 1)
    olga.post(DOCUMENTS, data=PAGE)
    with rows() as session:
        assert session.get(Practice, 1).daily_from_date is None


def test_those_too_takes_the_oldest_work_along(as_, rows, write, cast):
    with write() as session:
        _session_done(session, cast, 20)
        _session_done(session, cast, 3)
        _session_done(session, cast, 40, do_not_invoice=True)
        _session_done(session, cast, 50, status=Status.CANCELLED_BY_CLIENT)
        _session_done(session, cast, 10, status=Status.NO_SHOW, policy_cents=7_500)
        _session_done(session, cast, 60, status=Status.LATE_CANCELLED, policy_cents=0)
    olga = as_("olga")
    assert "3 sessions, $375.00" in olga.get(DOCUMENTS).text
    olga.post(DOCUMENTS, data={**PAGE, "invoice_creation": "daily", "old_work": "too"})
    with rows() as session:
        oldest = clock.local_date(clock.now() - timedelta(days=20), "America/New_York")
        assert session.get(Practice, 1).daily_from_date == oldest


def test_a_refused_save_names_the_field_keeps_what_was_typed_and_saves_nothing(as_, rows):
    olga = as_("olga")
    for data, words in (
        ({"due_days": "abc"}, "whole number from 0 to 365"),
        ({"due_days": "1e9"}, "whole number from 0 to 365"),
        ({"overdue_after_days": "-1"}, "whole number from 0 to 90"),
        ({"prefix": "2026"}, "End the prefix with"),
        ({"prefix": "CN-"}, "Another kind of document"),
        ({"cash": ""}, "Enter name"),
        ({"cash": "check"}, "Two ways to pay"),
        ({"invoice_creation": "as_practice"}, "Choose from the list"),
        ({"document_footer": "x" * 10_000}, "At most 1000"),
    ):
        answer = olga.post(DOCUMENTS, data={**PAGE, "line_description": "Kept <b>words</b> 🦉", **data})
        assert answer.status_code == 422, data
        assert words in answer.text, data
        assert 'aria-invalid="true"' in answer.text or "invoice_creation" in data
        assert "Kept &lt;b&gt;words&lt;/b&gt; 🦉" in answer.text
    with rows() as session:
        practice = session.get(Practice, 1)
        assert (practice.due_days, practice.line_description) == (14, "")
        assert session.scalar(select(func.count()).select_from(PaymentMethodName)) == 0


def test_invoice_numbers_only_go_up(as_, rows):
    olga = as_("olga")
    assert olga.post(DOCUMENTS, data={**PAGE, "prefix": "Q26-", "next_number": "500"}).status_code == 303
    refused = olga.post(DOCUMENTS, data={**PAGE, "prefix": "Q26-", "next_number": "499"})
    assert refused.status_code == 422
    assert "only go up" in refused.text
    with rows() as session:
        series = session.get(NumberSeries, InvoiceKind.INVOICE)
        assert (series.prefix, series.next_number) == ("Q26-", 500)


# The desk issues an invoice while Olga fills in the page: its number is not hers to have typed.
def test_a_number_that_went_up_meanwhile_does_not_refuse_the_page(as_, write, rows):
    olga = as_("olga")
    assert 'name="seen_number" type="hidden" value="1"' in olga.get(DOCUMENTS).text
    with write() as session:
        session.get(NumberSeries, InvoiceKind.INVOICE).next_number = 8
    page = {**PAGE, "seen_number": "1", "due_days": "30"}
    assert olga.post(DOCUMENTS, data=page).status_code == 303
    assert olga.post(DOCUMENTS, data=page | {"next_number": "7"}).status_code == 422
    with rows() as session:
        assert session.get(NumberSeries, InvoiceKind.INVOICE).next_number == 8
        assert session.get(Practice, 1).due_days == 30


# Each page is opened twice, saved once from one tab and then from the other: shown are both, and nothing is saved unread.
@pytest.mark.parametrize(
    ("address", "posted", "first", "second", "said", "kept"),
    [
        (DOCUMENTS, PAGE, {"due_days": "30", "offers_check": ""}, {"due_days": "7"},
         ("Due after, days 7 30", "Check offered ticked not ticked"), ("due_days", 7)),
        (DOCUMENTS, PAGE, {"no_show_bp": "50", "invoice_creation": "daily"}, {"invoice_creation": "monthly"},
         ("Invoice Creation Monthly Daily", "No show bills, percent of the fee 100 % 50 %"), ("no_show_bp", 10_000)),
        ("/settings/details", DETAILS, {"phone": "555 0100", "locale": "en-GB"}, {"phone": "555 0199"},
         ("Phone 555 0199 555 0100", "Language and country English (United States) English (United Kingdom)"),
         ("phone", "555 0199")),
        ("/settings/online", ONLINE, {"is_online_booking_on": "y"}, {"online_lead_hours": "24"},
         ("Online booking page not ticked ticked", "Hours ahead, at least 24 12"), ("online_lead_hours", 24)),
        ("/settings/messages/", TIMING, {"reminder_hours": "48"}, {"reminder_hours": "12"},
         ("Hours before an appointment to remind 12 48",), ("reminder_hours", 12)),
        ("/settings/messages/reminder", WORDS, {"subject": "Soon"}, {"subject": "Until then", "is_on": ""},
         ("Subject Until then Soon", "Send these messages not ticked ticked"), None),
    ],
    ids=["documents", "policy", "details", "online", "messages", "wording"],
)  # fmt: skip
def test_a_page_of_settings_is_not_saved_over_what_another_made_of_it(as_, rows, address, posted, first, second, said, kept):
    olga, other = as_("olga"), as_("olga")
    [shown] = set(re.findall(r'name="shown" type="hidden" value="([^"]+)"', olga.get(address).text))
    posted = {name: value for name, value in (posted | {"shown": shown}).items() if value}
    earlier = {name: value for name, value in (posted | first).items() if value}
    assert other.post(address, data=earlier).status_code == 303
    stale = olga.post(address, data={name: value for name, value in (posted | second).items() if value})
    assert stale.status_code == 409
    text = html.unescape(" ".join(re.sub(r"<[^>]+>", " ", stale.text).split()))
    assert "Olga Owner changed this on" in text
    for words in said:
        assert words in text
    [fresh] = re.findall(r'name="shown" type="hidden" value="([^"]+)"', stale.text)
    assert fresh != shown
    second = {name: value for name, value in (posted | second).items() if value}
    assert olga.post(address, data=second).status_code == 409  # unread, it is refused again
    assert ">Save what I typed</button>" in stale.text
    assert olga.post(address, data=second | {"shown": fresh}).status_code == 303
    with rows() as session:
        assert kept is None or getattr(session.get(Practice, 1), kept[0]) == kept[1]
    assert second.get("subject", "") in olga.get(address).text


# The desk issues an invoice meanwhile, and Olga's page is refused for another reason: the number she did not type goes along.
def test_a_stale_page_shows_the_number_of_now_where_nobody_typed_one(as_, write):
    olga = as_("olga")
    data = {**PAGE, "seen_number": "1", "shown": "0123456789abcdef"}
    with write() as session:
        session.get(NumberSeries, InvoiceKind.INVOICE).next_number = 8
    stale = olga.post(DOCUMENTS, data=data)
    assert stale.status_code == 409
    for name in ("next_number", "seen_number"):
        assert re.search(rf'name="{name}"[^>]* value="8"', stale.text)
    assert "Nothing you typed differs" in stale.text


def test_ways_to_pay_are_renamed_and_taken_off_but_never_all(as_, rows):
    olga = as_("olga")
    some = {key: value for key, value in PAGE.items() if key != "offers_check"}
    assert olga.post(DOCUMENTS, data={**some, "external_card": "Terminal at the desk"}).status_code == 303
    with rows() as session:
        named = {row.method: (row.name, row.is_offered) for row in session.scalars(select(PaymentMethodName))}
    assert named[Method.EXTERNAL_CARD] == ("Terminal at the desk", True)
    assert named[Method.CHECK] == ("Check", False)
    none = {key: value for key, value in PAGE.items() if not key.startswith("offers_")}
    assert olga.post(DOCUMENTS, data=none).status_code == 422


def test_what_money_rests_on_is_locked_after_the_first_issue(as_, rows, write):
    with write() as session:
        session.get(Practice, 1).money_locked_at = NOW
    olga = as_("olga")
    assert olga.post(DOCUMENTS, data={**PAGE, "tax": "inside"}).status_code == 422
    assert olga.post("/settings/details", data={**DETAILS, "currency": "EUR"}).status_code == 422
    assert 'name="currency"' not in olga.get("/settings/details").text
    without = {key: value for key, value in DETAILS.items() if key != "currency"}
    assert olga.post("/settings/details", data=without).status_code == 303
    assert olga.post(DOCUMENTS, data={key: value for key, value in PAGE.items() if key != "tax"}).status_code == 303
    with rows() as session:
        practice = session.get(Practice, 1)
        assert (practice.currency, practice.tax_inclusive) == ("USD", False)


# Practice details and missed sessions


def test_practice_details_are_saved_shown_at_once_and_written_down(as_, rows):
    olga = as_("olga")
    data = {
        **DETAILS,
        "name": "Quillmere & Co <b>",
        "timezone": "Europe/London",
        "currency": "GBP",
        "locale": "en-GB",
        "idle_minutes": "15",
        "group_clients_max": "8",
    }
    assert olga.post("/settings/details", data=data).status_code == 303
    page = olga.get("/settings/details").text
    assert "Quillmere &amp; Co &lt;b&gt;" in page
    assert "Practice details saved." in page
    with rows() as session:
        practice = session.get(Practice, 1)
        assert (practice.timezone, practice.currency, practice.idle_minutes) == ("Europe/London", "GBP", 15)
        assert practice.group_clients_max == 8
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert entry.action == "changed practice details"
    assert "Quillmere" not in str(entry.detail)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "   ", "Enter practice name"),
        ("name", "x" * 10_000, "At most 120"),
        ("timezone", "Mars/Olympus", "time zone from the list"),
        ("timezone", "../../etc/passwd", "time zone from the list"),
        ("currency", "XXX", "currency from the list"),
        ("locale", "tlh", "from the list"),
        ("idle_minutes", "2", "from 5 to 720"),
        ("group_clients_max", "51", "from 2 to 50"),
    ],
)
def test_bad_details_are_refused_beside_their_field(as_, field, value, words):
    answer = as_("olga").post("/settings/details", data={**DETAILS, "phone": "555 0100", field: value})
    assert answer.status_code == 422
    assert words in answer.text
    assert "555 0100" in answer.text


def test_the_cancellation_policy_is_edited_with_the_client_billing_documents(as_, rows):
    olga = as_("olga")
    policy = {"cancellation_window_hours": "48", "late_cancel_bp": "50 %", "no_show_bp": "100"}
    assert olga.get("/settings/missed").headers["Location"] == f"{DOCUMENTS}#policy"
    assert olga.post(DOCUMENTS, data={**PAGE, **policy}).status_code == 303
    for name, value in (("no_show_bp", "101"), ("late_cancel_bp", "half"), ("cancellation_window_hours", "5")):
        refused = olga.post(DOCUMENTS, data={**PAGE, **policy, "prefix": "KEPT-", name: value})
        assert refused.status_code == 422
        assert "KEPT-" in refused.text
    with rows() as session:
        practice = session.get(Practice, 1)
        assert (practice.cancellation_window_hours, practice.late_cancel_bp, practice.no_show_bp) == (48, 5_000, 10_000)
        assert practice.past_booked_is_attended
        told = session.scalars(select(AuditEntry.action).where(AuditEntry.action == "changed missed-session rules")).all()
        assert len(told) == 1
    olga.post(DOCUMENTS, data={**PAGE, **policy})  # the same again is no change of the policy
    with rows() as session:
        told = session.scalars(select(AuditEntry.action).where(AuditEntry.action == "changed missed-session rules")).all()
        assert len(told) == 1


def test_monthly_says_what_of_the_uninvoiced_work_it_bills(as_, write, rows, cast):
    today = clock.local_date(clock.now(), "America/New_York")
    with write() as session:
        _session_done(session, cast, today.day + 40)
        _session_done(session, cast, today.day + 5)
        for _ in range(today.day > 1):  # on the first there is no earlier day of this month
            _session_done(session, cast, 1)
    olga = as_("olga")
    page = " ".join(olga.get(DOCUMENTS).text.split())
    assert "The 2 older, $300.00 from" in page
    assert ("1 session so far, $150.00, and what" if today.day > 1 else "nothing is waiting yet") in page
    olga.post(DOCUMENTS, data={**PAGE, "invoice_creation": "monthly"})
    with rows() as session:
        assert session.get(Practice, 1).monthly_from_date == today.replace(day=1)


# Places and practitioners


def test_locations_and_rooms_are_added_renamed_archived_and_restored(as_, rows, cast):
    olga = as_("olga")
    assert olga.post("/settings/places/new", data={"name": "Quay House"}).status_code == 303
    assert olga.post("/settings/places/new", data={"name": "quay house"}).status_code == 422
    with rows() as session:
        quay = session.scalar(select(Location.id).where(Location.name == "Quay House"))
    assert olga.post(f"/settings/places/{quay}/rooms/new", data={"name": "Elm"}).status_code == 303
    assert olga.post(f"/settings/places/{quay}/rooms/new", data={"name": "ELM"}).status_code == 422
    assert olga.post(f"/settings/places/{cast.harbour_id}/rooms/new", data={"name": "Elm"}).status_code == 303
    assert olga.get(f"/settings/places/{quay}/archive").status_code == 200
    assert olga.post(f"/settings/places/{quay}/archive").status_code == 303
    assert olga.post(f"/settings/places/{quay}/restore").status_code == 303
    assert olga.post(f"/settings/places/rooms/{cast.larch_id}/archive").status_code == 303
    with rows() as session:
        assert not session.get(Location, quay).is_archived
        assert session.get(Room, cast.larch_id).is_archived


def test_the_last_location_stays(as_, rows, cast):
    olga = as_("olga")
    assert olga.post(f"/settings/places/{cast.mill_id}/archive").status_code == 303
    refused = olga.post(f"/settings/places/{cast.harbour_id}/archive")
    assert refused.status_code == 422
    assert "needs one location" in refused.text


def test_practitioners_are_added_changed_and_archived(as_, rows, cast):
    olga = as_("olga")
    page = {"name": "Ravi Lindqvist", "npi": "1234567893", "colour": "9", "location_id": str(cast.mill_id)}
    assert olga.post("/settings/practitioners/new", data=page).status_code == 303
    with rows() as session:
        ravi = session.scalars(select(Practitioner).where(Practitioner.name == "Ravi Lindqvist")).one()
    assert (ravi.colour, ravi.location_id) == (9, cast.mill_id)
    for field, value in (
        ("npi", "12345"),
        ("npi", "123456789x"),
        ("colour", "16"),
        ("colour", "blue"),
        ("location_id", "999"),
        ("name", ""),
    ):
        answer = olga.post(f"/settings/practitioners/{ravi.id}", data={**page, field: value})
        assert answer.status_code == 422, (field, value)
    assert olga.post(f"/settings/practitioners/{ravi.id}", data={**page, "location_id": "0"}).status_code == 303
    assert olga.post(f"/settings/practitioners/{ravi.id}/archive").status_code == 303
    assert "archived" in olga.get("/settings/practitioners/").text


# Users and roles


def test_a_new_user_signs_in_with_the_first_password(app, as_):
    olga = as_("olga")
    page = {"name": "Noor Desk", "email": "Noor@Quillmere.example", "roles": ["front_desk", "biller"], "practitioner_id": "0"}
    weak = olga.post("/settings/users/new", data={**page, "password": "noor desk forever"})
    assert weak.status_code == 422
    assert "easy to look up" in weak.text
    assert "noor desk forever" not in weak.text
    assert olga.post("/settings/users/new", data={**page, "password": "tulip orbit candle"}).status_code == 303
    noor = app.test_client()
    assert noor.post("/sign-in", data={"email": email("noor"), "password": "tulip orbit candle"}).status_code == 303
    assert noor.get("/settings/").status_code == 403
    assert "Front desk, Biller" in olga.get("/settings/users/").text
    again = olga.post("/settings/users/new", data={**page, "email": "noor@quillmere.EXAMPLE", "password": "tulip orbit candle"})
    assert again.status_code == 422
    assert "Another user" in again.text


def test_users_need_a_role_an_address_and_for_a_practitioner_a_calendar_of_their_own(as_, cast):
    olga = as_("olga")
    page = {"name": "Noor", "email": "noor@quillmere.example", "roles": ["front_desk"], "practitioner_id": "0"}
    for change, words in (
        ({"roles": []}, "at least one role"),
        ({"roles": ["emperor"]}, "Choose from the list."),
        ({"email": "noor"}, "e-mail address such as"),
        ({"roles": ["practitioner"]}, "whose calendar"),
        ({"roles": ["practitioner"], "practitioner_id": str(cast.pat_id)}, "Another user has this calendar"),
        ({"practitioner_id": "77777"}, "Choose from the list"),
    ):
        answer = olga.post(f"/settings/users/{cast.fay.user_id}", data={**page, **change})
        assert answer.status_code == 422, change
        assert words in answer.text, change


def test_the_last_active_owner_stays_owner_and_nobody_disables_themselves(as_, rows, cast):
    olga = as_("olga")
    me = f"/settings/users/{cast.olga.user_id}"
    page = {"name": "Olga Owner", "email": email("olga"), "roles": ["biller"], "practitioner_id": "0"}
    assert olga.post(me, data=page).status_code == 422
    assert olga.post(f"{me}/disable").status_code == 422
    fay = {"name": "Fay Desk", "email": email("fay"), "roles": ["owner", "front_desk"], "practitioner_id": "0"}
    assert olga.post(f"/settings/users/{cast.fay.user_id}", data=fay).status_code == 303
    assert olga.post(me, data=page).status_code == 303
    assert olga.get("/settings/").status_code == 403
    with rows() as session:
        assert staff.role_words(staff.roles_of(staff.user_for(session, cast.fay.user_id))) == "Owner, Front desk"


def test_a_disabled_user_is_out_everywhere_and_an_enabled_one_comes_back(as_, client, cast):
    olga, fay = as_("olga"), as_("fay")
    assert olga.post(f"/settings/users/{cast.fay.user_id}/disable").status_code == 303
    assert fay.get("/account/").status_code == 303
    assert client.post("/sign-in", data={"email": email("fay"), "password": PASSWORD}).status_code == 422
    assert olga.post(f"/settings/users/{cast.fay.user_id}/enable").status_code == 303
    assert client.post("/sign-in", data={"email": email("fay"), "password": PASSWORD}).status_code == 303


def test_the_owner_sets_another_password_and_it_signs_them_out(as_, rows, cast):
    olga, fay = as_("olga"), as_("fay")
    address = f"/settings/users/{cast.fay.user_id}/password"
    assert olga.post(address, data={"password": "short"}).status_code == 422
    assert olga.post(address, data={"password": "tulip orbit candle"}).status_code == 303
    assert fay.get("/account/").status_code == 303
    with rows() as session:
        password_hash = session.get(User, cast.fay.user_id).password_hash
    assert accounts.matches(password_hash, "tulip orbit candle")


def test_the_owner_says_whether_practitioners_see_each_other_s_work(as_, rows):
    olga = as_("olga")
    for posted, kept in (({"see_all": "y"}, True), ({}, False)):
        assert olga.post("/settings/users/see-all", data=posted).status_code == 303
        with rows() as session:
            assert session.get(Practice, 1).practitioners_see_all is kept


# Fees


def test_fees_are_added_changed_archived_and_restored(as_, rows):
    olga = as_("olga")
    page = {
        "code": "90837",
        "description": "Therapy, 60 minutes",
        "amount_cents": "$1,180.50",
        "tax_bp": "8.25",
        "minutes": "60",
    }
    assert olga.post("/settings/fees/new", data=page).status_code == 303
    with rows() as session:
        fee = session.scalars(select(Fee).where(Fee.code == "90837")).one()
    assert (fee.amount_cents, fee.tax_bp, fee.minutes, fee.is_hourly) == (118_050, 825, 60, False)
    assert olga.post("/settings/fees/new", data={**page, "description": "THERAPY, 60 minutes"}).status_code == 422
    assert (
        olga.post(f"/settings/fees/{fee.id}", data={**page, "amount_cents": "190", "is_hourly": "y", "minutes": ""}).status_code
        == 422
    )
    assert olga.post(f"/settings/fees/{fee.id}", data={**page, "amount_cents": "190", "is_hourly": "y"}).status_code == 303
    assert olga.post(f"/settings/fees/{fee.id}/archive").status_code == 303
    with rows() as session:
        kept = session.get(Fee, fee.id)
        assert (kept.amount_cents, kept.is_hourly, kept.is_archived) == (19_000, True, True)
    assert olga.post(f"/settings/fees/{fee.id}/restore").status_code == 303


def test_amounts_no_person_means_are_refused_with_what_was_typed(as_):
    olga = as_("olga")
    for typed in ("1e9", "-5", "12,345.678", "99999999999", "٣", "", "NaN", "1.2.3"):
        answer = olga.post("/settings/fees/new", data={"description": "Kept words", "amount_cents": typed})
        assert answer.status_code == 422, typed
        assert "Enter an amount" in answer.text
        assert "Kept words" in answer.text
        assert f'value="{typed}"' in answer.text
    hard = olga.post("/settings/fees/new", data={"description": "<script>🦉" + "x" * 10_000, "amount_cents": "1"})
    assert hard.status_code == 422
    assert "&lt;script&gt;🦉" in hard.text


def test_htmx_gets_its_own_redirect_after_a_save(as_):
    answer = as_("olga").post("/settings/fees/new", data={"description": "Letter", "amount_cents": "30"}, headers=HTMX)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, "/settings/fees/")
