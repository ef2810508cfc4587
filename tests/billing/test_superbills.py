"""Superbills: attended and invoiced sessions alone, with codes, diagnoses, places and what is paid of each."""

import io
import json
from dataclasses import replace
from datetime import date, timedelta

import pypdf
import pytest

from clinic.billing import credit_notes, fees, invoices, packages, payments, sheet, snapshot, superbills
from clinic.billing.fees import FeeDetails
from clinic.billing.packages import FeeRow, Sale, Template
from clinic.calendar import booking
from clinic.calendar.terms import Wanted
from clinic.kernel.errors import NotAllowedError, NotFoundError, RefusalError
from clinic.models.billing import Invoice, InvoiceLine, StoredDocument
from clinic.models.calendar import Attendee, Item, ItemKind, Mode, Status
from clinic.models.money import Method
from clinic.models.people import Client, Contact
from clinic.models.practice import AuditEntry, Practitioner
from clinic.people import diagnoses
from clinic.people.diagnoses import Details
from clinic.practice import places
from clinic.practice.places import LocationDetails
from tests.billing.given import given_session
from tests.cast import NOW

YEAR = (date(2026, 1, 1), date(2026, 12, 31))
ANXIETY = Details("f411", "Generalized anxiety disorder", date(2026, 1, 1))
FEE = FeeDetails("90834", "Therapy, 50 minutes", 15_000, minutes=50)


def _superbill(session, cast, *, who=None, client_id=None, first=YEAR[0], last=YEAR[1]):
    return superbills.superbill_for(session, who or cast.olga, client_id or cast.cleo_id, first, last, NOW)


def _session(session, cast, days, **kwargs):
    return given_session(session, cast, starts_at=NOW - timedelta(days=days), **kwargs)


def _billed(session, cast, share):
    (invoice,) = invoices.bill_attendee(session, cast.olga, share.attendee_id, NOW)
    return invoice


def _pay(session, cast, invoice, cents):
    payments.record(session, cast.olga, payer_id=invoice.payer_id, method=Method.CASH, amount_cents=cents, now=NOW,
                    invoice_id=invoice.id)  # fmt: skip


def test_a_superbill_says_of_each_attended_and_invoiced_session_what_an_insurer_asks_for(session, cast):
    fees.change(session, cast.olga, cast.therapy_fee_id, replace(FEE, modifier="95, gt", units=2), NOW)
    diagnoses.add(session, cast.olga, cast.cleo_id, ANXIETY, NOW)
    diagnoses.add(session, cast.olga, cast.cleo_id, Details("F33.1", "Depression", date(2026, 11, 1), place=1), NOW)
    diagnoses.add(session, cast.olga, cast.cleo_id, Details("Z63.0", "Long over", date(2020, 1, 1), date(2020, 12, 31)), NOW)
    early, late = _session(session, cast, 40), _session(session, cast, 3)
    session.get_one(Item, session.get_one(Attendee, late.attendee_id).item_id).mode = Mode.VIDEO
    first, second = _billed(session, cast, early), _billed(session, cast, late)
    _pay(session, cast, first, 15_000)
    _pay(session, cast, second, 4_000)

    shown = _superbill(session, cast)
    assert shown.diagnoses == (("A", "F33.1", "Depression"), ("B", "F41.1", "Generalized anxiety disorder"))
    rows = [(row.code, row.modifier, row.units, row.place, row.pointers, row.fee_cents, row.paid_cents) for row in shown.rows]
    assert rows == [
        ("90834", "95 GT", 2, "11", "B", 15_000, 15_000),  # the depression was not known yet
        ("90834", "95 GT", 2, "10", "A B", 15_000, 4_000),
    ]
    (given_by,) = shown.practitioners
    assert (given_by.name, given_by.lines) == ("Pat Oyelaran, PhD", ("Licence PS-00417", "NPI 1234567893"))
    assert "Tax ID 00-0000000" in shown.practice.lines
    assert (shown.fee_cents, shown.paid_cents, shown.paid_by) == (30_000, 19_000, ())
    assert [code for code, _ in shown.places] == ["10", "11"]

    # What was frozen stays; where a place is, is told as it is known today.
    fees.change(session, cast.olga, cast.therapy_fee_id, replace(FEE, code="00000", modifier="HO"), NOW)
    session.get_one(Practitioner, cast.pat_id).licence = "another"
    places.change_location(session, cast.olga, cast.harbour_id, LocationDetails("Harbour Street", "", "53", "02"), NOW)
    again = _superbill(session, cast)
    assert again.practitioners == shown.practitioners
    assert [(row.code, row.modifier, row.units) for row in again.rows] == [("90834", "95 GT", 2)] * 2
    assert [row.place for row in again.rows] == ["53", "02"]
    # An invoice from before modifiers were kept says what the fee says today.
    assert snapshot.coding({}, fees.fee_for(session, cast.therapy_fee_id)) == ("HO", 1)


def test_what_was_missed_activities_and_what_is_not_invoiced_are_left_out(session, cast):
    kept = [_session(session, cast, 30), _session(session, cast, 29, status=Status.BOOKED), _session(session, cast, 28)]
    for share in kept:
        _billed(session, cast, share)
    for days, status in enumerate((Status.NO_SHOW, Status.LATE_CANCELLED), start=20):
        _billed(session, cast, _session(session, cast, days, status=status))
    activity = _session(session, cast, 15)
    session.get_one(Item, session.get_one(Attendee, activity.attendee_id).item_id).kind = ItemKind.ACTIVITY
    _billed(session, cast, activity)
    _session(session, cast, 14)  # never invoiced
    draft = invoices.draft(session, cast.olga, payer_id=cast.cleo_payer_id, client_id=cast.cleo_id, now=NOW)
    invoices.add_share(session, draft, _session(session, cast, 13).id)
    taken_back = _billed(session, cast, _session(session, cast, 12))
    credit_notes.credit(session, cast.olga, taken_back, NOW)
    _billed(session, cast, given_session(session, cast, client_id=cast.otto_id, starts_at=NOW - timedelta(days=11)))

    assert [(NOW.date() - row.day).days for row in _superbill(session, cast).rows] == [30, 29, 28]
    assert not superbills.has_sessions(session, cast.olga, cast.cleo_id, date(2027, 1, 1), date(2027, 12, 31), NOW)
    assert superbills.has_sessions(session, cast.olga, cast.cleo_id, *YEAR, NOW)
    practice = superbills.settings.practice(session)
    practice.past_booked_is_attended = False
    assert len(_superbill(session, cast).rows) == 2  # then nobody has said that the second was attended


def test_a_session_of_two_payers_is_one_line_and_what_is_paid_is_shared_to_the_cent(session, cast):
    split = _session(session, cast, 9, parts={cast.cleo_payer_id: 10_000, cast.pellworth_id: 5_000})
    mine, theirs = invoices.bill_attendee(session, cast.olga, split.attendee_id, NOW)
    _pay(session, cast, mine, 2_500)
    _pay(session, cast, theirs, 5_000)
    three = invoices.draft(session, cast.olga, payer_id=cast.cleo_payer_id, client_id=cast.cleo_id, now=NOW)
    for days in (7, 6, 5):
        invoices.add_share(session, three, _session(session, cast, days, fee_cents=3_333).id)
    invoices.issue(session, cast.olga, three, NOW)
    credit_notes.credit(session, cast.olga, three, NOW, amounts={three.lines[0].id: 1_333})
    _pay(session, cast, three, 1_000)

    shown = _superbill(session, cast)
    assert [row.fee_cents for row in shown.rows] == [15_000, 2_000, 3_333, 3_333]
    assert [row.paid_cents for row in shown.rows] == [7_500, 231, 385, 384]
    assert dict(shown.paid_by) == {"Cleo Abernathy": 3_500, "Pellworth Occupational Health": 5_000}


def test_a_package_session_stands_on_the_day_it_took_place_with_what_its_line_came_to(session, cast):
    template = Template("Three for less", (FeeRow(cast.therapy_fee_id, 3),), price_cents=40_000)
    template = replace(template, kind=packages.PackageKind.PACKAGED)
    package = packages.save(session, cast.olga, template, NOW - timedelta(days=60))
    sale = Sale(package.id, (cast.cleo_id,), cast.cleo_payer_id, cast.pat_id, cast.harbour_id)
    sold = packages.sell(session, cast.olga, sale, NOW - timedelta(days=60))
    wanted = Wanted(cast.therapy_id, cast.pat_id, NOW - timedelta(days=2), 50, client_id=cast.cleo_id, overrides_warnings=True)
    booking.book(session, cast.olga, wanted, NOW - timedelta(days=3))
    line = session.query(InvoiceLine).filter(InvoiceLine.invoice_id == sold.id, InvoiceLine.share_id.is_not(None)).one()
    assert _superbill(session, cast, last=date(2026, 10, 31)).rows == ()  # sold, but nothing took place yet
    (row,) = _superbill(session, cast).rows
    assert (row.day, row.fee_cents, row.paid_cents) == (date(2026, 11, 16), line.total_cents, 0)
    assert row.fee_cents == 13_334


def test_who_may_not_see_diagnoses_gets_no_superbill_and_who_sees_only_their_own_no_colleagues_sessions(session, cast):
    mine = _billed(session, cast, _session(session, cast, 8))
    _billed(session, cast, _session(session, cast, 7, practitioner_id=cast.piet_id))
    with pytest.raises(NotAllowedError):
        _superbill(session, cast, who=cast.fay)
    assert len(_superbill(session, cast, who=cast.bill).rows) == 2
    assert len(_superbill(session, cast, who=cast.pat).rows) == 2  # Pat's own client: everything
    session.get_one(Client, cast.cleo_id).practitioner_id = cast.piet_id
    own = _superbill(session, cast, who=cast.pat)
    assert own.is_own_only
    assert [party.name for party in own.practitioners] == ["Pat Oyelaran, PhD"]
    session.query(Item).filter(Item.practitioner_id == cast.pat_id).update({Item.practitioner_id: cast.piet_id})
    for client_id in (cast.cleo_id, 999_999):
        with pytest.raises(NotFoundError):
            _superbill(session, cast, who=cast.pat, client_id=client_id)
    with pytest.raises(RefusalError):
        _superbill(session, cast, first=YEAR[1], last=YEAR[0])
    assert len(_superbill(session, cast, first=date(1, 1, 1), last=date(9999, 12, 31)).rows) == 2
    assert "F41" not in repr(sheet.of(session, mine, NOW))


def test_no_diagnosis_comes_near_an_invoice(session, cast):
    fees.change(session, cast.olga, cast.therapy_fee_id, replace(FEE, modifier="95"), NOW)
    diagnoses.add(session, cast.olga, cast.cleo_id, ANXIETY, NOW)
    invoice = _billed(session, cast, _session(session, cast, 8))
    told = json.dumps(invoice.snapshot) + repr(sheet.of(session, invoice, NOW))
    assert "F41" not in told
    assert "anxiety" not in told
    entries = session.query(AuditEntry).filter(AuditEntry.object_type == "client").all()
    assert any(entry.action == "added diagnosis" for entry in entries)
    assert all("F41" not in json.dumps(entry.detail) for entry in entries)  # nothing clinical in the trail


@pytest.mark.parametrize(
    ("details", "field"),
    [
        (replace(ANXIETY, code="anxious"), "code"),
        (replace(ANXIETY, code="F41.12345"), "code"),
        (replace(ANXIETY, until_date=date(2025, 12, 31)), "until_date"),
        (replace(ANXIETY, code="F41.1", from_date=date(2026, 6, 1)), "code"),  # held since January
    ],
)
def test_a_diagnosis_that_cannot_be_is_refused_by_its_field(session, cast, details, field):
    held = diagnoses.add(session, cast.pat, cast.cleo_id, ANXIETY, NOW)
    with pytest.raises(RefusalError) as refused:
        diagnoses.add(session, cast.pat, cast.cleo_id, details, NOW)
    assert refused.value.field == field
    # The code may come again once it is over; the order closes up when one is removed.
    diagnoses.change(session, cast.pat, cast.cleo_id, held, replace(ANXIETY, until_date=date(2026, 5, 31)), NOW)
    later = diagnoses.add(session, cast.pat, cast.cleo_id, replace(ANXIETY, from_date=date(2026, 6, 1), place=1), NOW)
    assert [known.id for known in diagnoses.of_client(session, cast.cleo_id)] == [later, held]
    diagnoses.remove(session, cast.pat, cast.cleo_id, later, NOW)
    (left,) = diagnoses.of_client(session, cast.cleo_id)
    assert (left.id, left.details.place, left.details.code) == (held, 1, "F41.1")
    for who in (cast.fay, cast.bill):
        with pytest.raises(NotAllowedError):
            diagnoses.add(session, who, cast.cleo_id, ANXIETY, NOW)
    with pytest.raises(NotFoundError):
        diagnoses.change(session, cast.pat, cast.otto_id, held, ANXIETY, NOW)


# Rendering asks nothing of the kind of database.
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_page_and_the_pdf_say_it_and_the_front_desk_sees_no_diagnosis(write, rows, as_, cast):
    with write() as session:
        client, contact = session.get_one(Client, cast.cleo_id), session.get_one(Contact, cast.cleo_payer_id)
        client.first_name, client.last_name = "Παναγιώτα", "山田 Достоевская"
        contact.name, client.birth_date = client.name, date(1990, 5, 4)
        for days in range(8, 38):
            _billed(session, cast, _session(session, cast, days))
    pat, fay, here = as_("pat"), as_("fay"), f"/clients/{cast.cleo_id}"
    posted = {"code": "f33.1", "description": "Depression, δύσκολη", "from_date": "2026-01-01"}
    assert pat.post(f"{here}/diagnoses/new", data=posted).status_code == 303
    refused = pat.post(f"{here}/diagnoses/new", data={**posted, "code": "sad"})
    assert refused.status_code == 422
    assert "Enter an ICD-10 code such as F41.1." in refused.text
    assert 'value="sad"' in refused.text
    opened = pat.get(f"{here}/diagnoses/1").text
    shown = opened.partition('name="shown" type="hidden" value="')[2].partition('"')[0]
    for status in (303, 409):  # saved once; saved again from what was open before that
        moved = {**posted, "description": f"Depression, δύσκολη {status}", "shown": shown}
        answer = pat.post(f"{here}/diagnoses/1", data=moved)
        assert answer.status_code == status
    assert "Stands now: F33.1 Depression, δύσκολη 303" in answer.text
    assert 'value="Depression, δύσκολη 409"' in answer.text
    asked = "first=2026-01-01&last=2026-12-31"
    page = pat.get(f"{here}/superbill?{asked}").text
    for words in ("F33.1", "Depression, δύσκολη", "NPI 1234567893", "90834", f"{here}/superbill/pdf?"):
        assert words in page.replace("&amp;", "&")
    made = pat.get(f"{here}/superbill/pdf?{asked}")
    assert pat.get(f"{here}/superbill/pdf?{asked}").data == made.data
    pages = [each.extract_text() for each in pypdf.PdfReader(io.BytesIO(made.data)).pages]
    assert len(pages) == 2
    assert all("Modifier" in each for each in pages)
    for words in ("Παναγιώτα", "山田", "Достоевская", "F33.1", "Tax ID 00-0000000", "Licence PS-00417", "11 Office"):
        assert words in pages[0] + pages[1]
    with rows() as session:
        assert session.query(StoredDocument).count() == 1
        assert session.query(AuditEntry).filter(AuditEntry.action == "took superbill").count() == 2
    for way in ("", "/print", "/pdf"):
        assert pat.get(f"{here}/superbill{way}?first=2026-02-01&last=2026-01-01").status_code == 422
    assert pat.get(f"{here}/superbill?last=9999-12-31").status_code == 422
    for address in (here, f"{here}/billing", f"{here}/appointments"):
        desk = fay.get(address)
        assert (desk.status_code, "F33" in desk.text, "uperbill" in desk.text) == (200, False, False)
    assert "F33.1" in pat.get(here).text
    with rows() as session:
        invoice_id = session.query(Invoice.id).order_by(Invoice.id).limit(1).scalar()
    invoice = pypdf.PdfReader(io.BytesIO(pat.get(f"/invoices/{invoice_id}/pdf").data)).pages[0].extract_text()
    assert "F33" not in invoice + pat.get(f"/invoices/{invoice_id}").text
