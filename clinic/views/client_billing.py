"""A client's Billing: the overview by payer, invoicing what is uninvoiced, and money without an invoice."""

from flask import Blueprint, g, redirect, request, url_for

from clinic.billing import arrangements, cards, discounts, holdings, invoices, overview, panel, payments
from clinic.forms.invoices import ConfirmForm, DiscountForm, PaymentForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import RefusalError
from clinic.people import clients
from clinic.practice import once
from clinic.practice.permissions import Permission
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, leave, page, say
from clinic.views.clients import profile_context
from clinic.views.headers import config

bp = Blueprint("client_billing", __name__)


@bp.get("/clients/<int:client_id>/billing")
@requires(Permission.SEE_INVOICES)
def billing(client_id: int) -> Answer:
    """Show the billing overview."""
    return _shown(client_id, ConfirmForm())


@bp.route("/clients/<int:client_id>/billing/<int:payer_id>/invoice", methods=["GET", "POST"])
@requires(Permission.EDIT_INVOICES)
def invoice(client_id: int, payer_id: int) -> Answer:
    """Issue one invoice to the payer for all that is uninvoiced of the client."""
    if request.method == "GET":
        return redirect(_page(client_id))
    form = ConfirmForm(request.form)
    try:
        with writing() as session:
            key = once.claim(session, actor(), form.once.data, now())
            cards.payer_for(session, actor(), client_id, payer_id)
            issued = invoices.bill_uninvoiced(session, actor(), client_id=client_id, payer_id=payer_id, now=now())
            key.location = url_for("invoices.show", invoice_id=issued.id, _anchor="pay")
    except RefusalError as error:
        form.refuse(error)
        return _shown(client_id, form)
    say(f"Invoice {issued.number} is issued.")
    return leave(key.location)


@bp.route("/clients/<int:client_id>/billing/<int:payer_id>/apply-credit", methods=["GET", "POST"])
@requires(Permission.TAKE_PAYMENTS)
def apply_credit(client_id: int, payer_id: int) -> Answer:
    """Put the payer's credit on their invoices, oldest first."""
    if request.method == "GET":
        return redirect(_page(client_id))
    form = ConfirmForm(request.form)
    try:
        with writing() as session:
            once.claim(session, actor(), form.once.data, now()).location = _page(client_id)
            cards.payer_for(session, actor(), client_id, payer_id)
            put = payments.apply_credit(session, actor(), payer_id=payer_id, now=now())
    except RefusalError as error:
        form.refuse(error)
        return _shown(client_id, form)
    say(f"{g.house.money(put)} of credit is on invoices." if put else "There is no invoice to put it on.")
    return leave(_page(client_id))


@bp.route("/clients/<int:client_id>/billing/<int:payer_id>/payment", methods=["GET", "POST"])
@requires(Permission.TAKE_PAYMENTS)
def add_payment(client_id: int, payer_id: int) -> Answer:
    """Record money from a payer: it goes on their invoices oldest first, the rest becomes credit."""
    with reading() as session:
        head = clients.profile(session, actor(), client_id).head
        shown = panel.for_payer(session, actor(), cards.payer_for(session, actor(), client_id, payer_id).id, now())
    form = PaymentForm(request.form or None, methods=shown.methods, data=shown.prefilled)
    if request.method == "POST" and form.validate():
        try:
            with writing() as session:
                once.claim(session, actor(), form.once.data, now()).location = _page(client_id)
                payments.record(session, actor(), payer_id=payer_id, now=now(), **form.payment())
            say(f"{g.house.money(form.amount.data)} is recorded.")
        except RefusalError as error:
            form.refuse(error)
    return page(
        "billing/payment.html", form=form, confirm=ConfirmForm(), then=_page(client_id), panel=shown,
        **profile_context(head, "Billing"),
    )  # fmt: skip


@bp.route("/clients/<int:client_id>/billing/discount", methods=["GET", "POST"])
@requires(Permission.EDIT_INVOICES)
def discount(client_id: int) -> Answer:
    """Show or set what comes off the fee of every session of the client."""
    with reading() as session:
        head = clients.profile(session, actor(), client_id).head
        stands = clients.client_for(session, actor(), client_id).discount_bp
    form = DiscountForm(request.form if request.method == "POST" else None, data={"discount": stands})
    if request.method == "POST" and form.validate():
        try:
            with writing() as session:
                discounts.choose(session, actor(), client_id, form.discount.data, now())
            say("The discount is saved.")
        except RefusalError as error:
            form.refuse(error)
    return page("billing/discount.html", form=form, then=_page(client_id), **profile_context(head, "Billing"))


def _shown(client_id: int, form: ConfirmForm) -> Answer:
    with reading() as session:
        profile = clients.profile(session, actor(), client_id)
        found = overview.of_client(session, actor(), profile, now())
        arranged = arrangements.of(session, {payer.payer_id: payer.name for payer in found.payers}, now())
        held = holdings.of_client(session, actor(), client_id, now())
    who = actor()
    return page(
        "billing/client.html",
        form=form,
        overview=found,
        can_edit=who.may(Permission.EDIT_INVOICES),
        can_take=who.may(Permission.TAKE_PAYMENTS),
        can_enrol=who.may(Permission.ENROL_AUTOPAY),
        can_see_diagnoses=who.may(Permission.SEE_DIAGNOSES),
        can_see_night=who.may(Permission.SEE_NIGHT),
        takes_cards=config().takes_cards,
        arrangements=arranged,
        holdings=held,
        margin=("billing/_holdings.html", "billing/_autopay.html", "billing/_cards.html"),
        **profile_context(profile.head, "Billing"),
    )


def _page(client_id: int) -> str:
    return url_for(".billing", client_id=client_id)
