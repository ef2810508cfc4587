"""Against an issued invoice: a credit note, a correction in one step, a write-off and its taking back."""

from flask import Blueprint, g, request, url_for
from sqlalchemy.orm import Session

from clinic.billing import credit_notes, invoices, sheet
from clinic.billing.sheet import Sheet
from clinic.forms.base import HouseForm
from clinic.forms.calendar import id_or_none
from clinic.forms.credit_notes import CreditForm, WriteOffForm
from clinic.forms.invoices import ConfirmForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import RefusalError
from clinic.models.billing import Invoice
from clinic.practice import once
from clinic.practice.permissions import Permission
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, leave, page, say

bp = Blueprint("credit_notes", __name__)


@bp.route("/invoices/<int:invoice_id>/credit", methods=["GET", "POST"])
@requires(Permission.EDIT_INVOICES)
def credit(invoice_id: int) -> Answer:
    """Ask what of an invoice is credited, of an attendee down to the policy, or issue the credit note and go to it."""
    with reading() as session:
        invoice, paper = _loaded(session, invoice_id)
        left = credit_notes.creditable(session, invoice)
        whose = id_or_none(request.args.get("attendee"))
        wanted = credit_notes.down_to_policy(session, invoice, left, whose) if whose else None
    form = CreditForm.of(request.form if request.method == "POST" else None, left, wanted)
    if request.method == "POST" and form.validate():
        wanted, freed, reason = form.amounts(left), form.freed.data, form.reason.data or ""
        try:
            with writing() as session:
                key = once.claim(session, actor(), form.once.data, now())
                invoice = invoices.invoice_for(session, actor(), invoice_id)
                note = credit_notes.credit(session, actor(), invoice, now(), amounts=wanted, freed=freed, reason=reason)
                key.location = url_for("invoices.show", invoice_id=note.id)
            say(f"Credit note {note.number} is issued.")
            return leave(key.location)
        except RefusalError as error:
            form.refuse(error)
    return page("billing/credit.html", form=form, sheet=paper, left=left)


@bp.route("/invoices/<int:invoice_id>/correct", methods=["GET", "POST"])
@requires(Permission.EDIT_INVOICES)
def correct(invoice_id: int) -> Answer:
    """Say what correcting does, or credit the invoice and go to the draft that takes its place."""
    form = ConfirmForm(request.form)
    if request.method == "POST":
        try:
            with writing() as session:
                key = once.claim(session, actor(), form.once.data, now())
                invoice = invoices.invoice_for(session, actor(), invoice_id)
                draft = credit_notes.correct(session, actor(), invoice, now())
                key.location = url_for("invoices.show", invoice_id=draft.id)
            say(f"Invoice {invoice.number} is credited; change this draft and issue it.")
            return leave(key.location)
        except RefusalError as error:
            form.refuse(error)
    return _asked("billing/correct.html", invoice_id, form)


@bp.route("/invoices/<int:invoice_id>/write-off", methods=["GET", "POST"])
@requires(Permission.REFUND)
def write_off(invoice_id: int) -> Answer:
    """Ask why the remainder is given up, or give it up."""
    form = WriteOffForm(request.form if request.method == "POST" else None)
    if request.method == "POST" and form.validate():
        there = url_for("invoices.show", invoice_id=invoice_id)
        try:
            with writing() as session:
                once.claim(session, actor(), form.once.data, now()).location = there
                invoice = invoices.invoice_for(session, actor(), invoice_id)
                gone = credit_notes.write_off(session, actor(), invoice, now(), reason=form.reason.data or "")
            say(f"{g.house.money(gone)} is written off.")
            return leave(there)
        except RefusalError as error:
            form.refuse(error)
    return _asked("billing/write_off.html", invoice_id, form)


@bp.route("/invoices/<int:invoice_id>/write-off/undo", methods=["GET", "POST"])
@requires(Permission.REFUND)
def undo_write_off(invoice_id: int) -> Answer:
    """Let the invoice owe again what was written off."""
    there = url_for("invoices.show", invoice_id=invoice_id, _anchor="pay")
    if request.method == "POST":
        with writing() as session:
            once.claim(session, actor(), request.form.get("once"), now()).location = there
            gone = credit_notes.undo_write_off(session, actor(), invoices.invoice_for(session, actor(), invoice_id), now())
        say(f"{g.house.money(gone)} is owed again.")
    return leave(there)


def _asked(template: str, invoice_id: int, form: HouseForm) -> Answer:
    with reading() as session:
        _, paper = _loaded(session, invoice_id)
    return page(template, form=form, sheet=paper)


def _loaded(session: Session, invoice_id: int) -> tuple[Invoice, Sheet]:
    invoice = invoices.invoice_for(session, actor(), invoice_id)
    return invoice, sheet.of(session, invoice, now())
