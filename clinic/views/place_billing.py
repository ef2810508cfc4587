"""From the flyout to an invoice, to several payers, or off every invoice: Add to invoice, Divide, Do not invoice."""

from flask import Blueprint, redirect, request, url_for

from clinic.billing import drafts, shares, work
from clinic.calendar import booking, flyout
from clinic.forms.calendar import NO_SUCH, id_or_none
from clinic.forms.place_billing import AdditionForm, DivideForm, MarkForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import NotFoundError, RefusalError
from clinic.models.calendar import Attendee, Item
from clinic.people import contacts
from clinic.practice import once
from clinic.practice.permissions import Permission
from clinic.views import leaves
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, leave, page, say

bp = Blueprint("place_billing", __name__)


@bp.route("/calendar/items/<int:item_id>/do-not-invoice", methods=["GET", "POST"])
@requires(Permission.EDIT_INVOICES)
def do_not_invoice(item_id: int) -> Answer:
    """Mark a place as never to be invoiced, or take the mark away."""
    if request.method == "GET":
        return redirect(url_for("booking.item", item_id=item_id))
    form = MarkForm(request.form)
    try:
        with writing() as session:
            item = booking.item_for(session, actor(), item_id)
            whose = id_or_none(form.attendee.data) or NO_SUCH
            if whose not in {each.id for each in item.attendees} or form.mark.data not in ("on", "off"):
                raise RefusalError("Choose whose session it is.", field="attendee")
            work.set_do_not_invoice(session, actor(), whose, form.mark.data == "on", now())
    except RefusalError as error:
        form.refuse(error)
    return leaves.with_flyout(item_id, refused=form)


@bp.route("/calendar/items/<int:item_id>/add-to-invoice", methods=["GET", "POST"])
@requires(Permission.EDIT_INVOICES)
def add_to_invoice(item_id: int) -> Answer:
    """Show what the line will say and who will see it, or put it on a draft and go there."""
    with reading() as session:
        shown = flyout.flyout_of(session, actor(), booking.item_for(session, actor(), item_id), now(), with_billings=False)
        found = drafts.additions(session, actor(), item_id, now())
    form = AdditionForm(request.form or None)
    back_url = url_for("booking.item", item_id=item_id)
    if request.method == "GET":
        return page("billing/add_to_invoice.html", flyout=shown, found=found, filled=form, back_url=back_url)
    try:
        with writing() as session:
            key = once.claim(session, actor(), form.once.data, now())
            share_id = id_or_none(form.share.data) or NO_SUCH
            draft = drafts.put(session, actor(), item_id, share_id, now(), invoice_id=form.draft.data)
            key.location = url_for("invoices.show", invoice_id=draft.id)
    except RefusalError as error:
        form.refuse(error)
        return page("billing/add_to_invoice.html", form=form, flyout=shown, found=found, filled=form, back_url=back_url)
    return leave(key.location)


@bp.route("/calendar/items/<int:item_id>/divide", methods=["GET", "POST"])
@requires(Permission.EDIT_INVOICES)
def divide(item_id: int) -> Answer:
    """Show who pays which part of a session's fee, or divide it anew."""
    asked = request.form if request.method == "POST" else request.args
    with reading() as session:
        item = booking.item_for(session, actor(), item_id)
        attendee = _whose(item, id_or_none(asked.get("attendee")))
        parts = shares.standing(session, attendee.id)
        payers = [(payer.contact_id, payer.name) for payer in contacts.payers_of(session, attendee.client_id)]
        shown = flyout.flyout_of(session, actor(), item, now(), with_billings=False)
    posted = request.form if request.method == "POST" else None
    form = DivideForm(posted, payers=payers, data=DivideForm.filled(parts) | {"attendee": attendee.id})
    if request.method == "POST" and form.validate():
        try:
            with writing() as session:
                once.claim(session, actor(), form.once.data, now()).location = url_for("booking.item", item_id=item_id)
                shares.divide(session, actor(), attendee.id, form.wishes(), now())
            say("The fee is divided.")
        except RefusalError as error:
            form.refuse(error)
    back_url = url_for("booking.item", item_id=item_id)
    return page("billing/divide.html", form=form, then=back_url, flyout=shown, fee_cents=attendee.fee_cents, back_url=back_url)


def _whose(item: Item, attendee_id: int | None) -> Attendee:
    billed = [each for each in item.attendees if each.is_billed and attendee_id in (None, each.id)]
    if not billed:
        raise NotFoundError("attendee")
    return billed[0]
