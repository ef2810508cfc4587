"""A draft's lines: sessions, fees and other lines added, changed and removed in place, the totals with them."""

from flask import Blueprint, request, url_for

from clinic.billing import discounts, drafts, fees, invoices, packages
from clinic.forms.invoices import FeeLineForm, LineForm, SessionsForm, WordsForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import RefusalError
from clinic.models.billing import InvoiceLine
from clinic.practice import once
from clinic.practice.permissions import Permission
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer
from clinic.views.invoice_page import Opened, fee_choices, show_lines

bp = Blueprint("invoice_lines", __name__)


@bp.get("/invoices/<int:invoice_id>/draft")
@requires(Permission.EDIT_INVOICES)
def show(invoice_id: int) -> Answer:
    """Show the lines: bare to htmx, on the invoice's page to a plain browser."""
    return show_lines(invoice_id)


@bp.route("/invoices/<int:invoice_id>/draft/add-sessions", methods=["GET", "POST"])
@requires(Permission.EDIT_INVOICES)
def add_sessions(invoice_id: int) -> Answer:
    """Put uninvoiced sessions on the draft."""
    if request.method == "GET":
        return show(invoice_id)
    form = SessionsForm(request.form, prefix="sessions-")
    if form.validate():
        try:
            with writing() as session:
                key = once.claim(session, actor(), form.once.data, now())
                invoice = invoices.invoice_for(session, actor(), invoice_id)
                for share_id in form.share.data or []:
                    invoices.add_share(session, invoice, share_id)
                key.location = url_for(".show", invoice_id=invoice_id)
        except RefusalError as error:
            form.refuse(error)
    return show_lines(invoice_id, Opened(form, "sessions"))


@bp.route("/invoices/<int:invoice_id>/draft/add-fee", methods=["GET", "POST"])
@requires(Permission.EDIT_INVOICES)
def add_fee(invoice_id: int) -> Answer:
    """Put a row of the fee schedule on the draft: a session's fee or a product."""
    if request.method == "GET":
        return show(invoice_id)
    with reading() as session:
        form = FeeLineForm(request.form, prefix="fee-", fees=fee_choices(session))
    if form.validate():
        try:
            with writing() as session:
                key = once.claim(session, actor(), form.once.data, now())
                fee = fees.fee_for(session, form.fee.data)
                new = form.new_line(fee, fees.amount_cents(fee, fee.minutes or 0))
                invoice = invoices.invoice_for(session, actor(), invoice_id)
                packages.add_units(session, invoice, discounts.by_default(session, invoice, new))
                key.location = url_for(".show", invoice_id=invoice_id)
        except RefusalError as error:
            form.refuse(error)
    return show_lines(invoice_id, Opened(form, "fee"))


@bp.route("/invoices/<int:invoice_id>/draft/add", methods=["GET", "POST"])
@requires(Permission.EDIT_INVOICES)
def add(invoice_id: int) -> Answer:
    """Put a line by hand on the draft."""
    if request.method == "GET":
        return show(invoice_id)
    form = LineForm(request.form, prefix="line-")
    if form.validate():
        try:
            with writing() as session:
                key = once.claim(session, actor(), form.once.data, now())
                invoices.add_line(session, invoices.invoice_for(session, actor(), invoice_id), form.new_line())
                key.location = url_for(".show", invoice_id=invoice_id)
        except RefusalError as error:
            form.refuse(error)
    return show_lines(invoice_id, Opened(form, "line"))


@bp.route("/invoices/<int:invoice_id>/draft/<int:line_id>/edit", methods=["GET", "POST"])
@requires(Permission.EDIT_INVOICES)
def edit(invoice_id: int, line_id: int) -> Answer:
    """Open a line in its place, or write it anew."""
    with reading() as session:
        line = invoices.line_of(invoices.invoice_for(session, actor(), invoice_id), line_id)
    form = LineForm(request.form or None, prefix="edit-", data=_typed(line))
    if request.method == "POST" and form.validate():
        try:
            with writing() as session:
                invoice = invoices.invoice_for(session, actor(), invoice_id)
                new = form.new_line(fee_id=line.fee_id, minutes=line.minutes)
                packages.check_unit(invoice, new)
                invoices.edit_line(session, invoice, line_id, new)
        except RefusalError as error:
            form.refuse(error)
    return show_lines(invoice_id, Opened(form, "edit", line_id))


@bp.route("/invoices/<int:invoice_id>/draft/<int:line_id>/remove", methods=["GET", "POST"])
@requires(Permission.EDIT_INVOICES)
def remove(invoice_id: int, line_id: int) -> Answer:
    """Take a line off the draft."""
    if request.method == "GET":
        return edit(invoice_id, line_id)
    with writing() as session:
        invoices.remove_line(session, invoices.invoice_for(session, actor(), invoice_id), line_id)
    return show_lines(invoice_id)


@bp.route("/invoices/<int:invoice_id>/draft/words", methods=["GET", "POST"])
@requires(Permission.EDIT_INVOICES)
def words(invoice_id: int) -> Answer:
    """Put a reference and a note on the draft."""
    if request.method == "GET":
        return show(invoice_id)
    form = WordsForm(request.form, prefix="words-")
    if form.validate():
        try:
            with writing() as session:
                drafts.word(session, actor(), invoice_id, reference=form.reference.data or "", note=form.remark.data or "")
        except RefusalError as error:
            form.refuse(error)
    return show_lines(invoice_id, Opened(form, "words"))


def _typed(line: InvoiceLine) -> dict[str, object]:
    return {
        "description": line.description,
        "session_date": line.session_date,
        "code": line.code,
        "quantity": line.quantity,
        "unit": line.unit_cents,
        "discount": line.discount_cents or None,
        "tax": line.tax_bp or None,
    }
