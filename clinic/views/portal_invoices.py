"""The portal's invoices: issued ones that name the client, to read, download and pay; and the receipts of what was paid."""

from datetime import datetime

from flask import Blueprint, Response, current_app, redirect, request, url_for
from markupsafe import Markup
from sqlalchemy.orm import Session

from clinic.billing import documents, own_bills, pay_links, receipts, sheet
from clinic.forms.invoices import ConfirmForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import RefusalError
from clinic.people.portal_visits import Visit
from clinic.practice.permissions import CLOCK
from clinic.views import pages, pay
from clinic.views.access import actor, now, portal
from clinic.views.answer import Answer, leave, page
from clinic.views.filters import money_full
from clinic.views.headers import config
from clinic.views.portal_door import client
from clinic.views.portal_frame import Box

bp = Blueprint("portal_invoices", __name__, url_prefix="/portal/invoices")


@bp.get("")
@portal
def index() -> Answer:
    """List the invoices, and what is owed by whom."""
    return _listed(ConfirmForm())


@bp.get("/<int:invoice_id>")
@portal
def show(invoice_id: int) -> Answer:
    """Show an invoice as staff print it, with what may be done about it."""
    return _shown(invoice_id, ConfirmForm())


@bp.get("/<int:invoice_id>/pdf")
@portal
def download(invoice_id: int) -> Answer:
    """Hand over an invoice as a PDF, the one that staff download."""
    with reading() as session:
        own_bills.invoice_for(session, client(), invoice_id)
    pdf, name = documents.invoice_pdf(reading, writing, current_app.extensions["paper"], CLOCK, invoice_id, now())
    return _file(pdf, name)


@bp.get("/receipts/<int:payment_id>")
@portal
def receipt(payment_id: int) -> Answer:
    """Hand over the receipt of a payment as a PDF."""
    with reading() as session:
        own_bills.receipt_for(session, client(), payment_id)
    _, pdf, name = receipts.pdf(reading, writing, current_app.extensions["paper"], CLOCK, payment_id, now())
    return _file(pdf, name)


@bp.route("/<int:invoice_id>/pay", methods=["GET", "POST"])
@portal
def pay_one(invoice_id: int) -> Answer:
    """Send the client to the processor's page to pay one invoice."""
    here, form = url_for(".show", invoice_id=invoice_id), ConfirmForm(request.form)
    if request.method == "GET":
        return redirect(here)
    try:
        with writing() as session:
            invoice = own_bills.owing_for(session, client(), invoice_id)
            token = pay_links.link(session, actor(), invoice.payer_id, invoice.id, now()).token
        return leave(pay.hosted_page(token, cancel=here))
    except RefusalError as error:
        form.refuse(error)
        return _shown(invoice_id, form)


@bp.route("/payers/<int:payer_id>/pay", methods=["GET", "POST"])
@portal
def pay_all(payer_id: int) -> Answer:
    """Send the client to the processor's page to pay all that is owed by a payer who pays for nobody else."""
    form = ConfirmForm(request.form)
    if request.method == "GET":
        return redirect(url_for(".index"))
    try:
        with writing() as session:
            own_bills.payable_for(session, client(), payer_id)
            token = pay_links.link(session, actor(), payer_id, None, now()).token
        return leave(pay.hosted_page(token, cancel=url_for(".index")))
    except RefusalError as error:
        form.refuse(error)
        return _listed(form)


def box(session: Session, who: Visit, _now: datetime) -> Box | None:
    """Say on the portal's first page what is owed, with the way to pay it."""
    found = own_bills.owed(session, who)
    to_pay, credit = sum(each.to_pay_cents for each in found), sum(each.credit_cents for each in found)
    if to_pay:
        words = "Pay now" if config().takes_cards else "See invoices"
        return Box("Owed", money_full(to_pay), Markup('<a href="{}">{}</a>').format(url_for("portal_invoices.index"), words))
    line = f"{money_full(credit)} of credit is waiting" if credit else "nothing to pay"
    return Box("Owed", money_full(0), line)


def _listed(form: ConfirmForm) -> Answer:
    with reading() as session:
        owed = own_bills.owed(session, client())
        listing = own_bills.listed(session, client(), now(), page=pages.number())
    return page("portal/invoices.html", form=form, owed=owed, rows=listing.rows, pages=pages.of(listing),
                takes_cards=config().takes_cards)  # fmt: skip


def _shown(invoice_id: int, form: ConfirmForm) -> Answer:
    with reading() as session:
        invoice = own_bills.invoice_for(session, client(), invoice_id)
        paper = sheet.with_package(session, invoice, sheet.of(session, invoice, now()), now())
        shown = own_bills.receipts_shown(session, client(), [paid.payment_id for paid in paper.payments])
    return page("portal/invoice.html", form=form, sheet=paper, receipts=shown, takes_cards=config().takes_cards)


def _file(pdf: bytes, name: str) -> Answer:
    return Response(pdf, mimetype="application/pdf", headers={"Content-Disposition": f'attachment; filename="{name}"'})
