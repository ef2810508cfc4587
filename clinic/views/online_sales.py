"""Packages, Bought online: who bought what on the online booking page, and what was paid but could not be sold."""

from flask import Blueprint, redirect, request, url_for

from clinic.billing import online_sales, purchases
from clinic.forms.base import OnceForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import RefusalError
from clinic.practice import once
from clinic.practice.permissions import Permission
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, leave, page, say

bp = Blueprint("online_sales", __name__, url_prefix="/packages/online")


@bp.get("")
@requires(Permission.SEE_PACKAGES)
def index() -> Answer:
    """List what was bought online."""
    return _shown(OnceForm())


@bp.route("/<int:purchase_id>/sell", methods=["GET", "POST"])
@requires(Permission.SELL_PACKAGES)
def sell_again(purchase_id: int) -> Answer:
    """Sell what was paid for after all."""
    if request.method == "GET":
        return redirect(url_for(".index"), 303)
    form = OnceForm(request.form)
    try:
        with writing() as session:
            key = once.claim(session, actor(), form.once.data, now())
            invoice = purchases.sell_again(session, actor(), purchase_id, now())
            key.location = url_for("invoices.show", invoice_id=invoice.id)
    except RefusalError as refusal:
        form.refuse(refusal)
        return _shown(form)
    return leave(key.location)


@bp.route("/<int:purchase_id>/settle", methods=["GET", "POST"])
@requires(Permission.SELL_PACKAGES)
def settle(purchase_id: int) -> Answer:
    """Say that it was seen to by hand."""
    if request.method == "POST":
        with writing() as session:
            purchases.settle(session, actor(), purchase_id, now())
        say("Marked as seen to.")
    return redirect(url_for(".index"), 303)


def _shown(form: OnceForm) -> Answer:
    with reading() as session:
        rows = online_sales.listed(session, actor())
    return page("packages/online.html", form=form, rows=rows, may_sell=actor().may(Permission.SELL_PACKAGES))
