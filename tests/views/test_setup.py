"""The first visitor of an empty installation sets the practice up and is signed in."""

from sqlalchemy import func, select

from clinic.kernel.database import reading
from clinic.models.practice import Practice, User

ASKED = {
    "practice": "Saltbox Counselling", "timezone": "America/New_York", "currency": "USD", "locale": "en-US",
    "name": "Nora Nairn", "email": "nora@saltbox.example", "password": "violet harbour stone",
}  # fmt: skip


def _rows(app, model):
    with app.app_context(), reading() as session:
        return session.scalar(select(func.count()).select_from(model))


def test_every_address_leads_to_set_up_and_set_up_to_the_calendar(empty_app):
    browser = empty_app.test_client()
    assert browser.get("/sign-in").headers["Location"] == "/setup"
    shown = browser.get("/setup")
    assert shown.status_code == 200
    assert 'value="America/New_York"' in shown.text
    done = browser.post("/setup", data=ASKED)
    assert done.status_code == 303, done.text
    home = browser.get(done.headers["Location"], follow_redirects=True)
    assert home.status_code == 200
    assert "Saltbox Counselling" in home.text


def test_set_up_is_gone_once_there_is_a_practice(empty_app):
    browser = empty_app.test_client()
    browser.post("/setup", data=ASKED)
    for stranger in (browser, empty_app.test_client()):
        assert stranger.get("/setup").status_code == 404
        assert stranger.post("/setup", data=ASKED).status_code == 404
    assert _rows(empty_app, User) == 1


def test_what_is_missing_or_wrong_is_named_and_what_was_typed_is_kept(empty_app):
    browser = empty_app.test_client()
    for field, value in (
        ("practice", ""), ("practice", "x" * 10_000), ("timezone", ""), ("timezone", "Mars/Olympus"), ("currency", "XXX"),
        ("locale", "tlh"), ("name", " "), ("email", "not an address"), ("password", "short"), ("password", ""),
        ("password", "nora nairn nora"),
    ):  # fmt: skip
        refused = browser.post("/setup", data={**ASKED, field: value})
        assert refused.status_code == 422, (field, value[:20])
        assert f'id="{field}-err"' in refused.text, (field, value[:20])
        other = "name" if field != "name" else "practice"
        assert ASKED[other] in refused.text
        assert ASKED["password"] not in refused.text
    assert browser.post("/setup", data={}).status_code == 422
    assert _rows(empty_app, Practice) == 0


def test_names_are_shown_as_they_were_typed(empty_app):
    browser = empty_app.test_client()
    done = browser.post("/setup", data={**ASKED, "practice": "<b>Ärzte</b> & Söhne 🌿"})
    home = browser.get(done.headers["Location"], follow_redirects=True)
    assert "&lt;b&gt;Ärzte&lt;/b&gt; &amp; Söhne 🌿" in home.text
