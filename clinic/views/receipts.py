"""A payment: its page, and its receipt printed and downloaded."""

from flask import Blueprint, Response, current_app, redirect, request, url_for

from clinic.billing import receipts, reversals, whose
from clinic.forms.invoices import ConfirmForm
from clinic.kernel.database import reading, writing
from clinic.models.money import Payment
from clinic.practice import once
from clinic.practice.permissions import Permission
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, leave, page, say

bp = Blueprint("receipts", __name__, url_prefix="/payments/<int:payment_id>")


@bp.get("/")
@requires(Permission.SEE_INVOICES)
def show(payment_id: int) -> Answer:
    """Show a payment: where it stands, what was given back, and what can be done about it."""
    who = actor()
    with reading() as session:
        record = receipts.of(session, who, payment_id)
        opened = whose.opened(session, who, {each.invoice_id for each in record.receipt.paid_for})
        payment = session.get_one(Payment, payment_id)
        why_not_undo, may_undo = reversals.hindrance(session, payment), reversals.may_undo(session, who, payment, now())
    return page(
        "payments/show.html", record=record, receipt=record.receipt, may_undo=may_undo and not why_not_undo,
        may_refund=who.may(Permission.REFUND), may_send=who.may(Permission.TAKE_PAYMENTS), confirm=ConfirmForm(),
        open_ids=opened, back_url=_billing(record),
    )  # fmt: skip


@bp.get("/print")
@requires(Permission.SEE_INVOICES)
def print_view(payment_id: int) -> Answer:
    """Show the receipt alone; the browser prints it."""
    with reading() as session:
        record = receipts.of(session, actor(), payment_id)
    return page("payments/print.html", receipt=record.receipt)


@bp.get("/pdf")
@requires(Permission.SEE_INVOICES)
def download(payment_id: int) -> Answer:
    """Answer with the receipt as a PDF, rendered once for this content."""
    _, pdf, name = receipts.pdf(reading, writing, current_app.extensions["paper"], actor(), payment_id, now())
    return Response(pdf, mimetype="application/pdf", headers={"Content-Disposition": f'attachment; filename="{name}"'})


@bp.route("/email", methods=["GET", "POST"])
@requires(Permission.TAKE_PAYMENTS)
def email(payment_id: int) -> Answer:
    """Send the receipt to the payer, as a PDF."""
    there = url_for(".show", payment_id=payment_id)
    if request.method == "GET":
        with reading() as session:
            receipts.of(session, actor(), payment_id)
        return redirect(there)
    form = ConfirmForm(request.form)
    key, _, name = receipts.pdf(reading, writing, current_app.extensions["paper"], actor(), payment_id, now())
    with writing() as session:
        once.claim(session, actor(), form.once.data, now()).location = there
        receipts.send(session, actor(), payment_id, (key, name), now())
    say("The receipt goes out within a minute.")
    return leave(there)


def _billing(record: receipts.Record) -> str | None:
    return url_for("client_billing.billing", client_id=record.client_id) if record.client_id else None
