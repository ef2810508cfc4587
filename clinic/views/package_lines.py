"""The package part of an invoice, and Edit Invoice Line: book, move and unlink a line's appointment."""

from typing import Any

from flask import Blueprint, Response, g, make_response, redirect, request, url_for

from clinic.calendar import package_lines, package_view
from clinic.calendar.availability import OverlapError
from clinic.calendar.package_lines import Availability, LineView
from clinic.forms.packages import EditLineForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import NotFoundError, RefusalError
from clinic.practice import once
from clinic.practice.permissions import Permission
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, answer, is_piece, page

bp = Blueprint("package_lines", __name__)


@bp.get("/invoices/<int:invoice_id>/sessions")
@requires(Permission.SEE_PACKAGES)
def sale(invoice_id: int) -> Answer:
    """Show the package part of an invoice; a plain browser sees the whole invoice."""
    if not is_piece():
        return redirect(url_for("invoices.show", invoice_id=invoice_id), 303)
    return _sale(invoice_id)


@bp.route("/invoices/<int:invoice_id>/lines/<int:line_id>/edit", methods=["GET", "POST"])
@requires(Permission.LINK_PACKAGES)
def edit(invoice_id: int, line_id: int) -> Answer:
    """Open the pop-up, check a time, or save what it asks."""
    opened = _opened(invoice_id, line_id)
    form, found = _form(opened), None
    if request.method == "POST" and form.validate():
        try:
            if {"check", "pick"} & request.form.keys():
                found = _checked(invoice_id, line_id, form)
            else:
                _save(invoice_id, line_id, form)
                return _saved_line(invoice_id, line_id)
        except RefusalError as refusal:
            form.refuse(refusal)
            opened = _opened(invoice_id, line_id)
            if isinstance(refusal, OverlapError):
                found = _checked(invoice_id, line_id, form)
    return _shown(invoice_id, form, opened=opened, found=found)


def _opened(invoice_id: int, line_id: int) -> LineView:
    with reading() as session:
        return package_lines.opened(session, actor(), invoice_id, line_id)


def _checked(invoice_id: int, line_id: int, form: EditLineForm) -> Availability:
    with reading() as session:
        return package_lines.check(session, actor(), invoice_id, line_id, form.edit(), now())


def _save(invoice_id: int, line_id: int, form: EditLineForm) -> None:
    with writing() as session:
        key = once.claim(session, actor(), form.once.data, now())
        package_lines.save(session, actor(), invoice_id, line_id, form.edit(), now())
        key.location = url_for(".sale", invoice_id=invoice_id)


def _form(opened: LineView) -> EditLineForm:
    if request.method == "POST":
        form = EditLineForm(request.form)
        form.take_picked(request.form.get("pick"))
    else:
        form = EditLineForm(data=EditLineForm.shown(opened, g.house.timezone))
    form.offer(opened)
    return form


def _shown(invoice_id: int, form: EditLineForm, **context: Any) -> Answer:
    # A check that worked leaves the pop-up open with what was typed, so the form goes along under its own name.
    refused = form if form.complaints else None
    if is_piece():
        return answer("packages/_edit_line.html", form=refused, edit=form, **context)
    with reading() as session:
        behind = package_view.sale_for_invoice(session, actor(), invoice_id, now())
    return page("packages/edit_line.html", form=refused, edit=form, sale=behind, **context)


def _saved_line(invoice_id: int, line_id: int) -> Answer:
    # Only what the line changed: a package of a hundred sessions is not sent again for one of them.
    if not is_piece():
        return redirect(url_for("invoices.show", invoice_id=invoice_id), 303)
    with reading() as session:
        found = package_view.sale_for_invoice(session, actor(), invoice_id, now())
    line = next((each for each in found.lines if each.id == line_id), None) if found else None
    if found is None or line is None:
        raise NotFoundError("package")
    news = [entry for entry in found.entries if entry.at >= now()]
    return answer("packages/_saved_line.html", sale=found, line=line, news=news)


def _sale(invoice_id: int) -> Response:
    with reading() as session:
        found = package_view.sale_for_invoice(session, actor(), invoice_id, now())
    if found is None:
        raise NotFoundError("package")
    response = make_response(answer("packages/_sale.html", sale=found))
    # Whatever asked, this piece replaces the package part, and with it the open pop-up.
    response.headers["HX-Retarget"] = f"#sale-{found.id}"
    response.headers["HX-Reswap"] = "outerHTML"
    return response
