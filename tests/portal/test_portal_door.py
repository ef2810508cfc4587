"""The portal's door over HTTP: the same answer to everyone, one button, two cookies that know nothing of each other."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from clinic.kernel import clock
from clinic.people import portal_access, throttle
from tests.cast import PASSWORD, email
from tests.conftest import HTMX
from tests.hostile import SCRIPT
from tests.portal import doors

CLEO = doors.ADDRESSES["cleo"]


def ask(browser, email, **more):
    return browser.post("/portal/sign-in", data={"email": email, **more})


def bare(answer):
    return re.sub(r'name="csrf_token" value="[^"]*"|(cleo|ghost)@clients.example', "", answer.text)


def test_asking_gets_the_same_answer_and_is_held_back_alike_whoever_has_access(client, cast, write, rows):
    with write() as session:
        doors.granted(session, cast, cast.cleo_id, CLEO, clock.now())
    known, unknown = ask(client, CLEO), ask(client, "ghost@clients.example")
    assert (known.status_code, bare(known)) == (unknown.status_code, bare(unknown))
    assert known.status_code == 200
    with rows() as session:
        assert doors.last_message(session).to_address == CLEO
    for address in (CLEO, "ghost@clients.example"):
        for _ in range(throttle.ACCOUNT_FREE_TRIES_MAX - 1):
            assert ask(client, address).status_code == 200
        held = ask(client, address)
        assert (held.status_code, "Too many tries" in held.text) == (429, True)
        assert int(held.headers["Retry-After"]) > 0
        assert address in held.text, "what was typed is kept"
    assert ask(client, "nonsense").status_code == 422
    assert SCRIPT not in ask(client, f"a@b{SCRIPT}").text


def test_a_page_leads_to_sign_in_and_back_and_only_the_button_uses_the_link(client, cast, write, rows):
    with write() as session:
        access = doors.granted(session, cast, cast.cleo_id, CLEO, clock.now())
        token = doors.link_to(session, cast, access, clock.now())
    to_door = client.get("/portal/choose")
    assert to_door.headers["Location"] == "/portal/sign-in?next=/portal/choose"
    ask(client, CLEO, next="/portal/choose")
    with rows() as session:
        assert "?next=/portal/choose" in doors.last_message(session).body
    for outside in (
        "//evil.example",
        "https://evil.example/",
        "/clients",
        "/portal\\evil",
        "/portalevil",
        "/portal/" + "x" * 300,
    ):
        ask(client, CLEO, next=outside)
        with rows() as session:
            assert "next" not in doors.last_message(session).body, outside
    for _ in range(3):  # a mail scanner follows links
        page = client.get(f"/portal/link/{token}?next=/portal/choose")
        assert (page.status_code, page.text.count("<button")) == (200, 1)
    entered = client.post(f"/portal/link/{token}", data={"next": "/portal/choose"})
    assert (entered.status_code, entered.headers["Location"]) == (303, "/portal/choose")
    cookie = entered.headers["Set-Cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=Lax", "Path=/"))
    for over in (client.get(f"/portal/link/{token}"), client.post(f"/portal/link/{token}")):
        assert over.status_code in (404, 409)
        assert "This link is over" in over.text
        assert "/portal/sign-in" in over.text
    assert client.get("/portal/sign-in").headers["Location"] == "/portal/"


def test_signing_in_as_staff_and_to_the_portal_are_two_things_in_one_browser(as_, in_portal, client):
    fay = as_("fay")
    assert fay.get("/portal/").headers["Location"].startswith("/portal/sign-in")
    both = in_portal("cleo", fay)
    assert "Cleo Abernathy" in both.get("/portal/").text
    assert both.get("/clients").status_code == 200
    both.post("/portal/sign-out")
    assert both.get("/portal/").status_code == 303
    assert both.get("/clients").status_code == 200, "the desk is still signed in"
    both = in_portal("cleo", both)
    both.post("/sign-out")
    assert both.get("/clients").status_code == 303
    assert both.get("/portal/").status_code == 200
    stale = client.get("/portal/", headers=HTMX)
    assert (stale.status_code, stale.headers["HX-Redirect"]) == (401, "/portal/sign-in")


def test_ended_access_shows_at_the_next_click_and_a_copied_cookie_is_dead_after_signing_out(app, in_portal, cast, write):
    browser = in_portal("cleo")
    copied = app.test_client()
    copied.set_cookie("portal", browser.get_cookie("portal").value)
    assert copied.get("/portal/").status_code == 200
    browser.post("/portal/sign-out")
    assert copied.get("/portal/").status_code == 303
    browser = in_portal("cleo")
    with write() as session:
        (access,) = portal_access.of_client(session, cast.cleo_id)
        portal_access.end(session, cast.fay, cast.cleo_id, access.id, clock.now())
    assert browser.get("/portal/").headers["Location"].startswith("/portal/sign-in")


def test_an_address_of_two_clients_is_asked_which_and_lands_where_it_was_going(app, cast, write):
    browser = app.test_client()
    with write() as session:
        cleo, otto = (doors.granted(session, cast, each, CLEO, clock.now()) for each in (cast.cleo_id, cast.otto_id))
        foreign = doors.granted(session, cast, cast.otto_id, "otto@clients.example", clock.now())
        token = doors.link_to(session, cast, cleo, clock.now())
        ids = otto.id, foreign.id
    browser.post(f"/portal/link/{token}")
    asked = browser.get("/portal/?a=b")
    assert asked.headers["Location"] == "/portal/choose?next=/portal/%3Fa%3Db"
    assert "Otto Brandt" in browser.get("/portal/choose").text
    for wrong in (ids[1], 999_999, "x", "", "0"):
        assert browser.post("/portal/choose", data={"access": wrong}).status_code == 404
    assert browser.post("/portal/choose", data={"access": ids[0]}).headers["Location"] == "/portal/"
    page = browser.get("/portal/").text
    assert "Otto Brandt" in page
    assert "Switch to someone else" in page


def test_staff_grant_send_and_end_on_the_profile_and_the_outbox_hides_the_link(as_, cast, rows):
    fay = as_("fay")
    form = fay.get(f"/clients/{cast.cleo_id}/portal").text
    assert f'value="{CLEO}"' in form
    assert "No mail server is set." in form
    assert fay.post(f"/clients/{cast.cleo_id}/portal", data={"email": "no address"}).status_code == 422
    assert fay.post(f"/clients/{cast.cleo_id}/portal", data={"email": CLEO, "send": "1"}).status_code == 303
    overview = fay.get(f"/clients/{cast.cleo_id}").text
    assert "not signed in yet" in overview
    with rows() as session:
        message = doors.last_message(session)
        (access,) = portal_access.of_client(session, cast.cleo_id)
    shown = fay.get(f"/messages/{message.id}")
    assert "http://localhost/portal/link/…" in shown.text
    assert "Open the link" not in shown.text
    assert fay.post(f"/messages/{message.id}/open").status_code == 404, "no way in for staff, in a practice"
    assert fay.post(f"/messages/{message.id}/send").status_code == 422
    for word in ("link", "end"):
        address = f"/clients/{cast.cleo_id}/portal/{access.id}/{word}"
        assert fay.get(address).status_code == 200
        assert fay.post(address).status_code == 303
        assert fay.get(f"/clients/{cast.otto_id}/portal/{access.id}/{word}").status_code == 404
    assert CLEO not in fay.get(f"/clients/{cast.cleo_id}").text.split("<h2>Portal</h2>")[1]


@pytest.fixture
def made_up(config, apps, tmp_path):
    """Start the application as the demo is served: no mail server, and cards go to the stand-in."""
    app = apps.start(replace(config, STRIPE_API_BASE="http://127.0.0.1:9"), tmp_path / "demo")
    yield app
    apps.let_go(app)


def test_the_demo_that_sends_no_mail_lets_staff_follow_the_link_from_the_outbox(made_up, cast, write, rows):
    with write() as session:
        access = doors.granted(session, cast, cast.cleo_id, CLEO, clock.now())
        portal_access.send_link(session, cast.fay, cast.cleo_id, access.id, clock.now())
        old = portal_access.send_link(session, cast.fay, cast.cleo_id, access.id, clock.now() - timedelta(hours=1)).id
        message_id = old - 1
    fay = made_up.test_client()
    fay.post("/sign-in", data={"email": email("fay"), "password": PASSWORD})
    assert "Open the link" in fay.get(f"/messages/{message_id}").text
    followed = fay.post(f"/messages/{message_id}/open")
    assert followed.status_code == 303
    assert fay.post(followed.headers["Location"]).headers["Location"] == "/portal/"
    assert "20 minutes went by" in fay.post(f"/messages/{old}/open").text


def test_where_no_mail_leaves_every_page_says_so_and_none_promises_a_link(app, client, as_, cast):
    for page in (client.get("/portal/sign-in"), client.post("/portal/sign-in", data={"email": CLEO})):
        assert (
            "No mail leaves Quillmere just now,</b> so no link can be sent. Please ask them: hello@quillmere.example."
            in page.text
        )
        assert "is on its way" not in page.text
    olga, fay = as_("olga"), as_("fay")
    address = f"/clients/{cast.cleo_id}/portal"
    shown = fay.post(address, data={"email": CLEO, "send": "1"}, follow_redirects=True).text
    assert "Access granted. No mail server is set: the link stays in the outbox." in shown
    assert "<code>SMTP_URL</code>" in fay.get(address).text
    assert "/settings/messages" not in fay.get(address).text, "it is the owner who may look there"
    assert "/settings/messages" in olga.get(address).text
    for page in ("/settings/online", "/account/"):
        assert "No mail server is set" in olga.get(page).text, page
    settings = app.config["CLINIC"]
    app.config["CLINIC"] = replace(settings, SMTP_URL="smtp://127.0.0.1:1")
    assert "no link can be sent" not in client.get("/portal/sign-in").text
    assert "No mail server" not in olga.get("/account/").text
    app.config["CLINIC"] = settings
