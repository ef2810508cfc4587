"""A payer's cards: kept on the processor's own page, chosen and removed here."""

from flask import Blueprint, redirect, request, url_for

from clinic.billing import cards
from clinic.billing.stripe_gateway import Setup
from clinic.forms.autopay import CardReturnForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import RefusalError
from clinic.people import clients
from clinic.practice.permissions import Permission
from clinic.views import card_visits
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, leave, page, say
from clinic.views.clients import profile_context

bp = Blueprint("cards", __name__, url_prefix="/clients/<int:client_id>/payers/<int:payer_id>/cards")


@bp.route("/add", methods=["GET", "POST"])
@requires(Permission.TAKE_PAYMENTS)
def add(client_id: int, payer_id: int) -> Answer:
    """Send the browser to the processor's page, where the card's number is typed; it never comes here."""
    with reading() as session:
        payer = cards.payer_for(session, actor(), client_id, payer_id)
    if request.method == "GET":
        return redirect(_billing(client_id))
    there = url_for(".back", client_id=client_id, payer_id=payer_id)
    return leave(card_visits.start(payer, back=there, cancel=_billing(client_id)))


@bp.get("/back")
@requires(Permission.TAKE_PAYMENTS)
def back(client_id: int, payer_id: int) -> Answer:
    """Show the card that was just given; keeping it is one more button, unless the processor said so already."""
    form = CardReturnForm(request.args)
    setup = _setup(client_id, payer_id, form.session_id.data or "")
    with reading() as session:
        head = clients.profile(session, actor(), client_id).head
        kept = cards.kept(session, payer_id, now())
        is_kept = setup.card is not None and cards.is_kept(session, payer_id, setup.card.payment_method)
    return page("billing/card_back.html", form=form, card=setup.card, is_kept=is_kept, kept=kept, payer_id=payer_id,
                **profile_context(head, "Billing"))  # fmt: skip


@bp.post("/keep")
@requires(Permission.TAKE_PAYMENTS)
def keep(client_id: int, payer_id: int) -> Answer:
    """Keep the card that was given on the processor's page. Safe to repeat."""
    form = CardReturnForm(request.form)
    setup = _setup(client_id, payer_id, form.session_id.data or "")
    if setup.card is None:
        raise RefusalError("No card was given on the processor's page.")
    with writing() as session:
        card = cards.keep(session, actor(), setup.customer, setup.card, now())
    say(f"The card ending {card.last4} is kept.")
    return leave(_billing(client_id))


@bp.route("/<int:card_id>/default", methods=["GET", "POST"])
@requires(Permission.TAKE_PAYMENTS)
def default(client_id: int, payer_id: int, card_id: int) -> Answer:
    """Charge this card from now on."""
    if request.method == "POST":
        with writing() as session:
            cards.payer_for(session, actor(), client_id, payer_id)
            cards.make_default(session, actor(), payer_id, card_id, now())
        say("That card is charged from now on.")
    return leave(_billing(client_id))


@bp.route("/<int:card_id>/remove", methods=["GET", "POST"])
@requires(Permission.TAKE_PAYMENTS)
def remove(client_id: int, payer_id: int, card_id: int) -> Answer:
    """Forget a card here, then at the processor."""
    if request.method == "POST":
        with writing() as session:
            cards.payer_for(session, actor(), client_id, payer_id)
            called = cards.remove(session, actor(), payer_id, card_id, now())
        say(card_visits.let_go(called))
    return leave(_billing(client_id))


def _setup(client_id: int, payer_id: int, session_id: str) -> Setup:
    """Read the visit to the hosted page, if it was this payer's."""
    with reading() as session:
        payer = cards.payer_for(session, actor(), client_id, payer_id)
    return card_visits.setup_of(payer, session_id)


def _billing(client_id: int) -> str:
    return url_for("client_billing.billing", client_id=client_id)
