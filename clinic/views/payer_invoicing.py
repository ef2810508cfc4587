"""How one payer is invoiced: as the practice, Monthly or Manually, each client's work apart or all together."""

from flask import Blueprint, request, url_for

from clinic.billing import payer_invoicing
from clinic.forms.calendar import id_or_none
from clinic.forms.payer_invoicing import PayerInvoicingForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import RefusalError
from clinic.people import contacts
from clinic.practice import settings
from clinic.practice.permissions import Permission
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, page, say

bp = Blueprint("payer_invoicing", __name__)


@bp.route("/contacts/<int:contact_id>/invoicing", methods=["GET", "POST"])
@requires(Permission.EDIT_INVOICES)
def edit(contact_id: int) -> Answer:
    """Show or save how a payer is invoiced. `client` in the address names whose Billing it was opened from."""
    with reading() as session:
        contact = contacts.contact_for(session, actor(), contact_id)
        practice = settings.practice(session)
    client_id = id_or_none(request.args.get("client"))
    back = (
        url_for("client_billing.billing", client_id=client_id) if client_id else url_for("contacts.show", contact_id=contact_id)
    )
    data = {
        "creation": contact.invoice_creation,
        "one_invoice_for_all": contact.one_invoice_for_all,
        "documents_by": contact.documents_by,
    }
    form = PayerInvoicingForm(request.form if request.method == "POST" else None, data=data)
    form.name_choices(practice.invoice_creation)
    if request.method == "POST" and form.validate():
        wanted = {name: form.data[name] for name in ("creation", "one_invoice_for_all", "documents_by")}
        try:
            with writing() as session:
                payer_invoicing.choose(session, actor(), contact_id, now=now(), **wanted)
            say(f"Invoicing of {contact.name} saved.")
        except RefusalError as error:
            form.refuse(error)
    return page("billing/payer_invoicing.html", form=form, then=back, contact=contact, client_id=client_id)
