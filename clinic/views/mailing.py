"""E-mailing an invoice or credit note to its payer."""

from flask import Blueprint, current_app, redirect, request, url_for

from clinic.billing import documents, mailing
from clinic.forms.invoices import ConfirmForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import RefusalError
from clinic.models.people import DocumentsBy
from clinic.practice import once
from clinic.practice.permissions import Permission
from clinic.views import invoice_page
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, leave, say

bp = Blueprint("mailing", __name__)


@bp.route("/invoices/<int:invoice_id>/email", methods=["GET", "POST"])
@requires(Permission.EDIT_INVOICES)
def invoice(invoice_id: int) -> Answer:
    """Send the invoice to its payer as they prefer: as a PDF, or as a link to the portal."""
    there = url_for("invoices.show", invoice_id=invoice_id)
    with reading() as session:
        post = mailing.post_of(session, actor(), invoice_id)
    if request.method == "GET":
        return redirect(there)
    form = ConfirmForm(request.form)
    try:
        document = None
        if post.by is DocumentsBy.PDF:
            # No door is open: a PDF takes a tenth of a second and more.
            paper = current_app.extensions["paper"]
            key, _, name = documents.invoice(reading, writing, paper, actor(), invoice_id, now())
            document = (key, name)
        with writing() as session:
            once.claim(session, actor(), form.once.data, now()).location = there
            sent = mailing.send(session, actor(), invoice_id, document, now())
    except RefusalError as error:
        form.refuse(error)
        return invoice_page.show(invoice_id, confirm=form)
    say(f"It goes to {sent.to_address} within a minute, {post.words}.")
    return leave(there)
