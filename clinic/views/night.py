"""Tonight and last night: what will happen, what happened, and what waits for a person."""

from datetime import date, timedelta

from flask import Blueprint, abort, g, request, url_for

from clinic.billing import autopay, charges, enrolments, leftovers, night
from clinic.billing.stripe_gateway import Verdict, gateway_from
from clinic.forms.autopay import HoldForm
from clinic.forms.base import FIRST_YEAR, LAST_YEAR
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import RefusalError
from clinic.practice.permissions import Permission
from clinic.views import frame
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, leave, page, say
from clinic.views.headers import config
from clinic.views.invoice_tabs import tabs

bp = Blueprint("night", __name__, url_prefix="/invoices")
DAY = timedelta(days=1)
ANSWERS = {
    Verdict.SUCCEEDED: "It was charged, and is recorded now.",
    Verdict.SOFT: "It was declined.",
    Verdict.HARD: "It was declined.",
    Verdict.NEEDS_CLIENT: "The bank asks the cardholder to confirm.",
    Verdict.UNKNOWN: "The card processor still gives no clear answer.",
}


@bp.get("/tonight")
@requires(Permission.SEE_NIGHT)
def tonight() -> Answer:
    """Show what the coming night will do."""
    with reading() as session:
        found = night.tonight(session, now())
    frame.count_tonight(found.count)
    return page("billing/tonight.html", coming=found, tabs=tabs(), takes_cards=config().takes_cards,
                may_confirm=actor().may(Permission.SETTINGS))  # fmt: skip


@bp.route("/tonight/confirm-restored", methods=["GET", "POST"])
@requires(Permission.SETTINGS)
def confirm_restored() -> Answer:
    """Let the nights charge cards again after a backup was restored."""
    if request.method == "POST":
        with writing() as session:
            autopay.confirm_restored(session, actor(), now())
        say("AutoPay charges again from the coming night on.")
    return leave(url_for(".tonight"))


@bp.get("/last-night")
@requires(Permission.SEE_NIGHT)
def last_night() -> Answer:
    """Show what a night did, the last one unless the address names another."""
    today = g.house.local_date(now())
    wanted = _named(request.args.get("night", "")) or today
    with reading() as session:
        found = night.last_night(session, now(), wanted)
    return page(
        "billing/last_night.html", found=found, tabs=tabs(), is_last=wanted == today,
        earlier_url=url_for(".last_night", night=(wanted - DAY).isoformat()),
        later_url=url_for(".last_night", night=(wanted + DAY).isoformat()) if wanted < today else None,
    )  # fmt: skip


@bp.route("/tonight/payers/<int:payer_id>/hold", methods=["GET", "POST"])
@requires(Permission.SEE_NIGHT)
def hold(payer_id: int) -> Answer:
    """Keep the nights from charging a payer."""
    if request.method == "POST":
        with writing() as session:
            enrolments.hold(session, actor(), payer_id, now(), reason=HoldForm(request.form).reason.data or "")
        say("Held: the night will not charge this payer.")
    return leave(url_for(".tonight"))


@bp.route("/tonight/payers/<int:payer_id>/release", methods=["GET", "POST"])
@requires(Permission.SEE_NIGHT)
def release(payer_id: int) -> Answer:
    """Let the nights charge a payer again."""
    if request.method == "POST":
        with writing() as session:
            enrolments.release(session, actor(), payer_id, now())
        say("Released: the night charges this payer again.")
    return leave(url_for(".tonight"))


@bp.route("/tonight/payers/<int:payer_id>/seen", methods=["GET", "POST"])
@requires(Permission.SEE_NIGHT)
def seen(payer_id: int) -> Answer:
    """Say that someone has seen that a payer's AutoPay ended."""
    if request.method == "POST":
        with writing() as session:
            enrolments.see(session, actor(), payer_id, now())
        frame.look_again()
    return leave(url_for(".tonight"))


@bp.route("/tonight/sessions/<int:share_id>/bill-again", methods=["GET", "POST"])
@requires(Permission.SEE_NIGHT)
def bill_again(share_id: int) -> Answer:
    """Let the coming night bill a session."""
    if request.method == "POST":
        with writing() as session:
            leftovers.bill_again(session, actor(), share_id, now())
        say("The coming night bills it.")
    return leave(url_for(".tonight"))


@bp.route("/tonight/sessions/<int:share_id>/do-not-invoice", methods=["GET", "POST"])
@requires(Permission.SEE_NIGHT)
def do_not_invoice(share_id: int) -> Answer:
    """Never invoice a session."""
    if request.method == "POST":
        with writing() as session:
            leftovers.do_not_invoice(session, actor(), share_id, now())
        say("It is marked Do not invoice.")
    return leave(url_for(".tonight"))


@bp.route("/tonight/sessions/<int:share_id>/link/<int:line_id>", methods=["GET", "POST"])
@requires(Permission.SEE_NIGHT)
def link(share_id: int, line_id: int) -> Answer:
    """Say that a typed line bills a session."""
    if request.method == "POST":
        with writing() as session:
            leftovers.link_typed(session, actor(), share_id, line_id, now())
        say("They are linked: that line bills the session.")
    return leave(url_for(".tonight"))


@bp.route("/tonight/charges/<int:attempt_id>/ask", methods=["GET", "POST"])
@requires(Permission.SEE_NIGHT)
def ask(attempt_id: int) -> Answer:
    """Ask the processor once more what became of a charge."""
    gateway = gateway_from(config())
    if request.method == "POST":
        if gateway is None:
            raise RefusalError("Cards are off: set STRIPE_SECRET_KEY to ask the card processor.")
        outcome = charges.resolve(writing, gateway, attempt_id, now())
        say(ANSWERS[outcome.verdict] if outcome is not None else "It has its answer by now.")
    return leave(url_for(".tonight"))


@bp.route("/tonight/charges/<int:attempt_id>/close", methods=["GET", "POST"])
@requires(Permission.SEE_NIGHT)
def close(attempt_id: int) -> Answer:
    """Say that a charge was never made."""
    if request.method == "POST":
        with writing() as session:
            charges.close_by_hand(session, actor(), attempt_id, now())
        say("Closed as not charged.")
    return leave(url_for(".tonight"))


def _named(text: str) -> date | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        abort(404)
    if not FIRST_YEAR < day.year < LAST_YEAR:
        abort(404)
    return day
