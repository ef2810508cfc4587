"""The portal's statements: of the payers and the invoices a client may see there, to read, print and download."""

from functools import partial

from flask import Blueprint, Response, current_app, make_response, request, url_for

from clinic.billing import statements
from clinic.forms.spans import SpanForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import NotFoundError, RefusalError
from clinic.views import ranges
from clinic.views.access import now, portal
from clinic.views.answer import Answer, page
from clinic.views.portal_door import client

bp = Blueprint("portal_statements", __name__, url_prefix="/portal/statements")


@bp.get("")
@portal
def index() -> Answer:
    """Show the client's own statement."""
    return _shown(None)


@bp.get("/<int:payer_id>")
@portal
def show(payer_id: int) -> Answer:
    """Show the statement of a payer for a range of days."""
    return _shown(payer_id)


@bp.get("/<int:payer_id>/pdf")
@portal
def download(payer_id: int) -> Answer:
    """Hand over a statement as a PDF, rendered once for this content."""
    first, last = ranges.asked(SpanForm(request.args))
    visit, at = client(), now()
    pdf, name = statements.pdf_of(
        reading, writing, current_app.extensions["paper"],
        lambda session: statements.own_statement(session, visit, payer_id, first, last, at), at,
    )  # fmt: skip
    return Response(pdf, mimetype="application/pdf", headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _shown(payer_id: int | None) -> Answer:
    form, shown = SpanForm(request.args), None
    with reading() as session:
        payers = statements.own_payers(session, client())
        chosen = payers[0][0] if payer_id is None else payer_id
        if chosen not in dict(payers):
            raise NotFoundError("payer")
        try:
            shown = statements.own_statement(session, client(), chosen, *ranges.asked(form), now())
        except RefusalError as error:
            form.refuse(error)
    body = page(
        "portal/statement.html", form=form, statement=shown, payers=payers, payer_id=chosen,
        presets=ranges.presets(form, partial(url_for, ".show", payer_id=chosen)), days=ranges.address(form),
    )  # fmt: skip
    return body if shown is not None else make_response(body, 422)
