"""AutoPay of one payer: enrolled after a look at what is owed, held, released and left."""

from flask import Blueprint, request, url_for

from clinic.billing import arrangements, cards, enrolments
from clinic.forms.autopay import EnrolForm, HoldForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import RefusalError
from clinic.people import clients
from clinic.practice import once
from clinic.practice.permissions import Permission
from clinic.views import frame
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, leave, page, say
from clinic.views.clients import profile_context
from clinic.views.headers import config

bp = Blueprint("autopay", __name__, url_prefix="/clients/<int:client_id>/payers/<int:payer_id>/autopay")


@bp.route("/", methods=["GET", "POST"])
@requires(Permission.ENROL_AUTOPAY)
def enrol(client_id: int, payer_id: int) -> Answer:
    """Show what is owed and the text to consent to; or enrol."""
    form = EnrolForm(request.form)
    there = _billing(client_id)
    if request.method == "POST" and form.validate():
        try:
            with writing() as session:
                once.claim(session, actor(), form.once.data, now()).location = there
                cards.payer_for(session, actor(), client_id, payer_id)
                enrolments.enrol(session, actor(), payer_id, consented_by=form.consented_by.data or "", now=now())
            frame.look_again()
            say("Enrolled in AutoPay.")
        except RefusalError as error:
            form.refuse(error)
    with reading() as session:
        profile = clients.profile(session, actor(), client_id)
        payer = cards.payer_of(session, profile, payer_id)
        shown = arrangements.of_payer(session, payer, now())
        owed = arrangements.open_invoices(session, actor(), payer_id)
        text, covers = enrolments.consent_text(session), cards.clients_of(session, payer_id)
    return page("billing/autopay.html", form=form, then=there, payer=shown, owed=owed, text=text, covers=covers,
                takes_cards=config().takes_cards, **profile_context(profile.head, "Billing"))  # fmt: skip


@bp.route("/leave", methods=["GET", "POST"])
@requires(Permission.ENROL_AUTOPAY)
def leave_autopay(client_id: int, payer_id: int) -> Answer:
    """End the enrolment."""
    if request.method == "POST":
        with writing() as session:
            cards.payer_for(session, actor(), client_id, payer_id)
            enrolments.leave(session, actor(), payer_id, now())
        say("AutoPay is off for this payer.")
    return leave(_billing(client_id))


@bp.route("/hold", methods=["GET", "POST"])
@requires(Permission.ENROL_AUTOPAY)
def hold(client_id: int, payer_id: int) -> Answer:
    """Let the nights wait."""
    if request.method == "POST":
        form = HoldForm(request.form)
        with writing() as session:
            cards.payer_for(session, actor(), client_id, payer_id)
            enrolments.hold(session, actor(), payer_id, now(), reason=form.reason.data or "")
        say("The nights wait until someone releases it.")
    return leave(_billing(client_id))


@bp.route("/release", methods=["GET", "POST"])
@requires(Permission.ENROL_AUTOPAY)
def release(client_id: int, payer_id: int) -> Answer:
    """Let the nights charge again."""
    if request.method == "POST":
        with writing() as session:
            cards.payer_for(session, actor(), client_id, payer_id)
            enrolments.release(session, actor(), payer_id, now())
        say("The nights charge this payer again.")
    return leave(_billing(client_id))


def _billing(client_id: int) -> str:
    return url_for("client_billing.billing", client_id=client_id)
