"""The evening's and the morning's letter: to who wants it, once, saying who is charged, who is not and why."""

from datetime import UTC, datetime, timedelta

from clinic.billing import cards
from clinic.jobs.tick import tick
from clinic.models.messages import Message, MessageKind
from clinic.models.money import Card
from clinic.models.practice import User
from clinic.people import accounts
from tests.night_stage import DAY, NIGHT, at, bills_daily, enrolled, give, ran, with_card

EVENING = datetime(2026, 11, 18, 23, 30, tzinfo=UTC)  # 18:30 in New York
MORNING = datetime(2026, 11, 19, 11, 5, tzinfo=UTC)  # 06:05


def letters(rows):
    with rows() as session:
        found = session.query(Message).filter(Message.item_id.is_(None)).order_by(Message.id)
        return [(each.kind, each.to_address, each.subject, each.body) for each in found]


def test_who_wants_it_is_written_once_in_the_evening_and_once_in_the_morning(app, rows, write, cast, stand_in, gateway):
    with write() as session:
        bills_daily(session)
        ran(session, DAY - timedelta(days=1))
        give(session, cast)
        give(session, cast, client_id=cast.otto_id, hour=12, cents=9_000)
        with_card(session, stand_in, cast.cleo_payer_id)
        enrolled(session, cast.cleo_payer_id)
        enrolled(session, cast.otto_payer_id)
        accounts.want_night_mail(session, cast.fay, EVENING, is_wanted=True)
        # A practitioner may not see what the night does, whatever the column says.
        session.get(User, cast.pat.user_id).wants_night_mail = True
    with app.app_context():
        for moment in (EVENING, EVENING + timedelta(minutes=1), EVENING + timedelta(hours=1)):
            tick(gateway, at(moment))
    [(kind, address, subject, body)] = letters(rows)
    assert (kind, address) == (MessageKind.TONIGHT, "fay@quillmere.example")
    assert subject == "Tonight at Quillmere, Wed, Nov 18, 2026"
    for words in ("Will be invoiced: $240.00", "Will be charged: $150.00", "Cleo Abernathy, card 4242: $150.00",
                  "Otto Brandt: No card is kept", "Left for you", "{address}/invoices/tonight"):  # fmt: skip
        assert words in body, words
    # Nobody is named twice, and what waits for a person comes before the long list of what is invoiced.
    assert "- Cleo Abernathy: $150.00" in body
    assert body.index("Left for you") < body.index("Not charged") < body.index("Will be invoiced")
    with app.app_context():
        for moment in (NIGHT, MORNING, MORNING + timedelta(hours=2)):
            tick(gateway, at(moment))
    [_, (kind, address, _, body)] = letters(rows)
    assert (kind, address) == (MessageKind.LAST_NIGHT, "fay@quillmere.example")
    for words in ("Invoiced: $240.00", "Charged: $150.00", "ATTENTION"):
        assert (words in body) is (words != "ATTENTION"), words
    assert body.index("Declined or without an answer") < body.index("Charged: ") < body.index("Invoiced: ")
    assert "{address}/invoices/last-night?night=2026-11-19" in body, "read a day later, it leads to the same night"


def test_a_night_that_did_not_run_is_said_first(app, rows, write, cast, stand_in, gateway):
    with write() as session:
        bills_daily(session)
        ran(session, DAY - timedelta(days=1))
        enrolled(session, cast.cleo_payer_id)
        accounts.want_night_mail(session, cast.olga, EVENING, is_wanted=True)
    with app.app_context():
        tick(gateway, at(MORNING))  # the server was down until after six
    [(kind, _, _, body)] = letters(rows)
    assert kind is MessageKind.LAST_NIGHT
    assert body.startswith("ATTENTION\n- AutoPay did not run in its hours.")


def test_a_card_about_to_expire_is_told_once_to_who_is_charged_on_it(session, cast):
    def kept(payer_id, month, year, **more):
        session.add(Card(contact_id=payer_id, stripe_payment_method=f"pm_{month}_{year}_{payer_id}", brand="visa", last4="4242",
                         exp_month=month, exp_year=year, created_at=NIGHT, **more))  # fmt: skip

    kept(cast.cleo_payer_id, 11, 2026)
    kept(cast.otto_payer_id, 12, 2026)
    kept(cast.pellworth_id, 11, 2026)  # not in AutoPay
    for payer_id in (cast.cleo_payer_id, cast.otto_payer_id):
        enrolled(session, payer_id)
    assert [cards.warn_expiring(session, NIGHT) for _ in range(2)] == [1, 0]
    told = session.query(Message).one()
    assert (told.kind, told.to_address) == (MessageKind.CARD_EXPIRING, "cleo@clients.example")
    assert "November 30, 2026" in told.body
    assert cards.warn_expiring(session, datetime(2026, 12, 10, 12, tzinfo=UTC)) == 1, "Otto's, in its own last month"
