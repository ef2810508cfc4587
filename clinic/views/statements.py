"""A statement: its page with the range of days, printed, downloaded and e-mailed."""

from functools import partial

from flask import Blueprint, Response, current_app, make_response, redirect, request, url_for
from sqlalchemy.orm import Session

from clinic.billing import mailing, statements, whose
from clinic.billing.statements import Statement
from clinic.forms.invoices import ConfirmForm
from clinic.forms.spans import SpanForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import RefusalError
from clinic.models.people import DocumentsBy
from clinic.people import clients
from clinic.practice import once
from clinic.practice.permissions import Permission
from clinic.views import ranges
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, leave, page, say

bp = Blueprint("statements", __name__, url_prefix="/clients/<int:client_id>/billing/<int:payer_id>/statement")


@bp.get("")
@requires(Permission.SEE_INVOICES)
def show(client_id: int, payer_id: int) -> Answer:
    """Show the statement of a client and a payer for a range of days, with the other payers' beside it."""
    return _shown(client_id, payer_id, ConfirmForm())


@bp.route("/email", methods=["GET", "POST"])
@requires(Permission.EDIT_INVOICES)
def email(client_id: int, payer_id: int) -> Answer:
    """Send the statement to its payer as they prefer: as a PDF, or as a link to the portal."""
    days, form = SpanForm(request.args), ConfirmForm(request.form)
    of = (actor(), client_id, payer_id, *ranges.asked(days), now())
    there = url_for(".show", client_id=client_id, payer_id=payer_id, **ranges.address(days))
    with reading() as session:
        shown, post = statements.statement_for(session, *of), mailing.post_to(session, payer_id, client_id)
    if request.method == "GET":
        return redirect(there)
    try:
        document = None
        if post.by is DocumentsBy.PDF:
            key, _, name = statements.statement(reading, writing, current_app.extensions["paper"], *of)
            document = (key, name)
        with writing() as session:
            once.claim(session, actor(), form.once.data, now()).location = there
            sent = mailing.send_statement(session, actor(), shown, document, now())
    except RefusalError as error:
        form.refuse(error)
        return _shown(client_id, payer_id, form)
    say(f"It goes to {sent.to_address} within a minute, {post.words}.")
    return leave(there)


def _shown(client_id: int, payer_id: int, confirm: ConfirmForm) -> Answer:
    form, shown, opened = SpanForm(request.args), None, set[int]()
    with reading() as session:
        head = clients.profile(session, actor(), client_id).head
        payers = statements.payers_of(session, actor(), client_id)
        try:
            shown = _of(session, form, client_id, payer_id)
            opened = whose.opened(session, actor(), {line.invoice_id for line in shown.lines if line.invoice_id})
        except RefusalError as error:
            form.refuse(error)
    body = page(
        "statements/show.html", form=form, statement=shown, client=head, payers=payers, payer_id=payer_id,
        presets=ranges.presets(form, partial(url_for, ".show", client_id=client_id, payer_id=payer_id)),
        days=ranges.address(form), open_ids=opened, confirm=confirm, may_send=actor().may(Permission.EDIT_INVOICES),
    )  # fmt: skip
    return make_response(body, 422) if shown is None and request.method == "GET" else body


@bp.get("/print")
@requires(Permission.SEE_INVOICES)
def print_view(client_id: int, payer_id: int) -> Answer:
    """Show the statement alone; the browser prints it."""
    form = SpanForm(request.args)
    with reading() as session:
        shown = _of(session, form, client_id, payer_id)
    back = url_for(".show", client_id=client_id, payer_id=payer_id, **ranges.address(form))
    return page("statements/print.html", statement=shown, back_url=back)


@bp.get("/pdf")
@requires(Permission.SEE_INVOICES)
def download(client_id: int, payer_id: int) -> Answer:
    """Answer with the statement as a PDF, rendered once for this content."""
    first, last = ranges.asked(SpanForm(request.args))
    pdf, name = statements.statement_pdf(
        reading, writing, current_app.extensions["paper"], actor(), client_id, payer_id, first, last, now()
    )
    return Response(pdf, mimetype="application/pdf", headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _of(session: Session, form: SpanForm, client_id: int, payer_id: int) -> Statement:
    first, last = ranges.asked(form)
    return statements.statement_for(session, actor(), client_id, payer_id, first, last, now())
