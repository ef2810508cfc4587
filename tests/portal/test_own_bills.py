"""A client sees, pays and downloads their own bills, keeps cards, and is in AutoPay or out of it; nobody else's shows."""

# ruff: noqa: F811

import urllib.parse
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from clinic.billing import autopay, cards, charges, enrolments, invoices, ledger, night, own_bills, payments
from clinic.billing.invoices import NewLine
from clinic.billing.processor import Outcome, Verdict
from clinic.jobs import autopay as job
from clinic.kernel.errors import ClashError, NotFoundError, RefusalError
from clinic.models.billing import Invoice
from clinic.models.money import AutoPayEnrolment, Card, EndedBy, Method, Payment
from clinic.models.people import Client, ClientContact, Contact, ContactRole
from clinic.models.practice import AuditEntry
from clinic.office import verify
from clinic.people.portal_visits import Visit
from clinic.practice import once
from tests.cast import MADE_AT, NOW
from tests.night_fixtures import gateway, stand_in  # noqa: F401
from tests.night_stage import NIGHT, at, attempts_of, enrolled, paid_charges, with_card
from tests.views.test_night import on_the_hosted_page

CLEO = "cleo@clients.example"


@pytest.fixture
def config(config, stand_in):
    return replace(config, STRIPE_SECRET_KEY="sk_test_demo", STRIPE_API_BASE=stand_in.url)


def visit(client_id, email=CLEO, name="Cleo Abernathy"):
    return Visit(1, email, client_id, name, name.split()[0], has_others=False, is_stale=False)


def billed(session, cast, payer_id, client_id, *, one_for_all=False):
    draft = invoices.draft(session, cast.olga, payer_id=payer_id, client_id=None if one_for_all else client_id, now=NOW)
    invoices.add_line(session, draft, NewLine(description="Therapy, 50 minutes", unit_cents=15_000))
    invoices.issue(session, cast.olga, draft, NOW)
    return draft.id


def guardian(session, client_id, email="gran@clients.example"):
    contact = Contact(name="Gran Abernathy", email=email, created_at=MADE_AT)
    session.add(contact)
    session.flush()
    session.add(ClientContact(client_id=client_id, contact_id=contact.id, role=ContactRole.GUARDIAN))
    session.flush()
    return contact.id


def keep_card(session, payer_id, number="1"):
    session.get(Contact, payer_id).stripe_customer = f"cus_{payer_id}"
    for other in session.scalars(select(Card).where(Card.contact_id == payer_id)):
        other.is_default = False
    session.flush()
    facts = {"brand": "visa", "last4": "4242", "exp_month": 8, "exp_year": 2034, "created_at": MADE_AT}
    card = Card(contact_id=payer_id, stripe_payment_method=f"pm_{number}", **facts)
    session.add(card)
    session.flush()
    return card.id


def test_only_issued_invoices_that_name_the_client_of_payers_the_address_may_see_are_there(session, cast):
    gran = guardian(session, cast.cleo_id)
    mine = billed(session, cast, cast.cleo_payer_id, cast.cleo_id)
    hers = billed(session, cast, gran, cast.cleo_id)
    employers = billed(session, cast, cast.pellworth_id, cast.cleo_id)
    ottos = billed(session, cast, cast.otto_payer_id, cast.otto_id)
    # Otto's work that Cleo's contact pays for, and one invoice for several clients: they name somebody else.
    session.get(Client, cast.otto_id).default_payer_id = cast.cleo_payer_id
    for_otto = billed(session, cast, cast.cleo_payer_id, cast.otto_id)
    together = billed(session, cast, cast.cleo_payer_id, cast.cleo_id, one_for_all=True)
    draft = invoices.draft(session, cast.olga, payer_id=cast.cleo_payer_id, client_id=cast.cleo_id, now=NOW).id
    every = [mine, hers, employers, ottos, for_otto, together, draft, 999_999]

    def seen(who):
        shown = [row.id for row in own_bills.listed(session, who, NOW).rows]
        for invoice_id in every:
            if invoice_id in shown:
                assert own_bills.invoice_for(session, who, invoice_id).id == invoice_id
                continue
            for load in (own_bills.invoice_for, own_bills.owing_for):
                with pytest.raises(NotFoundError):
                    load(session, who, invoice_id)
        return set(shown)

    assert seen(visit(cast.cleo_id)) == {mine}
    assert seen(visit(cast.cleo_id, "Gran@clients.example")) == {mine, hers}
    assert seen(visit(cast.cleo_id, "claims@pellworth.example")) == {mine}, "not even under an organisation's own address"
    assert seen(visit(cast.otto_id, "otto@clients.example")) == {ottos}
    assert seen(visit(cast.otto_id)) == {ottos, for_otto}, "who pays for Otto, in Otto's portal"
    [owed] = own_bills.owed(session, visit(cast.cleo_id))
    assert (owed.shown_cents, owed.elsewhere_cents, owed.to_pay_cents) == (15_000, 30_000, 15_000)
    with pytest.raises(RefusalError, match="one by one"):
        own_bills.payable_for(session, visit(cast.cleo_id), cast.cleo_payer_id)
    for payer_id in (gran, cast.pellworth_id, cast.otto_payer_id, 999_999):
        for load in (own_bills.payer_for, own_bills.payable_for):
            with pytest.raises(NotFoundError):
                load(session, visit(cast.cleo_id), payer_id)
    assert own_bills.owed(session, visit(None)) == ()


def test_a_receipt_shows_only_when_all_it_paid_is_theirs(session, cast):
    mine = billed(session, cast, cast.cleo_payer_id, cast.cleo_id)
    session.get(Client, cast.otto_id).default_payer_id = cast.cleo_payer_id
    billed(session, cast, cast.cleo_payer_id, cast.otto_id)

    def pay(cents):
        how = {"payer_id": cast.cleo_payer_id, "method": Method.CASH, "amount_cents": cents, "now": NOW}
        return payments.record(session, cast.fay, **how).id

    one, both, ahead = pay(10_000), pay(20_000), pay(5_000)
    who = visit(cast.cleo_id)
    assert own_bills.receipts_shown(session, who, [one, both, ahead]) == {one}
    assert [each.invoice_id for each in own_bills.receipt_for(session, who, one).paid_for] == [mine]
    for payment_id in (both, ahead, 999_999):
        with pytest.raises(NotFoundError):
            own_bills.receipt_for(session, who, payment_id)


def test_autopay_is_joined_with_a_card_once_and_left_at_once_and_staff_see_it(session, cast):
    by = replace(cast.fay, user_id=None, roles=frozenset(), client_id=cast.cleo_id)
    who, payer_id = visit(cast.cleo_id), cast.cleo_payer_id
    with pytest.raises(RefusalError, match="Add a card first"):
        own_bills.join(session, who, by, payer_id, NOW)
    keep_card(session, payer_id)
    own_bills.join(session, who, by, payer_id, NOW)
    kept = enrolments.live(session, payer_id)
    assert (kept.consented_by, kept.enrolled_at) == (f"Cleo Abernathy, in the portal as {CLEO}", NOW)
    assert kept.consent_text == enrolments.consent_text(session)
    with pytest.raises(ClashError):
        own_bills.join(session, who, by, payer_id, NOW)
    for _ in range(2):
        own_bills.leave(session, who, by, payer_id, NOW)
    assert (kept.ended_by, kept.ended_reason, kept.end_seen_at) == (EndedBy.CLIENT, own_bills.LEFT, None)
    assert [(each.payer_id, each.words) for each in night.tonight(session, NOW).ended] == [(payer_id, own_bills.LEFT)]
    told = session.scalars(select(AuditEntry).where(AuditEntry.action.like("%AutoPay"))).all()
    assert [(each.action, each.roles, each.detail["by_client"]) for each in told] == [
        ("enrolled in AutoPay", "client", cast.cleo_id), ("left AutoPay", "client", cast.cleo_id),
    ]  # fmt: skip
    for payer_id in (cast.otto_payer_id, cast.pellworth_id):
        for deed in (own_bills.join, own_bills.leave):
            with pytest.raises(NotFoundError):
                deed(session, who, by, payer_id, NOW)


def test_the_last_card_of_autopay_goes_only_with_autopay(session, cast):
    by = replace(cast.fay, user_id=None, roles=frozenset(), client_id=cast.cleo_id)
    who, payer_id = visit(cast.cleo_id), cast.cleo_payer_id
    first, second = keep_card(session, payer_id), keep_card(session, payer_id, "2")
    otto = keep_card(session, cast.otto_payer_id, "3")
    enrolled(session, payer_id)

    def remove(card_id, *, leaves=False):
        return own_bills.remove_card(session, who, by, payer_id, card_id, NOW, leaves_autopay=leaves)

    with pytest.raises(NotFoundError):
        remove(otto)
    assert remove(second) == "pm_2"
    assert cards.default(session, payer_id).id == first, "the other one is charged from now on"
    assert enrolments.live(session, payer_id) is not None
    with pytest.raises(RefusalError, match="leave AutoPay"):
        remove(first)
    assert remove(first, leaves=True) == "pm_1"
    assert (enrolments.live(session, payer_id), cards.default(session, payer_id)) == (None, None)
    with pytest.raises(NotFoundError):
        remove(first, leaves=True)


def test_a_charge_that_had_begun_is_finished_when_autopay_is_left_and_none_follows(session, cast):
    by = replace(cast.fay, user_id=None, roles=frozenset(), client_id=cast.cleo_id)
    who, payer_id = visit(cast.cleo_id), cast.cleo_payer_id
    invoice_id = billed(session, cast, payer_id, cast.cleo_id)
    keep_card(session, payer_id)
    enrolled(session, payer_id)
    attempt = autopay.start_attempt(session, payer_id, NIGHT)
    own_bills.leave(session, who, by, payer_id, NIGHT)
    done = Outcome(Verdict.SUCCEEDED, payment_intent="pi_1", code="", message="")
    charges.finish(session, attempt.id, done, NIGHT)
    assert ledger.owed_cents(session, [invoice_id]) == {invoice_id: 0}
    billed(session, cast, payer_id, cast.cleo_id)
    for later in (NIGHT, NIGHT + timedelta(days=1)):
        assert autopay.due_payer_ids(session, later) == []
        assert autopay.start_attempt(session, payer_id, later) is None
    enrolled(session, payer_id)
    own_bills.leave(session, who, by, payer_id, NIGHT + timedelta(days=2))
    assert autopay.start_attempt(session, payer_id, NIGHT + timedelta(days=2)) is None, "left before it was charged"
    assert list(verify.findings(session)) == []


def test_leaving_while_the_card_is_being_charged_lets_that_charge_end_and_no_other_begin(
    app, write, cast, in_portal, gateway, stand_in
):
    with write() as session:
        billed(session, cast, cast.cleo_payer_id, cast.cleo_id)
        with_card(session, stand_in, cast.cleo_payer_id)
        enrolled(session, cast.cleo_payer_id)
    browser, left = in_portal("cleo"), []

    class Slow(type(gateway)):
        def charge(self, *args, **kwargs):
            left.append(browser.post(f"/portal/cards/{cast.cleo_payer_id}/autopay/leave").status_code)
            return super().charge(*args, **kwargs)

    slow = Slow("sk_test_demo", stand_in.url, "", retries=0)
    for instant in (NIGHT, NIGHT, NIGHT + timedelta(days=1)):
        with app.app_context():
            job.run(slow, instant.date(), at(instant), repeats=True)
    assert left == [303]
    with write() as session:
        [attempt] = attempts_of(session, cast.cleo_payer_id)
        assert attempt.status.value == "succeeded"
        assert enrolments.live(session, cast.cleo_payer_id) is None
        assert ledger.payer_balance_cents(session, cast.cleo_payer_id) == 0
        assert list(verify.findings(session)) == []
    assert len(paid_charges(stand_in)) == 1


def test_the_pages_show_it_pay_it_hand_it_over_and_lead_back(write, rows, cast, in_portal, stand_in):
    with write() as session:
        first, _ = (billed(session, cast, cast.cleo_payer_id, cast.cleo_id) for _ in range(2))
        ottos = billed(session, cast, cast.otto_payer_id, cast.otto_id)
        employers = billed(session, cast, cast.pellworth_id, cast.cleo_id)
    cleo = in_portal("cleo")
    assert '$300.00</dd><dd><a href="/portal/invoices">Pay now</a>' in cleo.get("/portal/").text.replace("\n", "")
    page = cleo.get("/portal/invoices").text
    assert "Pellworth" not in page
    for number in (1, 2):
        assert f"INV-000{number}" in page
    shown = cleo.get(f"/portal/invoices/{first}").text
    assert "Billed to" in shown
    assert 'href="/invoices' not in shown, "no link of staff's"
    assert cleo.get(f"/portal/invoices/{first}/pdf").data.startswith(b"%PDF")
    for path in (f"{ottos}", f"{ottos}/pdf", f"{employers}", f"{employers}/pdf", "receipts/999999"):
        assert cleo.get(f"/portal/invoices/{path}").status_code == 404, path
    for path in (f"{ottos}/pay", f"{employers}/pay", f"payers/{cast.otto_payer_id}/pay", f"payers/{cast.pellworth_id}/pay"):
        assert cleo.post(f"/portal/invoices/{path}").status_code == 404, path

    def pays(path):
        sent = cleo.post(f"/portal/invoices/{path}")
        assert (sent.status_code, sent.headers["Location"].startswith(stand_in.url)) == (303, True)
        back = urllib.parse.urlsplit(on_the_hosted_page(sent.headers["Location"]))
        led = cleo.get(f"{back.path}?{back.query}")
        assert led.headers["Location"] == "/portal/invoices"
        return cleo.get("/portal/invoices").text

    assert "Thank you. $150.00 is paid for Invoice INV-0001. A receipt is on its way" in pays(f"{first}/pay")
    assert "Nothing is owed on it." in cleo.post(f"/portal/invoices/{first}/pay").text
    assert "$150.00 is paid for your balance" in pays(f"payers/{cast.cleo_payer_id}/pay")
    with rows() as session:
        assert ledger.payer_balance_cents(session, cast.cleo_payer_id) == 0
        payment_id = session.scalar(select(Payment.id).order_by(Payment.id))
        assert list(verify.findings(session)) == []
    assert f"/portal/invoices/receipts/{payment_id}" in cleo.get(f"/portal/invoices/{first}").text
    assert cleo.get(f"/portal/invoices/receipts/{payment_id}").data.startswith(b"%PDF")
    assert in_portal("otto").get(f"/portal/invoices/receipts/{payment_id}").status_code == 404
    refused = cleo.post(f"/portal/invoices/payers/{cast.cleo_payer_id}/pay")
    assert (refused.status_code, "Nothing is owed." in refused.text) == (422, True)


def test_a_card_is_added_chosen_and_removed_in_the_portal_and_autopay_joined(write, rows, cast, in_portal, stand_in):
    with write() as session:
        billed(session, cast, cast.cleo_payer_id, cast.cleo_id)
        ottos = keep_card(session, cast.otto_payer_id, "otto")
    cleo, here = in_portal("cleo"), f"/portal/cards/{cast.cleo_payer_id}"
    agreed = {"agrees": "y", "once": once.new_key()}
    refused = cleo.post(f"{here}/autopay", data=agreed)
    assert (refused.status_code, "Add a card first" in refused.text) == (422, True)
    added = []
    for number in ("4242424242424242", "5555555555554444"):
        sent = cleo.post(f"{here}/add")
        back = urllib.parse.urlsplit(on_the_hosted_page(sent.headers["Location"], number))
        assert "Keep this card" in cleo.get(f"{back.path}?{back.query}").text
        called = urllib.parse.parse_qs(back.query)["session_id"][0]
        for _ in range(2):
            assert cleo.post(f"{here}/keep", data={"session_id": called}).status_code == 303
        assert (
            in_portal("otto").post(f"/portal/cards/{cast.otto_payer_id}/keep", data={"session_id": called}).status_code == 404
        )
        with rows() as session:
            added.append(cards.default(session, cast.cleo_payer_id).id)
    first, second = added
    assert cleo.post(f"{here}/{first}/default").status_code == 303
    page = cleo.get(f"{here}/autopay").text
    assert page.index("INV-0001") < page.index("I allow Quillmere"), "what is owed stands before the consent"
    for data, status in (
        ({"once": once.new_key()}, 422),
        (agreed, 303),
        (agreed, 303),
        ({**agreed, "once": once.new_key()}, 409),
    ):
        assert cleo.post(f"{here}/autopay", data=data).status_code == status
    assert "Tonight it charges <b>$150.00</b> to the card ending 4242" in cleo.get("/portal/cards").text
    assert "charges the card ending 4444" in cleo.get(f"{here}/{first}/remove").text
    key = once.new_key()
    for _ in range(2):
        assert cleo.post(f"{here}/{first}/remove", data={"once": key}).status_code == 303
    assert "takes you out of AutoPay" in cleo.get(f"{here}/{second}/remove").text
    kept = cleo.post(f"{here}/{second}/remove", data={"once": once.new_key()})
    assert (kept.status_code, "leave AutoPay, too" in kept.text) == (422, True)
    assert cleo.post(f"{here}/{second}/remove", data={"once": once.new_key(), "leaves": "y"}).status_code == 303
    with rows() as session:
        assert cards.default(session, cast.cleo_payer_id) is None
        assert session.scalars(select(AutoPayEnrolment.ended_by)).all() == [EndedBy.CLIENT]
        assert session.scalar(select(Invoice.id)) is not None
    for path in (f"{cast.otto_payer_id}/{ottos}", f"{cast.cleo_payer_id}/{ottos}", f"{cast.pellworth_id}/1"):
        for verb in ("default", "remove"):
            data = {"once": once.new_key(), "leaves": "y"}
            assert cleo.post(f"/portal/cards/{path}/{verb}", data=data).status_code == 404, (path, verb)
    for path in ("add", "keep", "autopay", "autopay/leave"):
        data = {"agrees": "y", "once": once.new_key(), "session_id": "cs_1"}
        assert cleo.post(f"/portal/cards/{cast.otto_payer_id}/{path}", data=data).status_code == 404, path
