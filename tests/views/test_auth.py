"""Signing in and out, one's own account, and what ends a sign-in."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from clinic.models.practice import AuditEntry, Practice, User, UserRole, WebSession
from clinic.people import accounts, throttle
from tests.cast import PASSWORD, email

NEW_PASSWORD = "tulip orbit candle"
WRONG = {"email": email("pat"), "password": "not this one at all"}


def _sign_in(browser, name="pat", password=PASSWORD, **more):
    return browser.post("/sign-in", data={"email": email(name), "password": password, **more})


def test_unknown_accounts_and_wrong_passwords_get_the_same_answer(client):
    wrong = client.post("/sign-in", data=WRONG)
    unknown = client.post("/sign-in", data={**WRONG, "email": "ghost@quillmere.example"})
    assert wrong.status_code == unknown.status_code == 422
    same = [
        re.sub(r'name="csrf_token" value="[^"]*"|(pat|ghost)@quillmere.example', "", answer.text) for answer in (wrong, unknown)
    ]
    assert same[0] == same[1]
    assert "not this one at all" not in wrong.text


@pytest.mark.parametrize("address", [email("pat"), "ghost@quillmere.example"])
def test_guessing_is_held_back_with_429_for_known_and_unknown_accounts_alike(client, address):
    for _ in range(throttle.ACCOUNT_FREE_TRIES_MAX):
        assert client.post("/sign-in", data={**WRONG, "email": address}).status_code == 422
    held = client.post("/sign-in", data={"email": address, "password": PASSWORD})  # even with the right password
    assert held.status_code == 429
    assert 0 < int(held.headers["Retry-After"]) <= 31
    assert "Too many tries" in held.text
    assert _sign_in(client, "fay").status_code == 303  # others get in


def test_one_password_too_many_at_once_waits_its_turn_and_then_is_asked_back(client, monkeypatch):
    monkeypatch.setattr(accounts, "HASH_WAIT", timedelta(milliseconds=50))
    with accounts._Turn(), accounts._Turn():
        busy = _sign_in(client)
    assert busy.status_code == 429
    assert "at once" in busy.text
    assert _sign_in(client).status_code == 303


def test_signing_in_failing_and_signing_out_are_written_down(client, rows, cast):
    client.post("/sign-in", data=WRONG)
    client.post("/sign-in", data={**WRONG, "email": "ghost@quillmere.example"})
    _sign_in(client)
    client.post("/sign-out")
    with rows() as session:
        found = session.execute(
            select(AuditEntry.action, AuditEntry.outcome, AuditEntry.user_id, AuditEntry.object_id).order_by(AuditEntry.id)
        ).all()
        details = session.scalars(select(AuditEntry.detail)).all()
    assert found == [
        ("signed in", "refused", None, cast.pat.user_id),
        ("signed in", "refused", None, None),
        ("signed in", "done", cast.pat.user_id, cast.pat.user_id),
        ("signed out", "done", cast.pat.user_id, cast.pat.user_id),
    ]
    assert details == [{}, {}, {}, {}]


def test_after_signing_in_one_arrives_where_one_was_going(client):
    there = client.get("/account/?a=b")
    assert there.headers["Location"] == "/sign-in?next=/account/%3Fa%3Db"
    assert 'value="/account/?a=b"' in client.get(there.headers["Location"]).text
    assert _sign_in(client, next="/account/?a=b").headers["Location"] == "/account/?a=b"
    assert client.get("/sign-in?next=/account/").headers["Location"] == "/account/"


@pytest.mark.parametrize(
    ("back", "lives"),
    [
        ({"seen_at": timedelta(minutes=59)}, True),
        ({"seen_at": timedelta(minutes=61)}, False),
        ({"created_at": accounts.SESSION_LIFE - timedelta(minutes=1)}, True),
        ({"created_at": accounts.SESSION_LIFE + timedelta(minutes=1)}, False),
    ],
)
def test_a_sign_in_ends_when_left_alone_or_too_old(as_, write, back, lives):
    pat = as_("pat")
    with write() as session:
        web = session.scalars(select(WebSession)).one()
        for column, ago in back.items():
            setattr(web, column, web.created_at - ago)
    assert pat.get("/account/").status_code == (200 if lives else 303)


def test_the_practice_says_how_long_a_browser_may_be_left_alone(as_, write):
    pat = as_("pat")
    with write() as session:
        session.get(Practice, 1).idle_minutes = 10
        web = session.scalars(select(WebSession)).one()
        web.seen_at -= timedelta(minutes=11)
    assert pat.get("/account/").status_code == 303


def test_a_disabled_user_is_out_at_once_and_cannot_come_back(as_, write, cast, client):
    pat = as_("pat")
    with write() as session:
        session.get(User, cast.pat.user_id).is_active = False
    assert pat.get("/account/").status_code == 303
    assert _sign_in(client).status_code == 422


def test_a_role_taken_away_is_gone_at_the_next_click(as_, write, cast):
    olga = as_("olga")
    assert olga.get("/settings/").status_code == 200
    with write() as session:
        session.execute(update(UserRole).where(UserRole.user_id == cast.olga.user_id).values(role="biller"))
    assert olga.get("/settings/").status_code == 403


def test_a_new_password_ends_every_other_sign_in_and_the_old_one_no_longer_works(as_, client):
    here, there, fay = as_("pat"), as_("pat"), as_("fay")
    answer = here.post("/account/password", data={"current": PASSWORD, "password": NEW_PASSWORD})
    assert answer.status_code == 303
    assert here.get("/account/").status_code == 200
    assert there.get("/account/").status_code == 303
    assert fay.get("/account/").status_code == 200
    assert _sign_in(client).status_code == 422
    assert _sign_in(client, password=NEW_PASSWORD).status_code == 303


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"current": "wrong wrong wrong", "password": NEW_PASSWORD}, "not your present password"),
        ({"current": PASSWORD, "password": "short"}, "at least 12"),
        ({"current": PASSWORD, "password": "quillmere is nice"}, "easy to look up"),
        ({"current": PASSWORD, "password": "pat 77 gardening owls pat@quillmere.example"}, "easy to look up"),
        ({"current": PASSWORD, "password": ""}, "Enter a new password"),
        ({"current": PASSWORD, "password": "x" * 5000}, "At most 200"),
    ],
)
def test_a_password_is_changed_only_with_the_present_one_and_to_a_good_one(as_, client, data, words):
    refused = as_("pat").post("/account/password", data=data)
    assert refused.status_code == 422
    assert words in refused.text
    assert _sign_in(client).status_code == 303


def test_guessing_the_present_password_from_an_open_browser_is_held_back(as_):
    pat = as_("pat")
    for _ in range(throttle.ACCOUNT_FREE_TRIES_MAX):
        pat.post("/account/password", data={"current": "wrong wrong wrong", "password": NEW_PASSWORD})
    held = pat.post("/account/password", data={"current": PASSWORD, "password": NEW_PASSWORD})
    assert held.status_code == 422
    assert "Too many tries" in held.text


def test_one_sees_and_ends_one_s_own_sign_ins_and_nobody_else_s(as_, rows, cast):
    here, there, fay = as_("pat"), as_("pat"), as_("fay")
    assert here.get("/account/").text.count("Sign out</button></form></td>") == 1
    with rows() as session:
        pats = session.scalars(
            select(WebSession.id).where(WebSession.user_id == cast.pat.user_id).order_by(WebSession.id)
        ).all()
    assert fay.post(f"/account/sessions/{pats[1]}/end").status_code == 404
    assert here.post(f"/account/sessions/{pats[1]}/end").status_code == 303
    assert there.get("/account/").status_code == 303
    again = as_("pat")
    assert here.post("/account/sessions/end-others").status_code == 303
    assert again.get("/account/").status_code == 303
    assert here.get("/account/").status_code == 200
