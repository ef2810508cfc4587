"""The security floor: headers, cookies, tokens, hosts, and what errors and logs give away."""

import re
from dataclasses import replace
from urllib.parse import urlencode

import pytest
from flask import session as cookie
from sqlalchemy import text

from clinic import FORM_BYTES_MAX, create_app
from clinic.kernel.database import db
from clinic.practice import once
from clinic.views.answer import safe_next
from tests.cast import PASSWORD, email
from tests.conftest import HTMX
from tests.permission_rows import ROWS

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "form-action 'self' {checkout}; base-uri 'none'; frame-ancestors 'none'; object-src 'none'"
)
# A processor's server has no token of ours: it signs what it sends.
SIGNED_OTHERWISE = {"webhooks"}
BAD_NEXT = [
    "https://evil.example",
    "http://evil.example/",
    "//evil.example",
    "///evil.example",
    "////evil.example/a",
    "/\\evil.example",
    "\\\\evil.example",
    "\\/evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "\t//evil.example",
    " //evil.example",
    "https:evil.example",
    "https:/evil.example",
    "http:///evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "evil.example",
    "account/",
    "//user@evil.example",
    "/\r\nLocation: https://evil.example",
    "/\x00",
    "/a\\..\\b",
    "?next=/",
    "#x",
    "mailto:a@evil.example",
    "ftp://evil.example",
    "blob:https://evil.example/x",
]


@pytest.fixture
def strict(app):
    """Be the application with its form tokens on, as people have it."""
    app.config["WTF_CSRF_ENABLED"] = True
    return app


@pytest.fixture
def over_https(config, tmp_path):
    """Be the application as it stands on a server with a name."""
    app = create_app(replace(config, BASE_URL="https://clinic.example"), instance_path=str(tmp_path / "https"))
    yield app
    with app.app_context():
        db.engine.dispose()


def token_on(page):
    return re.search(r'name="csrf_token" value="([^"]+)"', page.text)[1]


def enter(browser, name="olga", **more):
    form = {"email": email(name), "password": PASSWORD, **more}
    form["csrf_token"] = token_on(browser.get("/sign-in"))
    return browser.post("/sign-in", data=form)


# Headers


def test_the_content_policy_is_exactly_this_on_pages_pieces_errors_and_files(client, as_):
    policy = POLICY.format(checkout="https://checkout.stripe.com")
    answers = [client.get("/sign-in"), client.get("/nowhere"), client.get("/sign-out"), client.get("/static/x/clinic.css")]
    answers += [as_("fay").get("/account/"), as_("fay").get("/account/", headers=HTMX), as_("fay").get("/settings/")]
    assert {answer.headers["Content-Security-Policy"] for answer in answers} == {policy}
    assert "unsafe" not in policy


def test_the_policy_lets_forms_lead_to_the_checkout_in_use_and_nowhere_else(config, tmp_path):
    app = create_app(replace(config, STRIPE_API_BASE="http://127.0.0.1:8149/v1"), instance_path=str(tmp_path / "stand-in"))
    policy = app.test_client().get("/sign-in").headers["Content-Security-Policy"]
    assert policy == POLICY.format(checkout="http://127.0.0.1:8149")


def test_nothing_a_signed_in_person_sees_is_kept_by_the_browser_or_sniffed_or_framed(as_):
    headers = as_("fay").get("/account/").headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "HX-Request" in headers["Vary"]
    assert "Strict-Transport-Security" not in headers


def test_a_page_and_its_pieces_are_never_mistaken_for_each_other(client):
    for answer in (client.get("/sign-in"), client.get("/sign-in", headers=HTMX), client.get("/nowhere")):
        assert "HX-Request" in answer.headers["Vary"]


# Cookies


def test_over_https_the_cookie_is_bound_to_the_host_and_never_sent_in_the_clear(over_https):
    browser = over_https.test_client()
    page = browser.get("/sign-in", base_url="https://clinic.example")
    form = {"email": email("fay"), "password": PASSWORD, "csrf_token": token_on(page)}
    answer = browser.post(
        "/sign-in", data=form, base_url="https://clinic.example", headers={"Referer": "https://clinic.example/sign-in"}
    )
    assert answer.status_code == 303
    set_cookie = answer.headers["Set-Cookie"]
    assert set_cookie.startswith("__Host-clinic=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= {part.strip() for part in set_cookie.split(";")}
    assert "Domain" not in set_cookie
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")


def test_on_loopback_the_cookie_works_without_tls(client):
    set_cookie = client.post("/sign-in", data={"email": email("fay"), "password": PASSWORD}).headers["Set-Cookie"]
    assert set_cookie.startswith("clinic=")
    assert {"HttpOnly", "Path=/", "SameSite=Lax"} <= {part.strip() for part in set_cookie.split(";")}
    assert "Secure" not in set_cookie


def test_a_copied_cookie_is_dead_after_signing_out(app, as_):
    fay, thief = as_("fay"), app.test_client()
    thief.set_cookie("clinic", fay.get_cookie("clinic").value)
    assert thief.get("/account/").status_code == 200
    gone = fay.post("/sign-out")
    assert gone.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert thief.get("/account/").status_code == 303


def test_a_cookie_planted_before_signing_in_is_worth_nothing_afterwards(app):
    victim, attacker = app.test_client(), app.test_client()
    with attacker.session_transaction() as planted:
        planted["csrf_token"] = "known to the attacker"
        planted["_user_id"] = "chosen by the attacker"
    victim.set_cookie("clinic", attacker.get_cookie("clinic").value)
    with victim:
        victim.post("/sign-in", data={"email": email("fay"), "password": PASSWORD})
        assert cookie.get("csrf_token") != "known to the attacker"
        first = cookie["_user_id"]
    assert first != "chosen by the attacker"
    assert attacker.get("/account/").status_code == 303
    with victim:
        victim.post("/sign-in", data={"email": email("fay"), "password": PASSWORD})
        assert cookie["_user_id"] != first


def test_signing_in_again_ends_the_sign_in_it_replaces(app, as_):
    fay, copy = as_("fay"), app.test_client()
    copy.set_cookie("clinic", fay.get_cookie("clinic").value)
    fay.post("/sign-in", data={"email": email("pat"), "password": PASSWORD})
    assert copy.get("/account/").status_code == 303
    assert email("pat") in fay.get("/account/").text


def test_a_forged_cookie_opens_nothing(app, as_):
    value = as_("fay").get_cookie("clinic").value
    for forged in (value[:-2] + "xx", value.replace(".", "", 1), "x" * 5000, ""):
        thief = app.test_client()
        thief.set_cookie("clinic", forged)
        assert thief.get("/account/").status_code == 303


# Form tokens


def test_no_post_is_taken_without_a_token(strict, cast):
    browser = strict.test_client()
    enter(browser)
    rows = [row for row in ROWS if row.method == "POST" and row.endpoint.partition(".")[0] not in SIGNED_OTHERWISE]
    assert len(rows) > 20
    taken = [row.endpoint for row in rows if browser.post(row.address(cast), data={"a": "b"}).status_code != 400]
    assert taken == []
    assert browser.get("/account/").status_code == 200  # not even sign-out happened


def test_htmx_sends_the_token_in_a_header_and_another_person_s_token_is_refused(strict):
    olga, fay = strict.test_client(), strict.test_client()
    enter(olga)
    enter(fay, "fay")
    own, other = token_on(olga.get("/account/")), token_on(fay.get("/account/"))
    address = "/account/sessions/end-others"
    assert olga.post(address, headers={**HTMX, "X-CSRFToken": other}).status_code == 400
    assert olga.post(address, headers={**HTMX, "X-CSRFToken": own}).status_code == 204
    assert f'"X-CSRFToken": "{own[:20]}' in olga.get("/account/").text


def test_over_https_a_post_must_come_from_a_page_of_ours(over_https):
    browser, base = over_https.test_client(), "https://clinic.example"
    form = {"email": email("fay"), "password": PASSWORD, "csrf_token": token_on(browser.get("/sign-in", base_url=base))}
    for referrer in ({}, {"Referer": "https://evil.example/"}):
        assert browser.post("/sign-in", data=form, base_url=base, headers=referrer).status_code == 400


def test_an_outdated_form_says_so(strict):
    answer = strict.test_client().post("/sign-in", data={"email": "a"})
    assert answer.status_code == 400
    assert "out of date" in answer.text


# Hosts and redirects


def test_a_server_with_a_name_answers_to_no_other(over_https):
    browser = over_https.test_client()
    assert browser.get("/sign-in", base_url="https://clinic.example").status_code == 200
    assert browser.get("/sign-in", base_url="https://localhost").status_code == 200
    for host in ("https://evil.example", "https://clinic.example.evil.example", "https://evil.clinic.example"):
        assert browser.get("/sign-in", base_url=host).status_code == 400


def test_the_hosts_named_in_the_environment_are_the_only_ones(config, tmp_path):
    app = create_app(replace(config, TRUSTED_HOSTS="a.example, b.example"), instance_path=str(tmp_path / "hosts"))
    browser = app.test_client()
    assert browser.get("/sign-in", base_url="http://b.example").status_code == 200
    assert browser.get("/sign-in", base_url="http://localhost").status_code == 400


@pytest.mark.parametrize("address", BAD_NEXT)
def test_nobody_is_led_out_of_the_house(address):
    assert safe_next(address, "/home") == "/home"


@pytest.mark.parametrize("address", ["/", "/account/", "/calendar/week?day=2026-11-18&a=b#x", "/clients/?q=%C3%A9", "/a//b"])
def test_addresses_of_ours_are_followed(address):
    assert safe_next(address, "/home") == address


def test_signing_in_with_a_bad_next_leads_home(client):
    home = client.post("/sign-in", data={"email": email("fay"), "password": PASSWORD}).headers["Location"]
    for address in BAD_NEXT:
        if "\x00" in address:
            continue  # refused as a whole, below
        client.post("/sign-out")
        answer = client.post("/sign-in", data={"email": email("fay"), "password": PASSWORD, "next": address})
        assert (answer.status_code, answer.headers["Location"]) == (303, home)


# Bad input


def test_a_nul_byte_is_refused_wherever_it_stands(as_):
    olga = as_("olga")
    answers = {
        "path": olga.get("/settings/fees/a%00b"),
        "query": olga.get("/settings/?a=b&a=x%00"),
        "query name": olga.get("/settings/?a%00=b"),
        "field": olga.post("/settings/fees/new", data={"description": ["x", "a\0b"]}),
        "field name": olga.post("/settings/fees/new", data={"a\0": "b"}),
        "multipart": olga.post("/settings/fees/new", data={"description": "a\0b"}, content_type="multipart/form-data"),
    }
    assert {where: answer.status_code for where, answer in answers.items()} == dict.fromkeys(answers, 400)


def test_a_body_beyond_two_megabytes_is_refused_before_it_is_read(as_):
    olga = as_("olga")
    assert olga.post("/settings/fees/new", data={"description": "x" * (FORM_BYTES_MAX + 1)}).status_code == 413
    many = urlencode([(f"f{number}", "x") for number in range(2_000)])
    assert olga.post("/settings/fees/new", data=many, content_type="application/x-www-form-urlencoded").status_code in (
        413,
        422,
    )


def test_an_id_no_database_holds_is_an_address_that_does_not_exist(as_):
    olga = as_("olga")
    for number in ("2147483648", "99999999999999999999", "9" * 400, "-1", "0", "1e3", "٣", "0x1", "1.0"):
        assert olga.get(f"/settings/fees/{number}").status_code == 404, number


def test_a_method_an_address_does_not_take_gets_405_and_the_ones_it_does(as_):
    answer = as_("fay").get("/sign-out")
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]
    assert as_("fay").put("/account/").status_code == 405


def test_no_file_outside_the_static_folder_is_served(client):
    for name in ["../config.py", "..%2fconfig.py", "....//config.py", "/etc/passwd", "%2e%2e/config.py"]:
        assert client.get(f"/static/0000000000/{name}").status_code in (404, 308), name


def test_a_one_time_key_cannot_be_guessed():
    assert len({once.new_key() for _ in range(100)}) == 100
    assert all(len(once.new_key()) >= 32 for _ in range(5))


# Errors and logs


def test_a_broken_server_says_so_without_a_trace_and_logs_where_without_names(app, client, caplog):
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE users RENAME TO users_gone"))
    # The statement that fails carries the address: the database's own complaint would quote it.
    answer = client.post("/sign-in", data={"email": "zebulon@quagmire.example", "password": PASSWORD})
    assert answer.status_code == 500
    assert "Something went wrong here" in answer.text
    for giveaway in ("Traceback", "sqlalchemy", "users_gone", "SELECT", ".py"):
        assert giveaway not in answer.text
    logged = caplog.text.lower()
    assert "traceback" in logged
    assert "by_email" in logged
    assert "zebulon" not in logged
    assert "quagmire" not in logged


def test_failed_sign_ins_leave_no_address_or_password_in_the_log(client, caplog):
    caplog.set_level("DEBUG")
    client.post("/sign-in", data={"email": "zebulon@quagmire.example", "password": "hunter2hunter2"})
    assert "zebulon" not in caplog.text
    assert "hunter2" not in caplog.text
