"""The page of one invoice, whoever answers with it: the leaf or the editor, and the payment panel."""

from dataclasses import dataclass, replace
from typing import Any

from flask import redirect, request, url_for
from sqlalchemy.orm import Session

from clinic.billing import credit_notes, fees, invoices, mailing, panel, sheet, whose, work
from clinic.billing.panel import Panel
from clinic.billing.sheet import Sheet
from clinic.billing.work import Work
from clinic.calendar import package_view
from clinic.forms.base import HouseForm
from clinic.forms.invoices import ConfirmForm, FeeLineForm, LineForm, PaymentForm, SessionsForm, WordsForm
from clinic.kernel import money
from clinic.kernel.database import reading
from clinic.models.billing import Invoice, InvoiceSource
from clinic.practice.permissions import Permission
from clinic.views.access import actor, now
from clinic.views.answer import Answer, answer, is_piece, page
from clinic.views.headers import config


@dataclass(frozen=True)
class Editor:
    """Be what a draft is edited with: three ways to add a line, its words, and perhaps the line being edited."""

    waiting: list[Work]
    client_name: str
    is_seen_by_client: bool
    sessions: SessionsForm
    fee: FeeLineForm
    line: LineForm
    words: WordsForm
    edit: LineForm | None = None
    editing_id: int | None = None


@dataclass(frozen=True)
class Opened:
    """Say which form of the editor was posted or opened, and under which name it stands there."""

    form: HouseForm
    name: str
    line_id: int | None = None


def show(
    invoice_id: int, *, payment: PaymentForm | None = None, confirm: ConfirmForm | None = None, opened: Opened | None = None
) -> Answer:
    """Answer with the invoice's page; a refused payment, issue or line comes back in it with its complaints."""
    refused = payment or confirm or (opened.form if opened else None)
    with reading() as session:
        invoice = invoices.invoice_for(session, actor(), invoice_id)
        paper = sheet.of(session, invoice, now())
        # A draft is paid by issuing it first; its panel shows only to say what was wrong with a payment posted to it.
        is_payable = (paper.balance_cents > 0 and not paper.is_draft) or payment is not None
        shown = payment_panel(session, invoice, paper) if is_payable else None
        editor = _editor(session, invoice, opened) if paper.is_draft else None
        followers = credit_notes.followers(session, invoice)
        mailed = None if paper.is_draft else mailing.last_of(session, invoice_id)
        before_id = invoice.credited_invoice_id or invoice.corrects_invoice_id
        opens_before = bool(before_id and whose.opened(session, actor(), {before_id}))
        sale = None
        if invoice.source is InvoiceSource.PACKAGE:
            owed = paper.balance_cents
            sale = package_view.sale_for_invoice(session, actor(), invoice_id, now(), balance_cents=owed)
    if sale is not None:
        paper = sheet.of_package(
            paper, sale.name, sale.good_through, None if sale.is_draft else sale.counts, open_ids=sale.open_ids
        )
    if shown is not None and payment is None:
        payment = PaymentForm(methods=shown.methods, data=shown.prefilled)
    who = actor()
    return page(
        "billing/invoice.html",
        form=refused,
        confirm=confirm or ConfirmForm(),
        payment=payment,
        sheet=paper,
        panel=shown,
        editor=editor,
        sale=sale,
        followers=followers,
        mailed=mailed,
        before_id=before_id if opens_before else None,
        can_edit=who.may(Permission.EDIT_INVOICES),
        can_write_off=who.may(Permission.REFUND),
        can_take=who.may(Permission.TAKE_PAYMENTS),
        takes_cards=config().takes_cards,
    )


def payment_panel(session: Session, invoice: Invoice, paper: Sheet) -> Panel:
    """Return the panel for what is owed on an invoice."""
    payer = (invoice.payer_id, paper.payer.name)
    return panel.of(session, payer, paper.balance_cents, now(), takes_cards=config().takes_cards)


def show_lines(invoice_id: int, opened: Opened | None = None) -> Answer:
    """Answer with a draft's lines and totals: bare to htmx, on the invoice's whole page to a plain browser."""
    is_done = request.method == "POST" and (opened is None or not opened.form.complaints)
    if not is_piece():
        here = url_for("invoices.show", invoice_id=invoice_id)
        return redirect(here, 303) if is_done else show(invoice_id, opened=opened)
    with reading() as session:
        invoice = invoices.invoice_for(session, actor(), invoice_id)
        paper = sheet.of(session, invoice, now())
        editor = _editor(session, invoice, None if is_done else opened) if paper.is_draft else None
    return answer("billing/_lines.html", form=opened.form if opened else None, sheet=paper, editor=editor)


def _editor(session: Session, invoice: Invoice, opened: Opened | None) -> Editor:
    client = invoices.client_of(session, invoice)
    editor = Editor(
        waiting=work.uninvoiced(session, actor(), now(), client_id=invoice.client_id, payer_id=invoice.payer_id),
        client_name=client.name if client is not None else "",
        is_seen_by_client=client is not None and client.contact_id == invoice.payer_id,
        sessions=SessionsForm(prefix="sessions-"),
        fee=FeeLineForm(prefix="fee-", fees=fee_choices(session)),
        line=LineForm(prefix="line-"),
        words=WordsForm(prefix="words-", data={"reference": invoice.reference, "remark": invoice.note}),
    )
    if opened is None:
        return editor
    put: dict[str, Any] = {opened.name: opened.form, "editing_id": opened.line_id}
    return replace(editor, **put)


def fee_choices(session: Session) -> list[tuple[int, str]]:
    """Name the fees with their prices, for a list to choose from."""
    return [
        (fee.id, f"{fee.code} {fee.description}, {money.plainly(fee.amount_cents)}".strip()) for fee in fees.offered(session)
    ]
