"""The page of one invoice, whoever answers with it: the leaf or the editor, and the payment panel."""

from dataclasses import dataclass, replace
from typing import Any

from flask import request
from sqlalchemy.orm import Session

from clinic.billing import fees, invoices, panel, sheet, work
from clinic.billing.work import Work
from clinic.calendar import package_view
from clinic.forms.base import HouseForm
from clinic.forms.invoices import ConfirmForm, FeeLineForm, LineForm, PaymentForm, SessionsForm
from clinic.kernel import money
from clinic.kernel.database import reading
from clinic.models.billing import Invoice
from clinic.practice.permissions import Permission
from clinic.views.access import actor, now
from clinic.views.answer import Answer, answer, page
from clinic.views.headers import config


@dataclass(frozen=True)
class Editor:
    """Be what a draft's lines are edited with: three ways to add, and perhaps the line being edited."""

    waiting: list[Work]
    client_name: str
    is_seen_by_client: bool
    sessions: SessionsForm
    fee: FeeLineForm
    line: LineForm
    edit: LineForm | None = None
    editing_id: int | None = None


def show(invoice_id: int, *, payment: PaymentForm | None = None, confirm: ConfirmForm | None = None) -> Answer:
    """Answer with the invoice's page; a refused payment or issue comes back in it with its complaints."""
    with reading() as session:
        invoice = invoices.invoice_for(session, actor(), invoice_id)
        paper = sheet.of(session, invoice, now())
        shown = panel.of(session, invoice.payer_id, paper.balance_cents, now(), takes_cards=config().takes_cards)
        editor = editor_of(session, invoice) if paper.is_draft else None
        sale = package_view.sale_for_invoice(session, actor(), invoice_id, now())
    who = actor()
    return page(
        "billing/invoice.html",
        form=payment or confirm,
        confirm=confirm or ConfirmForm(),
        payment=payment or PaymentForm(methods=shown.methods, data=shown.prefilled),
        sheet=paper,
        panel=shown,
        editor=editor,
        sale=sale,
        can_edit=who.may(Permission.EDIT_INVOICES),
        can_take=who.may(Permission.TAKE_PAYMENTS),
    )


def show_lines(
    invoice_id: int, *, form: HouseForm | None = None, name: str = "", editing_id: int | None = None, then: str | None = None
) -> Answer:
    """Answer with a draft's lines and totals.

    Args:
        form: what was posted, or a line opened; it stands in the editor under `name` while it is open or refused.
        editing_id: the line being edited.
    """
    with reading() as session:
        invoice = invoices.invoice_for(session, actor(), invoice_id)
        paper = sheet.of(session, invoice, now())
        editor = editor_of(session, invoice) if paper.is_draft else None
    if editor is not None and form is not None and (form.complaints or request.method == "GET"):
        put: dict[str, Any] = {name: form, "editing_id": editing_id}
        editor = replace(editor, **put)
    return answer("billing/_lines.html", form=form, then=then, sheet=paper, editor=editor)


def editor_of(session: Session, invoice: Invoice) -> Editor:
    """Return the empty forms of a draft's editor."""
    client = invoices.client_of(session, invoice)
    return Editor(
        waiting=work.uninvoiced(session, actor(), now(), client_id=invoice.client_id, payer_id=invoice.payer_id),
        client_name=client.name if client is not None else "",
        is_seen_by_client=client is not None and client.contact_id == invoice.payer_id,
        sessions=SessionsForm(prefix="sessions-"),
        fee=FeeLineForm(prefix="fee-", fees=fee_choices(session)),
        line=LineForm(prefix="line-"),
    )


def fee_choices(session: Session) -> list[tuple[int, str]]:
    """Name the fees with their prices, for a list to choose from."""
    return [
        (fee.id, f"{fee.code} {fee.description}, {money.plainly(fee.amount_cents)}".strip()) for fee in fees.offered(session)
    ]
