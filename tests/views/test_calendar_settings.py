"""Calendar Settings over HTTP: the article's words, refusals by name, and what is saved."""

import pytest
from sqlalchemy import select

from clinic.calendar import booking
from clinic.models.calendar import AppointmentType, ItemKind, TimeOff, WorkingHours
from tests.calendar.stage import at, therapy
from tests.cast import NOW

LETTER = {"kind": "activity", "name": "Letter to referrer", "colour": "3", "duration": "30", "fee": "", "rate": "120",
          "is_rate_flexible": "y", "whose": "all"}  # fmt: skip
TYPES = "/calendar/settings/types"


def test_the_way_to_an_activity_is_the_articles(as_, rows):
    olga = as_("olga")
    assert ">Calendar Settings</a>" in olga.get("/calendar/week").text
    assert ">Appointment Types</a>" in olga.get("/calendar/settings/").text
    form = olga.get(f"{TYPES}/new").text
    assert form.count("Allow flexibility") == 2
    assert olga.post(f"{TYPES}/new", data=LETTER).headers["Location"] == TYPES
    with rows() as session:
        made = session.scalar(select(AppointmentType).where(AppointmentType.name == "Letter to referrer"))
        assert (made.kind, made.rate_cents, made.colour) == (ItemKind.ACTIVITY, 12_000, 3)
        assert (made.is_duration_flexible, made.is_rate_flexible) == (False, True)
    assert "Letter to referrer" in olga.get(TYPES).text


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 10_000}, "name"),
        ({"name": "Therapy 50"}, "name"),
        ({"duration": "4"}, "duration"),
        ({"duration": "1e9"}, "duration"),
        ({"rate": "12,345.678"}, "rate"),
        ({"buffer_before": "121"}, "buffer_before"),
        ({"buffer_after": "-5"}, "buffer_after"),
        ({"rate": ""}, "rate"),
        ({"fee": "💥"}, "fee"),
        ({"colour": "77"}, "colour"),
        ({"kind": "event"}, "kind"),
        ({"whose": "some"}, "practitioners"),
        ({"whose": "some", "practitioners": "<b>"}, "practitioners"),
    ],
)
def test_a_type_that_cannot_be_is_refused_by_name_and_kept(as_, typed, field):
    refused = as_("olga").post(f"{TYPES}/new", data=LETTER | typed)
    assert refused.status_code == 422
    assert f'id="{field}-err"' in refused.text
    assert 'value="30"' in refused.text or field == "duration"


def test_a_type_is_changed_archived_and_brought_back(as_, cast, rows):
    olga, url = as_("olga"), f"{TYPES}/{cast.case_review_id}"
    assert 'value="120.00"' in olga.get(url).text
    assert olga.post(url, data=LETTER | {"name": "Case review", "duration": "45"}).status_code == 303
    assert olga.post(f"{url}/archive").status_code == 303
    assert "Archived" in olga.get(TYPES).text
    assert olga.post(f"{url}/restore").status_code == 303
    with rows() as session:
        kind = session.get(AppointmentType, cast.case_review_id)
        assert (kind.duration_minutes, kind.is_archived) == (45, False)
    assert olga.get(f"{TYPES}/999999").status_code == 404


def test_working_hours_are_added_refused_over_others_and_deleted(as_, cast, rows):
    olga, url = as_("olga"), "/calendar/settings/hours"
    hours = {"practitioner": cast.pat_id, "location": cast.mill_id, "weekdays": ["5", "6"], "starts": "10:00", "ends": "00:00"}
    assert olga.post(url, data=hours).status_code == 303
    assert olga.post(url, data=hours).status_code == 422
    for typed in ({"ends": "09:00"}, {"weekdays": []}, {"weekdays": ["9"]}, {"practitioner": ""}, {"from_date": "2026-02-30"}):
        assert olga.post(url, data=hours | typed).status_code == 422
    with rows() as session:
        made = session.scalars(select(WorkingHours).where(WorkingHours.location_id == cast.mill_id)).all()
        assert [(row.weekday, row.starts_minute, row.ends_minute) for row in made] == [(5, 600, 1440), (6, 600, 1440)]
    assert olga.post(f"{url}/{made[0].id}/delete").status_code == 303
    assert olga.post(f"{url}/{made[0].id}/delete").status_code == 404


def test_time_off_over_bookings_leads_to_them(as_, cast, write, rows):
    with write() as session:
        item_id = booking.book(session, cast.fay, therapy(cast, at(10)), NOW).id
    olga, url = as_("olga"), "/calendar/settings/time-off"
    off = {"practitioner": cast.pat_id, "first": "2026-11-18", "last": "2026-11-19", "label": "Training <b>"}
    saved = olga.post(url, data=off)
    assert saved.status_code == 303
    listed = olga.get(saved.headers["Location"]).text
    assert f"/calendar/items/{item_id}" in listed
    assert "Cleo Abernathy" in listed
    assert "Training &lt;b&gt;" in listed
    assert "1 of 1: " in listed
    walk = saved.headers["Location"]
    step = {"item": item_id, "version": "1", "deed": "move", "practitioner": cast.pat_id}
    for typed, said in (
        ({"day": "nonsense"}, "Enter a date that exists"),
        ({"day": "2026-11-20"}, "Enter a time"),
        ({"deed": "", "to": "2026-11-20T99:00"}, "Enter a time"),
        ({"version": "9", "to": "2026-11-20T10:00"}, "meanwhile"),
    ):
        refused = olga.post(walk, data=step | typed)
        assert refused.status_code == (409 if "version" in typed else 422), typed
        assert said in refused.text
    assert olga.post(walk, data=step | {"day": "2026-11-18", "starts_at": "12:00"}).status_code == 422  # still in the time off
    assert olga.post(walk, data=step | {"deed": "", "to": "2026-11-20T10:00"}).headers["Location"] == walk
    assert "<b>All 1 are settled</b>: 1 moved, 0 cancelled, 0 left." in olga.get(walk).text
    assert olga.post(walk, data=step | {"deed": "leave"}).status_code == 409
    assert olga.post(url, data=off | {"first": "2027-01-05", "last": "2027-01-04"}).status_code == 422
    assert olga.post(url, data=off | {"first": "2027-03-14", "last": "", "starts": "02:30"}).status_code == 422
    closed = olga.post(url, data={"practitioner": "", "first": "2027-01-01"})
    assert closed.headers["Location"] == url
    with rows() as session:
        assert session.scalar(select(TimeOff.practitioner_id).order_by(TimeOff.id.desc())) is None
    assert olga.post(f"{url}/1/delete").status_code == 303
    assert olga.get(f"{url}/1").status_code == 404
