"""Giving a payment back, to its card or by hand, and undoing one recorded by mistake."""

from dataclasses import dataclass

from flask import Blueprint, g, redirect, request, url_for

from clinic.billing import enrolments, receipts, refunds, reversals
from clinic.billing.processor import Returned
from clinic.billing.refunds import Wanted
from clinic.billing.stripe_gateway import gateway_from
from clinic.forms.payments import RefundForm, UndoForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import RefusalError
from clinic.models.money import Method
from clinic.practice import once
from clinic.practice.permissions import Permission
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, leave, page, say
from clinic.views.headers import config

bp = Blueprint("refunds", __name__, url_prefix="/payments/<int:payment_id>")
TO_CARD = "To the card it came from"
ANSWERS = {
    Returned.DONE: "It was refunded, and is recorded now.",
    Returned.FAILED: "It was not refunded.",
    Returned.UNKNOWN: "The card processor still gives no clear answer.",
}


@dataclass(frozen=True)
class Asked:
    """Be what the refund form shows."""

    record: receipts.Record
    is_enrolled: bool
    methods: list[tuple[Method, str]]


@bp.route("/refund", methods=["GET", "POST"])
@requires(Permission.REFUND)
def refund(payment_id: int) -> Answer:
    """Show what is left of a payment; or give some of it back."""
    asked = _asked(payment_id)
    form = RefundForm(request.form or None, methods=asked.methods, data={
        "amount": asked.record.left_cents or None, "method": asked.methods[0][0] if asked.record.is_card else None,
        "holds_autopay": asked.is_enrolled,
    })  # fmt: skip
    if request.method == "POST" and form.validate():
        try:
            say(_given_back(payment_id, form))
        except RefusalError as error:
            form.refuse(error)
    return page("payments/refund.html", form=form, then=_page(payment_id), asked=asked, receipt=asked.record.receipt)


@bp.route("/undo", methods=["GET", "POST"])
@requires(Permission.TAKE_PAYMENTS)
def undo(payment_id: int) -> Answer:
    """Ask what the mistake was; or undo the payment."""
    form = UndoForm(request.form or None)
    with reading() as session:
        record = receipts.of(session, actor(), payment_id)
    if request.method == "POST" and form.validate():
        try:
            with writing() as session:
                once.claim(session, actor(), form.once.data, now()).location = _page(payment_id)
                reversals.undo(session, actor(), payment_id, reason=form.reason.data or "", now=now())
            say("The payment is undone; what it paid is owed again.")
        except RefusalError as error:
            form.refuse(error)
    return page("payments/undo.html", form=form, then=_page(payment_id), record=record, receipt=record.receipt)


@bp.route("/refunds/<int:refund_id>/ask", methods=["GET", "POST"])
@requires(Permission.REFUND)
def ask(payment_id: int, refund_id: int) -> Answer:
    """Ask the processor once more what became of a refund."""
    if request.method == "GET":
        return redirect(_page(payment_id))
    gateway = gateway_from(config())
    if gateway is None:
        raise RefusalError("Cards are off: set STRIPE_SECRET_KEY to ask the card processor.")
    answer = refunds.resolve(writing, gateway, refund_id, now())
    say(ANSWERS[answer.returned] if answer is not None else "It has its answer by now.")
    return leave(_page(payment_id))


@bp.route("/refunds/<int:refund_id>/close", methods=["GET", "POST"])
@requires(Permission.REFUND)
def close(payment_id: int, refund_id: int) -> Answer:
    """Say that a refund was never made."""
    if request.method == "POST":
        with writing() as session:
            refunds.close_by_hand(session, actor(), refund_id, now())
        say("Closed as not refunded.")
    return leave(_page(payment_id))


def _given_back(payment_id: int, form: RefundForm) -> str:
    wanted = Wanted(
        payment_id=payment_id, amount_cents=form.amount.data, method=form.method.data, reason=form.reason.data or "",
        reference=form.reference.data or "", refunded_date=form.day, holds_autopay=form.holds_autopay.data,
    )  # fmt: skip
    cents = g.house.money(wanted.amount_cents)
    if wanted.method is not Method.ONLINE_CARD:
        with writing() as session:
            once.claim(session, actor(), form.once.data, now()).location = _page(payment_id)
            refunds.record(session, actor(), wanted, now())
        return f"{cents} is recorded as given back."
    # No door is open: the card processor may take seconds.
    answer = refunds.to_card(
        writing, gateway_from(config()), actor(), wanted, now(), once_key=form.once.data, then=_page(payment_id)
    )
    if answer.returned is Returned.FAILED:
        form.once.data = once.new_key()  # this try is written down; the next one is another
        raise RefusalError(f"Nothing was given back. {answer.message}".strip(), field="method")
    if answer.returned is Returned.UNKNOWN:
        return "The card processor has not answered. It is asked again every few minutes; do not refund again."
    return f"{cents} goes back to the card."


def _asked(payment_id: int) -> Asked:
    with reading() as session:
        record = receipts.of(session, actor(), payment_id)
        is_enrolled = enrolments.live(session, record.payer_id) is not None
    by_hand = [(method, name) for method, name in record.names.items() if method is not Method.ONLINE_CARD]
    return Asked(record, is_enrolled, [*([(Method.ONLINE_CARD, TO_CARD)] if record.is_card else []), *by_hand])


def _page(payment_id: int) -> str:
    return url_for("receipts.show", payment_id=payment_id)
