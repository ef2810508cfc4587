"""Packages are made, listed, sold from three places and shown on the client's profile."""

import pytest
from sqlalchemy import func, select

from clinic.billing import packages
from clinic.calendar import booking
from clinic.models.billing import Invoice, InvoiceLine, Package, PackageClient, PackageSale
from clinic.models.practice import Location, Practitioner
from clinic.people import clients
from clinic.practice import once
from tests.cast import NOW
from tests.conftest import HTMX


def _form(cast, **other):
    values = {
        "name": "Five sessions", "rows-0-fee_id": cast.therapy_fee_id, "rows-0-quantity": "5", "rows-1-fee_id": "",
        "rows-1-quantity": "", "kind": "packaged", "price": "650", "expires_after": "6", "expires_unit": "months",
    }  # fmt: skip
    return values | other


def _sale(cast, package_id=1, **other):
    values = {"once": once.new_key(), "package": package_id, "payer": cast.cleo_payer_id, "practitioner": cast.pat_id,
              "location": cast.harbour_id, "expires": ""}  # fmt: skip
    return values | other


@pytest.fixture
def package(as_, cast):
    """Make the template through its form."""
    assert as_("fay").post("/packages/new", data=_form(cast)).status_code == 303


def test_a_template_is_made_listed_changed_and_archived(as_, rows, cast, package):
    fay = as_("fay")
    listed = fay.get("/packages").text
    assert "Five sessions" in listed
    assert "$650.00" in listed
    assert "after 6 months" in listed
    shown = fay.get("/packages/1/edit").text
    assert 'value="650.00"' in shown
    assert fay.post("/packages/1/edit", data=_form(cast, name="Fünf <b>", practitioners=[cast.pat_id])).status_code == 303
    assert "Fünf &lt;b&gt;" in fay.get("/packages").text
    assert fay.post("/packages/1/archive").status_code == 303
    with rows() as session:
        assert session.get(Package, 1).is_archived
    assert fay.post("/packages/1/restore").status_code == 303


def test_whom_a_template_names_stays_named_after_they_left(as_, rows, write, cast, package):
    fay = as_("fay")
    only = _form(cast, practitioners=[cast.pat_id], locations=[cast.harbour_id])
    assert fay.post("/packages/1/edit", data=only).status_code == 303
    with write() as session:
        session.get_one(Practitioner, cast.pat_id).is_archived = True
        session.get_one(Location, cast.harbour_id).is_archived = True
    assert fay.get("/packages/1/edit").text.count(", archived") == 2
    assert fay.post("/packages/1/edit", data=only).status_code == 303
    with rows() as session:
        assert packages.valid_for(session, 1) == ({cast.pat_id}, {cast.harbour_id})


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"name": ""}, "Enter name."),
        ({"name": "x" * 10_000}, "At most 120 characters."),
        ({"price": "12,345.678"}, "Enter an amount such as 150"),
        ({"price": "-5"}, "Enter an amount such as 150"),
        ({"price": ""}, "Enter the price of the package."),
        ({"rows-0-fee_id": ""}, "Choose at least one fee."),
        ({"rows-0-fee_id": "99999999999999"}, "Choose from the list."),
        ({"rows-0-fee_id": "424242"}, "Choose a fee of the fee schedule."),
        ({"rows-0-quantity": "0"}, "Enter a whole number from 1 to 100."),
        ({"rows-1-fee_id": 1, "rows-1-quantity": "100"}, "at most 100 sessions"),
        ({"kind": "free"}, "Choose from the list"),
        ({"expires_after": "99999"}, "Enter a whole number from 1 to 3650."),
        ({"practitioners": ["77"]}, "Choose from the list."),
    ],
)
def test_a_template_that_does_not_hold_comes_back_with_what_was_typed(as_, rows, cast, typed, said):
    answer = as_("fay").post("/packages/new", data=_form(cast, **{"description": "Five for four"} | typed))
    assert answer.status_code == 422
    assert said in answer.text
    assert "Five for four" in answer.text
    with rows() as session:
        assert session.scalar(select(func.count()).select_from(Package)) == 0


def test_new_invoice_and_the_list_lead_to_selling_by_the_clients_name(as_, cast, package):
    fay = as_("fay")
    assert 'href="/packages/sell"' in fay.get("/invoices/new").text
    assert 'href="/packages/sell?package=1"' in fay.get("/packages").text
    found = fay.get("/packages/sell?package=1&q=cleo").text
    assert f'href="/packages/sell/{cast.cleo_id}?package=1"' in found


@pytest.mark.parametrize("headers", [HTMX, {}])
def test_selling_issues_the_invoice_and_leads_to_it(as_, rows, cast, package, headers):
    fay = as_("fay")
    shown = fay.get(f"/packages/sell/{cast.cleo_id}?package=1").text
    for words in ("Sell Five sessions", "90834 Therapy, 50 minutes, $150.00", "Empty: $650.00", "after 6 months"):
        assert words in shown
    sold = fay.post(f"/packages/sell/{cast.cleo_id}", data=_sale(cast, mates=[cast.otto_id]), headers=headers)
    assert (sold.status_code, sold.headers.get("Location") or sold.headers["HX-Redirect"]) in (
        (303, "/invoices/1"),
        (204, "/invoices/1"),
    )
    with rows() as session:
        assert session.get(Invoice, 1).number == "INV-0001"
        assert session.scalar(select(func.count()).select_from(InvoiceLine)) == 5
        assert set(session.scalars(select(PackageClient.client_id))) == {cast.cleo_id, cast.otto_id}
    page = fay.get("/invoices/1").text
    for word in ("Purchased", "Booked", "Used", "Remaining", "Good through", "Balance", "Session ledger"):
        assert word in page, word
    for client_id in (cast.cleo_id, cast.otto_id):
        assert "Five sessions" in fay.get(f"/clients/{client_id}/packages").text


def test_it_is_shared_with_anyone_found_by_name_and_looking_sells_nothing(as_, rows, write, cast, package):
    fay, address = as_("fay"), f"/packages/sell/{cast.cleo_id}?package=1"
    with write() as session:
        ines_id = clients.add(session, cast.fay, clients.Details("Ines", "Quill"), NOW).id
    assert "Ines Quill" not in fay.get(address).text
    looked = fay.post(address, data=_sale(cast, find="quill", price="600", look="1"))
    assert looked.status_code == 200
    for words in ("Ines Quill", 'value="600', f'name="mates" type="checkbox" value="{ines_id}"'):
        assert words in looked.text, words
    assert "Ines Quill" in fay.post(address, data=_sale(cast, find="ines")).text  # Enter in the field looks too
    nobody = fay.post(address, data=_sale(cast, find="nobody", mates=[ines_id])).text
    assert "No other client of that name." in nobody
    assert f'<input checked id="mates-1" name="mates" type="checkbox" value="{ines_id}">' in nobody
    with rows() as session:
        assert session.scalar(select(func.count()).select_from(PackageSale)) == 0
    assert fay.post(address, data=_sale(cast, find="quill", mates=[ines_id], sell="1")).status_code == 303
    with rows() as session:
        assert set(session.scalars(select(PackageClient.client_id))) == {cast.cleo_id, ines_id}


def test_sold_from_an_appointment_that_appointment_takes_the_first_line(as_, rows, write, cast, package):
    with write() as session:
        wanted = booking.Wanted(type_id=cast.therapy_id, practitioner_id=cast.pat_id, starts_at=NOW, minutes=50,
                                client_id=cast.cleo_id, location_id=cast.harbour_id, overrides_warnings=True)  # fmt: skip
        attendee_id = booking.book(session, cast.fay, wanted, NOW).attendees[0].id
    address = f"/packages/sell/{cast.cleo_id}?attendee={attendee_id}"
    fay = as_("fay")
    assert fay.post(address, data=_sale(cast, location=cast.mill_id)).status_code == 303
    assert "it is for Mill Lane" in fay.get("/invoices/1").text
    assert fay.post(address, data=_sale(cast)).status_code == 303
    with rows() as session:
        dates = select(InvoiceLine.session_date).order_by(InvoiceLine.id)
        assert session.scalars(dates).all() == [None] * 5 + [NOW.date()] + [None] * 4


def test_several_packages_are_chosen_from_and_a_copy_is_changed_on_the_way(as_, rows, cast, package):
    fay = as_("fay")
    copied = fay.post("/packages/1/duplicate")
    assert (copied.status_code, copied.headers["Location"]) == (303, "/packages/2/edit")
    assert f'href="/packages/sell/{cast.cleo_id}?package=2"' in fay.get(f"/packages/sell/{cast.cleo_id}").text
    four = {"rows-0-fee_id": cast.therapy_fee_id, "rows-0-quantity": "4"}
    refused = fay.post(f"/packages/sell/{cast.cleo_id}", data=_sale(cast, 2, **four))
    assert refused.status_code == 422
    assert "Enter the price for this number of sessions." in refused.text
    assert 'value="4"' in refused.text
    sold = fay.post(f"/packages/sell/{cast.cleo_id}", data=_sale(cast, 2, **four, price="500", never="y"))
    assert sold.status_code == 303
    with rows() as session:
        assert session.scalars(select(InvoiceLine.unit_cents)).all() == [12_500] * 4
        assert session.get(PackageSale, 1).expires_date is None


def test_selling_twice_by_a_double_click_sells_once(as_, rows, cast, package):
    fay, posted = as_("fay"), _sale(cast)
    answers = [fay.post(f"/packages/sell/{cast.cleo_id}", data=posted) for _ in range(2)]
    assert [answer.headers["Location"] for answer in answers] == ["/invoices/1"] * 2
    with rows() as session:
        assert session.scalar(select(func.count()).select_from(PackageSale)) == 1


def test_a_draft_is_not_booked_until_it_is_issued(as_, rows, cast, package):
    fay = as_("fay")
    fay.post(f"/packages/sell/{cast.cleo_id}", data=_sale(cast, draft="y"))
    page = fay.get("/invoices/1")
    assert page.status_code == 200
    assert "Issue it, then its sessions can be booked." in page.text
    for told in (page.text, fay.get(f"/clients/{cast.cleo_id}/packages").text):
        assert "6 months from issue" in told
        assert "No last day" not in told
    assert "/invoices/1/lines/" not in page.text
    refused = fay.post("/invoices/1/lines/1/edit", data={"once": once.new_key(), "date": "2026-12-02", "add_appointment": "yes",
                                                         "time": "10:00"})  # fmt: skip
    assert refused.status_code == 422
    assert "This invoice is a draft." in refused.text
    issued = fay.post("/invoices/1/issue", data={"once": once.new_key()})
    assert issued.status_code == 303
    with rows() as session:
        assert session.get(PackageSale, 1).expires_date is not None


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"package": ""}, "Choose from the list"),
        ({"payer": "99"}, "Choose from the list"),
        ({"expires": "2020-01-01"}, "The last day cannot be in the past."),
        ({"expires": "2026-02-30"}, "Enter a date that exists"),
        ({"mates": ["77"]}, "Choose from the list."),
        ({"rows-0-fee_id": "1", "rows-0-quantity": "-1"}, "Enter a whole number from 0 to 100."),
        ({"rows-0-fee_id": "424242", "rows-0-quantity": "1"}, "Choose from the fees of this package."),
        ({"price": "a lot"}, "Enter an amount such as 150"),
        ({"once": "short"}, "This form is out of date"),
    ],
)
def test_a_sale_that_does_not_hold_sells_nothing(as_, rows, cast, package, typed, said):
    answer = as_("fay").post(f"/packages/sell/{cast.cleo_id}", data=_sale(cast, **typed))
    assert answer.status_code == 422
    assert said in answer.text
    with rows() as session:
        assert session.scalar(select(func.count()).select_from(Invoice)) == 0


def test_pat_sells_with_herself_only_and_unknown_things_are_not_found(as_, cast, package):
    pat = as_("pat")
    assert "Piet" not in pat.get(f"/packages/sell/{cast.cleo_id}").text
    assert pat.post(f"/packages/sell/{cast.cleo_id}", data=_sale(cast, practitioner=cast.piet_id)).status_code == 422
    for address in ("/packages/424242/edit", "/packages/sell/424242", "/clients/424242/packages"):
        assert as_("fay").get(address).status_code == 404


def test_a_sold_package_is_adjusted_extended_and_pointed_elsewhere_from_its_invoice(as_, rows, cast, package):
    fay, olga = as_("fay"), as_("olga")
    fay.post(f"/packages/sell/{cast.cleo_id}", data=_sale(cast))
    shown = olga.get("/invoices/1").text
    for part in ('href="#line-5"', 'id="line-5"', "5 bought: 5 left", "/package/adjust", "/package/extend", "/package/repoint"):
        assert part in shown
    assert "/package/repoint" not in fay.get("/invoices/1").text
    here = "/invoices/1/package/"
    good = {
        "adjust": {"which": 2, "standing": "used", "reason": "Given before"},
        "extend": {"expires": "2036-02-01", "reason": "Was ill"},
        "repoint": {"practitioner": cast.piet_id, "location": cast.mill_id, "reason": "On leave"},
    }
    bad = {
        "adjust": [({"which": 99}, "Choose from the list"), ({"reason": " "}, "Enter why."), ({"standing": ""}, "Choose from")],
        "extend": [({"expires": ""}, "tick No last day"), ({"expires": "2026-12-01"}, "Choose a day after")],
        "repoint": [
            ({"practitioner": cast.pat_id, "location": cast.harbour_id}, "Choose another"),
            ({"location": 9}, "Choose from"),
        ],
    }
    for deed, typed in good.items():
        for wrong, said in bad[deed]:
            refused = olga.post(here + deed, data=typed | {"once": once.new_key()} | wrong)
            assert (refused.status_code, said in refused.text) == (422, True), (deed, wrong)
        posted = typed | {"once": once.new_key()}
        assert [olga.post(here + deed, data=posted).status_code for _ in range(2)] == [303, 303]  # a double click is once
    page = olga.get("/invoices/1").text
    for words in ("5 bought: 1 used, 4 left", "Given before", ": Was ill", "Piet Vandermolen at Mill Lane"):
        assert words in page, words
    assert as_("pat").get(here + "adjust").status_code == 404  # it is Piet's now
    assert "New Invoice" in fay.get(f"/invoices/new?client={cast.cleo_id}").text
    assert f'href="/packages/sell/{cast.cleo_id}"' in fay.get(f"/invoices/new?client={cast.cleo_id}").text


def test_a_sold_package_is_changed_in_a_pop_up_that_stays_open_when_refused(as_, cast, package):
    as_("fay").post(f"/packages/sell/{cast.cleo_id}", data=_sale(cast))
    olga = as_("olga")
    for deed in ("adjust", "extend", "repoint", "refund"):
        here = f"/invoices/1/package/{deed}"
        assert f'hx-get="{here}"' in olga.get("/invoices/1").text
        opened = olga.get(here, headers=HTMX).text
        assert opened.lstrip().startswith('<dialog class="leaf pop form" id="pop" open')
        refused = olga.post(here, data={"once": once.new_key(), "reason": ""}, headers=HTMX)
        assert (refused.status_code, "<dialog" in refused.text, "Enter why." in refused.text) == (422, True, True)
    posted = {"expires": "2036-02-01", "reason": "Was ill", "once": once.new_key()}
    saved, again = (olga.post("/invoices/1/package/extend", data=posted, headers=HTMX) for _ in range(2))
    assert (saved.status_code, saved.headers["HX-Redirect"]) == (204, "/invoices/1")
    assert (again.status_code, again.headers["Location"]) == (303, "/invoices/1/sessions")


def test_unused_sessions_are_credited_once_the_practice_confirms(as_, rows, cast, package):
    as_("fay").post(f"/packages/sell/{cast.cleo_id}", data=_sale(cast))
    assert "/package/refund" not in as_("fay").get("/invoices/1").text
    bill = as_("bill")
    assert 'href="/invoices/1/package/refund"' in bill.get("/invoices/1").text
    shown = bill.get("/invoices/1/package/refund").text
    assert (shown.count(" checked"), "$130.00" in shown, "Credit what is ticked" in shown) == (5, True, True)
    for typed, said in (({"reason": "Moves"}, "Tick what is given back."), ({"lines": [1], "reason": ""}, "Enter why.")):
        refused = bill.post("/invoices/1/package/refund", data=typed | {"once": once.new_key()})
        assert (refused.status_code, said in refused.text) == (422, True)
    posted = {"lines": [2, 3], "reason": "Moves away", "once": once.new_key()}
    assert [bill.post("/invoices/1/package/refund", data=posted).headers["Location"] for _ in range(2)] == ["/invoices/1"] * 2
    assert "3 bought: 3 left" in bill.get("/invoices/1").text
    late = bill.post("/invoices/1/package/refund", data=posted | {"once": once.new_key()})
    assert (late.status_code, "given back meanwhile" in late.text) == (409, True)
    with rows() as session:
        assert session.scalars(select(Invoice.total_cents).order_by(Invoice.id)).all() == [65_000, 26_000]
