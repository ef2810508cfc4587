"""The portal's cards and AutoPay: a card added, chosen, removed; AutoPay joined after a look at what is owed, and left."""

from flask import Blueprint, redirect, request, url_for

from clinic.billing import cards, enrolments, own_bills
from clinic.forms.autopay import CardReturnForm
from clinic.forms.portal import JoinForm, RemoveCardForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import NotFoundError, RefusalError
from clinic.practice import once
from clinic.views import card_visits, frame
from clinic.views.access import actor, now, portal
from clinic.views.answer import Answer, leave, page, say
from clinic.views.headers import config
from clinic.views.portal_door import client

bp = Blueprint("portal_cards", __name__, url_prefix="/portal/cards")


@bp.get("")
@portal
def index() -> Answer:
    """List the cards kept and say how AutoPay stands, payer by payer."""
    with reading() as session:
        ways, text = own_bills.ways(session, client(), now()), enrolments.consent_text(session)
    return page("portal/cards.html", ways=ways, text=text, takes_cards=config().takes_cards)


@bp.route("/<int:payer_id>/add", methods=["GET", "POST"])
@portal
def add(payer_id: int) -> Answer:
    """Send the browser to the processor's page, where the card's number is typed; it never comes here."""
    with reading() as session:
        payer = own_bills.payer_for(session, client(), payer_id)
    if request.method == "GET":
        return redirect(url_for(".index"))
    return leave(card_visits.start(payer, back=url_for(".back", payer_id=payer_id), cancel=url_for(".index")))


@bp.get("/<int:payer_id>/back")
@portal
def back(payer_id: int) -> Answer:
    """Show the card that was just given; keeping it is one more button, unless the processor said so already."""
    form = CardReturnForm(request.args)
    with reading() as session:
        payer = own_bills.payer_for(session, client(), payer_id)
    setup = card_visits.setup_of(payer, form.session_id.data or "")
    with reading() as session:
        is_kept = setup.card is not None and cards.is_kept(session, payer_id, setup.card.payment_method)
    return page("portal/card_back.html", form=form, card=setup.card, is_kept=is_kept, payer_id=payer_id)


@bp.route("/<int:payer_id>/keep", methods=["GET", "POST"])
@portal
def keep(payer_id: int) -> Answer:
    """Keep the card that was given on the processor's page. Safe to repeat."""
    with reading() as session:
        payer = own_bills.payer_for(session, client(), payer_id)
    if request.method == "GET":
        return redirect(url_for(".index"))
    setup = card_visits.setup_of(payer, CardReturnForm(request.form).session_id.data or "")
    if setup.card is None:
        raise RefusalError("No card was given on the processor's page.")
    with writing() as session:
        card = cards.keep(session, actor(), setup.customer, setup.card, now())
    say(f"The card ending {card.last4} is kept.")
    return leave(url_for(".index"))


@bp.route("/<int:payer_id>/<int:card_id>/default", methods=["GET", "POST"])
@portal
def default(payer_id: int, card_id: int) -> Answer:
    """Charge this card from now on."""
    if request.method == "POST":
        with writing() as session:
            own_bills.payer_for(session, client(), payer_id)
            cards.make_default(session, actor(), payer_id, card_id, now())
        say("That card is charged from now on.")
    return leave(url_for(".index"))


@bp.route("/<int:payer_id>/<int:card_id>/remove", methods=["GET", "POST"])
@portal
def remove(payer_id: int, card_id: int) -> Answer:
    """Say what removing a card comes to, or remove it."""
    form = RemoveCardForm(request.form if request.method == "POST" else None)
    if request.method == "POST":
        try:
            with writing() as session:
                once.claim(session, actor(), form.once.data, now()).location = url_for(".index")
                called = own_bills.remove_card(
                    session, client(), actor(), payer_id, card_id, now(), leaves_autopay=form.leaves.data == "y"
                )
            say(card_visits.let_go(called))
            return leave(url_for(".index"))
        except RefusalError as error:
            form.refuse(error)
    with reading() as session:
        way = own_bills.way_of(session, client(), payer_id, now())
    found = next((card for card in way.arranged.cards if card.id == card_id), None)
    if found is None:
        raise NotFoundError("card")
    return page("portal/card_remove.html", form=form, way=way, card=found)


@bp.route("/<int:payer_id>/autopay", methods=["GET", "POST"])
@portal
def join(payer_id: int) -> Answer:
    """Show what is owed and the text to consent to; or join AutoPay."""
    form = JoinForm(request.form if request.method == "POST" else None)
    if request.method == "POST" and form.validate():
        try:
            with writing() as session:
                once.claim(session, actor(), form.once.data, now()).location = url_for(".index")
                own_bills.join(session, client(), actor(), payer_id, now())
            frame.look_again()
            say("You are in AutoPay.")
        except RefusalError as error:
            form.refuse(error)
    with reading() as session:
        way = own_bills.way_of(session, client(), payer_id, now())
        owed, text = own_bills.open_invoices(session, client(), payer_id), enrolments.consent_text(session)
    return page("portal/autopay.html", form=form, then=url_for(".index"), way=way, owed=owed, text=text,
                takes_cards=config().takes_cards)  # fmt: skip


@bp.route("/<int:payer_id>/autopay/leave", methods=["GET", "POST"])
@portal
def leave_autopay(payer_id: int) -> Answer:
    """Leave AutoPay at once."""
    if request.method == "POST":
        with writing() as session:
            own_bills.leave(session, client(), actor(), payer_id, now())
        say("You have left AutoPay. No card is charged by night any more.")
    return leave(url_for(".index"))
