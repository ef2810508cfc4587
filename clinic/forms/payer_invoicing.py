"""What is asked about how a payer is invoiced."""

from wtforms import BooleanField, RadioField
from wtforms.fields import SelectChoice  # type: ignore[attr-defined]  # the stubs are older

from clinic.billing import payer_invoicing
from clinic.forms.base import HouseForm
from clinic.models.people import DocumentsBy
from clinic.models.practice import InvoiceCreation

BY_NAMES = {DocumentsBy.PDF: "As a PDF", DocumentsBy.PORTAL: "As a link to the portal"}


class PayerInvoicingForm(HouseForm):
    """Ask for a payer's own Invoice Creation."""

    creation = RadioField("Invoice Creation", coerce=InvoiceCreation)
    one_invoice_for_all = BooleanField("One invoice for all clients")
    documents_by = RadioField(
        "Documents by e-mail", coerce=DocumentsBy, choices=[SelectChoice(value, name) for value, name in BY_NAMES.items()]
    )

    def name_choices(self, practice: InvoiceCreation) -> None:
        """Name the choices; what the practice does stands in the first."""
        names = {creation: creation.value.capitalize() for creation in payer_invoicing.OFFERED}
        names[InvoiceCreation.AS_PRACTICE] = f"As the practice ({practice.value.capitalize()})"
        self.creation.choices = [SelectChoice(value, name) for value, name in names.items()]
