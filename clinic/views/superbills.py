"""A superbill: its page with the range of days, printed and downloaded."""

from functools import partial

from flask import Blueprint, Response, current_app, make_response, request, url_for
from sqlalchemy.orm import Session

from clinic.billing import superbills
from clinic.billing.superbills import Superbill
from clinic.forms.spans import SpanForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import RefusalError
from clinic.people import clients
from clinic.practice.permissions import Permission
from clinic.views import ranges
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, page

bp = Blueprint("superbills", __name__, url_prefix="/clients/<int:client_id>/superbill")


@bp.get("")
@requires(Permission.SEE_DIAGNOSES)
def show(client_id: int) -> Answer:
    """Show the superbill of a client for a range of days."""
    form, shown = SpanForm(request.args), None
    with reading() as session:
        head = clients.profile(session, actor(), client_id).head
        try:
            shown = _of(session, form, client_id)
        except RefusalError as error:
            form.refuse(error)
    _write_down(client_id)
    body = page(
        "superbills/show.html", form=form, superbill=shown, client=head,
        presets=ranges.presets(form, partial(url_for, ".show", client_id=client_id)), days=ranges.address(form),
        can_edit=actor().may(Permission.EDIT_DIAGNOSES),
    )  # fmt: skip
    return body if shown is not None else make_response(body, 422)


@bp.get("/print")
@requires(Permission.SEE_DIAGNOSES)
def print_view(client_id: int) -> Answer:
    """Show the superbill alone; the browser prints it."""
    form = SpanForm(request.args)
    with reading() as session:
        shown = _of(session, form, client_id)
    _write_down(client_id)
    back = url_for(".show", client_id=client_id, **ranges.address(form))
    return page("superbills/print.html", superbill=shown, back_url=back)


@bp.get("/pdf")
@requires(Permission.SEE_DIAGNOSES)
def download(client_id: int) -> Answer:
    """Answer with the superbill as a PDF, rendered once for this content."""
    first, last = ranges.asked(SpanForm(request.args))
    pdf, name = superbills.superbill_pdf(
        reading, writing, current_app.extensions["paper"], actor(), client_id, first, last, now()
    )
    return Response(pdf, mimetype="application/pdf", headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _of(session: Session, form: SpanForm, client_id: int) -> Superbill:
    first, last = ranges.asked(form)
    return superbills.superbill_for(session, actor(), client_id, first, last, now())


def _write_down(client_id: int) -> None:
    with writing() as session:
        clients.looked_at(session, actor(), client_id, now())
