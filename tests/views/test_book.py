"""The online booking page: a package is bought on the processor's page and its sessions are booked, without signing in."""

# ruff: noqa: F811

import re
import urllib.parse
from dataclasses import replace
from datetime import timedelta

import pytest

from clinic.config import Config
from clinic.jobs import autopay as job
from clinic.jobs import link_receipts
from clinic.kernel import clock
from clinic.models.billing import Invoice
from clinic.models.calendar import Attendee, Item, Status
from clinic.models.messages import Message, MessageKind
from clinic.models.money import Checkout, Payment
from clinic.models.online import OnlinePurchase
from clinic.models.people import Client
from clinic.models.practice import Practice
from clinic.office import verify
from clinic.people import throttle
from clinic.practice import once
from tests import online
from tests.night_fixtures import SECRET, gateway, stand_in  # noqa: F401
from tests.views.test_night import event, on_the_hosted_page, signed, text_of


# What is sold and to whom is tested on both databases in tests/billing/test_purchases.py; the pages need one.
@pytest.fixture
def config(database, stand_in):
    return Config(DATABASE_URL=database[0], SECRET_KEY="for tests only", BASE_URL="http://localhost",
                  STRIPE_SECRET_KEY="sk_test_demo", STRIPE_WEBHOOK_SECRET=SECRET, STRIPE_API_BASE=stand_in.url)  # fmt: skip


@pytest.fixture
def shop(write, cast):
    """Sell five sessions online; return the package's address."""
    with write() as session:
        return f"/book/packages/{online.on_sale(session, cast).id}"


def _order(client, shop, **other):
    seen = re.search(r'name="seen" value="(\d+)"', client.get(shop).text)[1]
    data = {"once": once.new_key(), "first_name": "Bruno", "last_name": "Buyer", "email": "bruno@post.example", "phone": "",
            "agrees": "y", "seen": seen}  # fmt: skip
    return data | other


def _path(address):
    return address.removeprefix("http://localhost")


def _bought(client, shop, **other):
    """Buy, and return the address of the page where its sessions are booked."""
    away = client.post(shop, data=_order(client, shop, **other))
    assert away.status_code == 303, text_of(away)
    there = client.get(_path(on_the_hosted_page(away.headers["Location"]))).headers["Location"]
    return client.get(there).headers["Location"]


def _free(client, there, words=""):
    """Return what a buyer may send: the first free time of the day that is shown."""
    page = client.get(there + words).text
    names = {name: re.search(rf'name="{name}"[^>]* value="([^"]+)"', page)[1] for name in ("type", "starts")}
    return names | {"once": once.new_key()}


@pytest.mark.parametrize("teller", ["return", "webhook", "clock"])
def test_a_package_is_bought_and_sold_once_whoever_tells_of_it(client, as_, rows, shop, stand_in, gateway, app, teller):
    data = _order(client, shop)
    away = client.post(shop, data=data)
    assert away.headers["Location"].startswith(stand_in.url)
    with rows() as session:
        token = session.query(OnlinePurchase).one().token
    again = client.post(shop, data=data)
    assert _path(again.headers["Location"]) == f"/book/purchases/{token}", "posted twice, it answers with the first"
    waiting = client.get(f"/book/purchases/{token}")
    assert "Not paid yet" in waiting.text
    assert client.post(f"/book/purchases/{token}").headers["Location"] == away.headers["Location"], "one page, opened again"
    calls = [str(each["params"]) for each in stand_in.log() if each["method"] == "POST"]
    assert [word for word in ("Five", "Therapy", "post.example") for call in calls if word in call] == []
    back = _path(on_the_hosted_page(away.headers["Location"]))
    session_id = urllib.parse.parse_qs(urllib.parse.urlsplit(back).query)["session_id"][0]
    body, headers = signed(event("checkout.session.completed", session_id, "evt_1"))
    tellers = {
        "return": lambda: client.get(back),
        "webhook": lambda: client.post("/webhooks/stripe", data=body, headers=headers),
        "clock": lambda: job.resolve(gateway, lambda: clock.now() + timedelta(minutes=6)),
    }
    for tell in (tellers.pop(teller), *tellers.values()):
        with app.app_context():
            tell()
            link_receipts.run(app.extensions["paper"], clock.now)
    with rows() as session:
        invoice, payment = session.query(Invoice).one(), session.query(Payment).one()
        assert (invoice.total_cents, payment.amount_cents) == (session.query(Checkout).one().amount_cents,) * 2
        told = [(each.kind, each.to_address) for each in session.query(Message).order_by(Message.kind)]
        assert told == [
            (MessageKind.BOUGHT_ONLINE, "bruno@post.example"), (MessageKind.RECEIPT, "bruno@post.example"),
            (MessageKind.SOLD_ONLINE, "pat@quillmere.example"),
        ]  # fmt: skip
        assert list(verify.findings(session)) == []
    shown = text_of(as_("fay").get(f"/invoices/{invoice.id}"))
    assert "bought online" in shown
    assert "The client, online" in shown
    assert "new client" in text_of(as_("fay").get("/packages/online"))
    assert client.post(f"/book/purchases/{token}").headers["Location"] == f"/book/purchases/{token}", "nobody pays twice"
    for wrong in (f"/book/purchases/{token}/back", f"/book/purchases/{token}/back?session_id=cs_x", "/book/purchases/x"):
        assert client.get(wrong).status_code == 404


def test_then_its_sessions_are_booked_at_free_times_and_staff_see_them(client, as_, rows, write, cast, shop):
    there = _bought(client, shop)
    page = text_of(client.get(there))
    assert "Left 5" in page
    chosen = _free(client, there)
    assert "Choose a time." in client.post(there, data={"once": once.new_key(), "type": chosen["type"]}).text
    booked = client.post(there, data=chosen)
    assert client.post(there, data=chosen).headers["Location"] == booked.headers["Location"], "sent twice, it is booked once"
    shown = text_of(client.get(booked.headers["Location"]))
    assert "Booked. " in shown
    assert "Left 4" in shown
    taken = client.post(there, data=chosen | {"once": once.new_key()})
    assert taken.status_code == 409
    assert "This time has just been taken" in taken.text
    assert 'name="starts"' in taken.text, "the free times are shown anew"
    assert client.post(there, data=_free(client, there)).status_code == 303
    with rows() as session:
        first, second = session.query(Item).order_by(Item.starts_at)
        assert (second.starts_at - first.starts_at, first.practitioner_id) == (timedelta(minutes=60), cast.pat_id)
        message = session.query(Message).filter(Message.item_id == first.id, Message.kind != MessageKind.BY_CLIENT).one()
        assert (message.kind, bool(message.ics), message.to_address) == (MessageKind.CONFIRMATION, True, "bruno@post.example")
        invoice_id, item_id = session.query(Invoice.id).scalar(), first.id
        assert list(verify.findings(session)) == []
    assert "session 1 of 5" in text_of(as_("fay").get(f"/calendar/items/{item_id}"))
    assert "5 bought: 2 booked, 3 left" in text_of(as_("fay").get(f"/invoices/{invoice_id}"))
    assert "Booked by the client, online" in text_of(as_("fay").get(f"/invoices/{invoice_id}"))


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_page_is_there_only_when_switched_on_and_cards_are_taken(client, as_, write, shop, app):
    form = {"online_lead_hours": "12", "online_days_ahead": "60"}
    assert as_("olga").post("/settings/online", data=form).status_code == 303
    assert [client.get(each).status_code for each in ("/book", shop)] == [404, 404]
    assert as_("olga").post("/settings/online", data=form | {"is_online_booking_on": "y"}).status_code == 303
    assert "http://localhost/book" in as_("olga").get("/settings/online").text
    assert "Five sessions" in client.get("/book").text
    assert f"http://localhost{shop}" in as_("fay").get(shop.replace("/book", "") + "/edit").text
    data = _order(client, shop)
    given = app.config["CLINIC"]
    app.config["CLINIC"] = replace(given, STRIPE_SECRET_KEY="")
    try:
        assert "Online purchase is not available now" in client.get("/book").text
        assert client.post(shop, data=data).status_code == 422
        assert "STRIPE_SECRET_KEY" in as_("olga").get("/settings/online").text
    finally:
        app.config["CLINIC"] = given


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_an_order_is_refused_by_name_keeps_what_was_typed_and_is_held_back(client, write, rows, shop):
    for wrong, words in (({"first_name": " "}, "Enter first name"), ({"email": "x"}, "Enter an e-mail address"),
                         ({"agrees": ""}, "Agree to the terms")):  # fmt: skip
        answer = client.post(shop, data={key: value for key, value in (_order(client, shop) | wrong).items() if value})
        assert (answer.status_code, words in answer.text, "Buyer" in answer.text) == (422, True, True)
    changed = client.post(shop, data=_order(client, shop, seen="100"))
    assert (changed.status_code, "The price has changed" in changed.text) == (409, True)
    data = _order(client, shop, seen="100")
    for _ in range(throttle.ADDRESS_FREE_TRIES_MAX):
        held = client.post(shop, data=data)
    assert (held.status_code, "Too many tries" in held.text) == (429, True)
    with rows() as session:
        assert session.query(OnlinePurchase).count() == 0


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_client_in_the_portal_buys_for_themselves_and_books_there(in_portal, rows, cast, shop):
    cleo = in_portal("cleo")
    page = cleo.get(shop).text
    assert "Cleo Abernathy" in page
    assert 'name="email"' not in page
    _bought(cleo, shop)
    with rows() as session:
        made = session.query(OnlinePurchase).one()
        assert (made.client_id, made.is_new_client, made.email) == (cast.cleo_id, False, "cleo@clients.example")
        sale = f"/portal/packages/{made.id}"
    listed = text_of(cleo.get("/portal/packages"))
    assert "5 bought: 5 left" in listed
    assert cleo.post(sale, data=_free(cleo, sale)).status_code == 303
    assert "5 bought: 1 booked, 4 left" in text_of(cleo.get("/portal/packages"))
    assert "4 Book a session" in text_of(cleo.get("/portal/"))
    otto = in_portal("otto")
    assert [otto.get(sale).status_code, otto.post(sale, data=_free(cleo, sale)).status_code] == [404, 404]
    assert "You have no package" in otto.get("/portal/packages").text
    with rows() as session:
        seat = session.query(Attendee).one()
        assert (seat.client_id, seat.status) == (cast.cleo_id, Status.BOOKED)
        assert session.query(Client).count() == 2


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_what_could_not_be_sold_is_a_red_line_and_is_sold_with_one_button(client, as_, rows, write, shop):
    away = client.post(shop, data=_order(client, shop))
    with write() as session:
        session.get_one(Practice, 1).tax_inclusive = True
    there = client.get(_path(on_the_hosted_page(away.headers["Location"]))).headers["Location"]
    assert "has arrived" in client.get(there).text
    fay = as_("fay")
    assert "paid, but not sold" in text_of(fay.get("/packages/online"))
    [address] = re.findall(r'action="(/packages/online/\d+/sell)"', fay.get("/packages/online").text)
    assert fay.post(address, data={"once": once.new_key()}).status_code == 422
    with write() as session:
        session.get_one(Practice, 1).tax_inclusive = False
    sold = fay.post(address, data={"once": once.new_key()})
    assert "Paid" in text_of(fay.get(sold.headers["Location"]))
    assert client.get(there).headers["Location"].endswith("/sessions")
    with rows() as session:
        assert list(verify.findings(session)) == []
