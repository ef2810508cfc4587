"""Taking payments: on an invoice by any method, and putting credit on what is owed."""

from flask import Blueprint, g, redirect, request, url_for

from clinic.billing import cards, charges, invoices, pay_links, payments, sheet, whereabouts
from clinic.billing.charges import Wanted
from clinic.billing.stripe_gateway import Outcome, Verdict, gateway_from
from clinic.forms.invoices import ConfirmForm, PaymentForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import RefusalError
from clinic.models.money import Method
from clinic.practice import once
from clinic.practice.permissions import Permission
from clinic.views import invoice_page
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, leave, say
from clinic.views.headers import config

bp = Blueprint("payments", __name__)


@bp.route("/invoices/<int:invoice_id>/payment", methods=["GET", "POST"])
@requires(Permission.TAKE_PAYMENTS)
def pay(invoice_id: int) -> Answer:
    """Record a payment on the invoice, or charge the card on file; a draft is issued first."""
    if request.method == "GET":
        return redirect(_page(invoice_id, panel=True))
    form, payer_id = _form_for(invoice_id)
    if not form.validate():
        return invoice_page.show(invoice_id, payment=form)
    try:
        is_card = form.method.data is Method.ONLINE_CARD
        said = _charged(invoice_id, form) if is_card else _recorded(invoice_id, payer_id, form)
    except RefusalError as error:
        form.refuse(error)
        return invoice_page.show(invoice_id, payment=form)
    say(said)
    return leave(_page(invoice_id))


@bp.route("/invoices/<int:invoice_id>/apply-credit", methods=["GET", "POST"])
@requires(Permission.TAKE_PAYMENTS)
def apply_credit(invoice_id: int) -> Answer:
    """Put the payer's credit on the invoice; a draft is issued first."""
    there = _page(invoice_id, panel=True)
    if request.method == "GET":
        return redirect(there)
    form = ConfirmForm(request.form)
    try:
        with writing() as session:
            once.claim(session, actor(), form.once.data, now()).location = there
            payer_id = invoices.invoice_for(session, actor(), invoice_id).payer_id
            put = payments.apply_credit(session, actor(), payer_id=payer_id, now=now(), invoice_id=invoice_id)
    except RefusalError as error:
        form.refuse(error)
        return invoice_page.show(invoice_id, confirm=form)
    say(f"{g.house.money(put)} of credit is on this invoice." if put else "There was no credit to put on it.")
    return leave(there)


@bp.route("/invoices/<int:invoice_id>/pay-link", methods=["GET", "POST"])
@requires(Permission.TAKE_PAYMENTS)
def send_link(invoice_id: int) -> Answer:
    """E-mail the payer an address at which they pay this invoice by card."""
    there = _page(invoice_id, panel=True)
    if request.method == "GET":
        return redirect(there)
    form = ConfirmForm(request.form)
    try:
        if not config().takes_cards:
            raise RefusalError(cards.NO_KEY)
        with writing() as session:
            once.claim(session, actor(), form.once.data, now()).location = there
            payer_id = invoices.invoice_for(session, actor(), invoice_id).payer_id
            sent = pay_links.send(session, actor(), payer_id, invoice_id, now())
    except RefusalError as error:
        form.refuse(error)
        return invoice_page.show(invoice_id, confirm=form)
    say(f"A pay link goes to {sent.to_address} within a minute.")
    return leave(there)


def _recorded(invoice_id: int, payer_id: int, form: PaymentForm) -> str:
    with writing() as session:
        once.claim(session, actor(), form.once.data, now()).location = _page(invoice_id)
        paid = form.payment() | {"invoice_ids": ()}  # this page is about one invoice
        payment = payments.record(session, actor(), payer_id=payer_id, invoice_id=invoice_id, now=now(), **paid)
        rest = whereabouts.credit_cents(session, payment.id)
    kept = f" {g.house.money(rest)} of it is the payer’s credit." if rest else ""
    return f"{g.house.money(form.amount.data)} is recorded.{kept}"


def _charged(invoice_id: int, form: PaymentForm) -> str:
    wanted = Wanted(
        invoice_id=invoice_id,
        amount_cents=form.amount.data,
        once_key=form.once.data,
        then=_page(invoice_id),
        confirms_more=form.confirms_more.data,
    )
    # No door is open: the card processor may take seconds.
    outcome = charges.charge_from_panel(writing, gateway_from(config()), actor(), wanted, now())
    if outcome.verdict is Verdict.SUCCEEDED:
        return f"{g.house.money(form.amount.data)} is charged."
    if outcome.verdict is Verdict.UNKNOWN:
        return "The card processor has not answered. It is asked again every few minutes; do not charge again."
    raise _declined(form, outcome)


def _declined(form: PaymentForm, outcome: Outcome) -> RefusalError:
    form.once.data = once.new_key()  # this try is written down; the next one is another
    instead = " E-mail a pay link instead." if outcome.verdict is Verdict.NEEDS_CLIENT else ""
    return RefusalError(f"The card was not charged. {outcome.message}{instead}".strip(), field="method")


def _form_for(invoice_id: int) -> tuple[PaymentForm, int]:
    with reading() as session:
        invoice = invoices.invoice_for(session, actor(), invoice_id)
        shown = invoice_page.payment_panel(session, invoice, sheet.of(session, invoice, now()))
    return PaymentForm(request.form or None, methods=shown.methods, data=shown.prefilled), invoice.payer_id


def _page(invoice_id: int, *, panel: bool = False) -> str:
    return url_for("invoices.show", invoice_id=invoice_id, _anchor="pay" if panel else None)
