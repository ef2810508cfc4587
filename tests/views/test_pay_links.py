"""A payer pays by a link without signing in; whoever tells first, the return or the webhook, it is booked once."""

# ruff: noqa: F811

import io
import re
import time
import urllib.parse
import urllib.request
from datetime import timedelta

import pytest
from PIL import Image
from sqlalchemy import select

from clinic.billing import autopay, ledger, pay_links, payments, receipts
from clinic.billing.paper import Paper
from clinic.config import Config
from clinic.jobs import autopay as job
from clinic.jobs import link_receipts
from clinic.jobs.tick import tick
from clinic.kernel import clock
from clinic.models.billing import StoredDocument
from clinic.models.messages import Message, MessageKind, MessageTemplate
from clinic.models.money import Checkout, Dispute, DisputeStatus, Payment
from clinic.models.people import Contact
from clinic.office import verify
from clinic.practice import logo, once
from clinic.practice.permissions import CLOCK
from tests.billing.test_refunds import issued
from tests.night_fixtures import SECRET, gateway, stand_in  # noqa: F401
from tests.night_stage import enrolled
from tests.views.test_night import event, on_the_hosted_page, signed


@pytest.fixture
def config(database, stand_in):
    return Config(DATABASE_URL=database[0], SECRET_KEY="for tests only", BASE_URL="http://localhost",
                  STRIPE_SECRET_KEY="sk_test_demo", STRIPE_WEBHOOK_SECRET=SECRET, STRIPE_API_BASE=stand_in.url)  # fmt: skip


@pytest.fixture
def sent(as_, write, rows, cast):
    """E-mail the link of an invoice of $150; return the link's address and the invoice's id."""
    with write() as session:
        invoice_id = issued(session, cast)
    data = {"once": once.new_key()}
    assert [as_("fay").post(f"/invoices/{invoice_id}/pay-link", data=data).status_code for _ in range(2)] == [303, 303]
    with rows() as session:
        message = session.query(Message).one()
        assert (message.kind, message.to_address) == (MessageKind.PAY_LINK, "cleo@clients.example")
        assert "Therapy" not in message.body
        link = re.search(r"\{address\}(/pay/[\w-]+)", message.body)[1]
        message_id = message.id
    shown = as_("fay").get(f"/messages/{message_id}").text
    assert "http://localhost/pay/…" in shown
    assert link not in shown, "whoever reads letters gets no way to pay in another's place"
    return link, invoice_id


def paid(session, cast):
    return [each.amount_cents for each in session.query(Payment)], ledger.payer_balance_cents(session, cast.cleo_payer_id)


def test_an_invoice_is_paid_by_link_and_booked_once_whoever_tells_first(client, rows, cast, sent, stand_in):
    link, invoice_id = sent
    page = client.get(link).text
    assert "$150.00" in page
    assert "logo" not in page
    assert "Cleo" not in page
    away = client.post(link)
    assert away.status_code == 303
    assert client.post(link).headers["Location"] == away.headers["Location"], "a second tab opens the same page"
    [call] = [each for each in stand_in.log() if each["path"] == "/v1/checkout/sessions"]
    assert "Therapy" not in str(call["params"])
    back = on_the_hosted_page(away.headers["Location"]).removeprefix("http://localhost")
    session_id = urllib.parse.parse_qs(urllib.parse.urlsplit(back).query)["session_id"][0]
    for number in range(2):
        page = client.get(back).text
        assert "is paid" in page
        assert "A receipt is on its way to your e-mail address." in page
        body, headers = signed(event("checkout.session.completed", session_id, f"evt_{number}"))
        assert client.post("/webhooks/stripe", data=body, headers=headers).status_code == 200
    with rows() as session:
        assert paid(session, cast) == ([15_000], 0)
        [settled] = payments.settlements(session, [invoice_id])[invoice_id]
        assert (settled.words, settled.taken_by) == ("Online card ending 4242", "The payer, by link")
        assert list(verify.findings(session)) == []
    assert "Nothing is owed" in client.get(link).text
    assert client.post(link).status_code == 422
    for wrong in (f"{link}/back", f"{link}/back?session_id=cs_test_other", "/pay/x", "/pay/x/back?session_id=cs_1"):
        assert client.get(wrong).status_code == 404


def test_a_visit_nobody_tells_the_end_of_is_looked_up_by_the_clock(client, rows, cast, sent, gateway, app):
    link, _ = sent
    on_the_hosted_page(client.post(link).headers["Location"])
    with app.app_context():
        job.resolve(gateway, lambda: clock.now() + timedelta(minutes=6))
    with rows() as session:
        assert paid(session, cast) == ([15_000], 0)
        assert session.query(Checkout).one().closed_at is not None


@pytest.mark.parametrize("teller", ["return", "webhook", "clock"])
def test_the_receipt_goes_out_by_itself_once_whoever_tells_of_the_payment(
    client, write, rows, cast, sent, gateway, app, teller
):
    link, _ = sent
    back = on_the_hosted_page(client.post(link).headers["Location"]).removeprefix("http://localhost")
    session_id = urllib.parse.parse_qs(urllib.parse.urlsplit(back).query)["session_id"][0]
    body, headers = signed(event("checkout.session.completed", session_id, "evt_1"))
    paper, later = app.extensions["paper"], clock.now() + timedelta(minutes=6)
    tellers = {
        "return": lambda: client.get(back),
        "webhook": lambda: client.post("/webhooks/stripe", data=body, headers=headers),
        "clock": lambda: job.resolve(gateway, lambda: later),
    }
    with app.app_context():
        link_receipts.run(paper, clock.now)
    assert receipts_of(rows) == [], "nothing is paid yet"
    for tell in (tellers.pop(teller), *tellers.values()):
        with app.app_context():
            tell()
            tick(gateway, clock.now, None, paper)
            link_receipts.run(paper, clock.now)
        [(address, state, document, words)] = receipts_of(rows)
        assert (address, state, document[:5]) == ("cleo@clients.example", "queued", b"%PDF-")
        assert "We received $150.00" in words
    with rows() as session:
        assert list(verify.findings(session)) == []


def test_no_receipt_goes_out_by_itself_without_an_address_when_switched_off_sent_by_hand_or_long_ago(
    client, write, rows, cast, sent, as_, app
):
    link, _ = sent
    client.get(on_the_hosted_page(client.post(link).headers["Location"]).removeprefix("http://localhost"))

    def waiting(now=None):
        with rows() as session:
            return len(receipts.unsent(session, now or clock.now()))

    assert (waiting(), waiting(clock.now() + timedelta(days=1, minutes=1))) == (1, 0)
    with write() as session:
        payer = session.get(Contact, cast.cleo_payer_id)
        address, payer.email = payer.email, ""
    assert waiting() == 0
    with write() as session:
        session.get(Contact, cast.cleo_payer_id).email = address
        session.add(MessageTemplate(kind=MessageKind.RECEIPT, subject="x", body="x", is_on=False))
    assert waiting() == 0
    with write() as session:
        session.get(MessageTemplate, MessageKind.RECEIPT).is_on = True
        payment_id = session.query(Payment).one().id
    assert waiting() == 1
    as_("fay").post(f"/payments/{payment_id}/email", data={"once": once.new_key()})
    assert waiting() == 0
    with app.app_context():
        link_receipts.run(app.extensions["paper"], clock.now)
    assert len(receipts_of(rows)) == 1


def test_a_receipt_that_cannot_be_made_stands_in_the_outbox_once(client, rows, sent, app, tmp_path):
    link, _ = sent
    client.get(on_the_hosted_page(client.post(link).headers["Location"]).removeprefix("http://localhost"))
    (tmp_path / "receipt.html").write_text('<pdf:font name="x" src="nowhere.ttf"/>')
    broken = Paper(tmp_path, app.extensions["paper"].fonts)
    with app.app_context():
        for paper in (broken, broken, app.extensions["paper"]):
            link_receipts.run(paper, clock.now)
    [(_, state, document, _)] = receipts_of(rows)
    assert (state, document) == ("dropped", None)


def test_a_receipt_that_could_not_be_made_is_made_when_it_is_sent_again(client, as_, rows, sent, app, tmp_path):
    link, _ = sent
    (tmp_path / "receipt.html").write_text('<pdf:font name="x" src="nowhere.ttf"/>')
    good, broken = app.extensions["paper"], Paper(tmp_path, app.extensions["paper"].fonts)
    client.get(on_the_hosted_page(client.post(link).headers["Location"]).removeprefix("http://localhost"))
    with app.app_context():
        link_receipts.run(broken, clock.now)
    with rows() as session:
        message_id = session.scalar(select(Message.id).where(Message.kind == MessageKind.RECEIPT))
    app.extensions["paper"] = broken
    refused = as_("fay").post(f"/messages/{message_id}/send")
    assert refused.status_code == 422
    assert "could not be made into a PDF" in refused.text
    assert len(receipts_of(rows)) == 1, "no letter goes out without what it speaks of"
    app.extensions["paper"] = good
    assert as_("fay").post(f"/messages/{message_id}/send").status_code == 303
    [_, (address, state, document, _)] = receipts_of(rows)
    assert (address, state) == ("cleo@clients.example", "queued")
    assert document.startswith(b"%PDF")


def test_the_pages_behind_a_link_carry_the_logo(client, as_, write, sent):
    link, _ = sent
    image = io.BytesIO()
    Image.new("RGB", (120, 40), "navy").save(image, "PNG")
    with write() as session:
        logo.replace(session, CLOCK, logo.looked_at(image.getvalue()), clock.now())
    [address] = re.findall(r'<img src="([^"]+)"', client.get(link).text)
    answer = client.get(address)
    assert (answer.status_code, answer.mimetype, answer.data) == (200, "image/png", image.getvalue())


def receipts_of(rows):
    with rows() as session:
        found = session.query(Message).filter(Message.kind == MessageKind.RECEIPT).order_by(Message.id)
        kept = {each.content_hash: each.pdf for each in session.query(StoredDocument)}
        return [(each.to_address, each.state.value, kept.get(each.attachment_hash), each.body) for each in found]


def test_who_paid_a_moment_ago_is_not_sent_to_pay_again(client, rows, cast, sent):
    link, _ = sent
    on_the_hosted_page(client.post(link).headers["Location"])
    assert client.post(link).headers["Location"] == link, "it is booked now, and nothing is owed"
    with rows() as session:
        assert paid(session, cast) == ([15_000], 0)


def test_the_night_leaves_a_payer_alone_who_is_paying_and_the_link_waits_for_a_charge(client, write, cast, sent):
    link, _ = sent
    client.post(link)
    with write() as session:
        enrolled(session, cast.cleo_payer_id)
        now = clock.now()
        [told] = autopay.outlook(session, now.date(), now, payer_id=cast.cleo_payer_id)
        assert told.skipped_for == "Paying by a link right now"
        session.query(Checkout).one().ends_at = now
        session.flush()
        assert session.scalars(pay_links.paying(now)).all() == []


def wait_for(look, seconds=10):
    end = time.monotonic() + seconds
    while not look() and time.monotonic() < end:
        time.sleep(0.05)
    assert look()


@pytest.mark.parametrize("won", [True, False])
@pytest.mark.parametrize("mode", ["duplicate", "backwards"])
def test_a_dispute_holds_the_money_and_the_payer_in_whatever_order_it_is_told(
    client,
    as_,
    rows,
    write,
    cast,
    sent,
    stand_in,
    won,
    mode,
):
    link, invoice_id = sent
    client.get(on_the_hosted_page(client.post(link).headers["Location"]).removeprefix("http://localhost"))
    with write() as session:
        enrolled(session, cast.cleo_payer_id)
        intent = session.query(Payment).one().stripe_payment_intent
    dispute = stand_in.dispute(intent)["id"]

    def tell(number, kind):
        body, headers = signed(event(f"charge.dispute.{kind}", dispute, f"evt_d{number}"))
        assert client.post("/webhooks/stripe", data=body, headers=headers).status_code == 200

    def said(words):
        pages = (f"/invoices/{invoice_id}", f"/clients/{cast.cleo_id}/billing", f"/invoices/{invoice_id}/print")
        return [words in as_("fay").get(page).text for page in pages]

    if mode == "duplicate":
        for number, kind in ((1, "created"), (1, "created"), (2, "funds_withdrawn")):
            tell(number, kind)
        with rows() as session:
            assert session.query(Dispute).one().status is DisputeStatus.OPEN
            assert paid(session, cast) == ([15_000], 0), "what it paid stays paid while the bank decides"
            [told] = autopay.outlook(session, clock.now().date(), clock.now(), payer_id=cast.cleo_payer_id)
            assert (told.is_held, told.is_charged) == (True, False)
            assert list(verify.findings(session)) == []
        assert said("Disputed, held") == [True, True, False], "staff read it, the document does not say it"
    stand_in.close_dispute(dispute, "won" if won else "lost")
    for number, kind in ((3, "closed"), (4, "created"), (5, "updated")):
        tell(number, kind)
    with rows() as session:
        assert session.query(Dispute).one().status is (DisputeStatus.WON if won else DisputeStatus.LOST)
        assert ledger.owed_cents(session, [invoice_id])[invoice_id] == (0 if won else 15_000)
        assert list(verify.findings(session)) == []
    assert said("Disputed and lost") == [not won, not won, False]
    assert said("Disputed, held") == [False, False, False]
    with write() as session:
        session.query(Dispute).one().status = DisputeStatus.OPEN
        session.flush()
        assert list(verify.findings(session)) == ["Dispute 1 is open, which its postings do not say."]


@pytest.mark.parametrize("mode", ["duplicate", "reordered", "delayed"])
def test_webhooks_of_the_stand_in_itself_in_every_bad_order_book_once(client, rows, cast, sent, stand_in, app, mode):
    from tests.demo.conftest import Receiver

    listening = Receiver()
    stand_in.deliver_to(listening.url, "whsec_test")
    stand_in.webhooks(mode, 0.1)
    link, _ = sent
    on_the_hosted_page(client.post(link).headers["Location"])
    with rows() as session:
        [checkout] = session.query(Checkout)
    least = 4 if mode == "duplicate" else 2
    wait_for(lambda: len(listening.got) >= least)
    listening.close()
    for payload, _ in listening.got:
        told = urllib.parse.unquote(payload)
        kind, name = re.search(r'"type": "([\w.]+)"', told)[1], re.search(r'"id": "(evt_\w+)"', told)[1]
        about = re.search(r'"id": "((?:cs|pi|ch|re|du)_\w+)"', told)[1]
        body, headers = signed(event(kind, about, name))
        assert client.post("/webhooks/stripe", data=body, headers=headers).status_code == 200
    with rows() as session:
        assert paid(session, cast) == ([15_000], 0)
    assert checkout.amount_cents == 15_000
