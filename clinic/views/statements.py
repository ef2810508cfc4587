"""A statement: its page with the range of days, printed and downloaded."""

from functools import partial

from flask import Blueprint, Response, current_app, make_response, request, url_for
from sqlalchemy.orm import Session

from clinic.billing import statements, whose
from clinic.billing.statements import Statement
from clinic.forms.spans import SpanForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import RefusalError
from clinic.people import clients
from clinic.practice.permissions import Permission
from clinic.views import ranges
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, page

bp = Blueprint("statements", __name__, url_prefix="/clients/<int:client_id>/billing/<int:payer_id>/statement")


@bp.get("")
@requires(Permission.SEE_INVOICES)
def show(client_id: int, payer_id: int) -> Answer:
    """Show the statement of a client and a payer for a range of days, with the other payers' beside it."""
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
        days=ranges.address(form), open_ids=opened,
    )  # fmt: skip
    return body if shown is not None else make_response(body, 422)


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
