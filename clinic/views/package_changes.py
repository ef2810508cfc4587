"""Changing a package that was sold: adjusted by hand, good for longer, with someone else, or its unused part given back."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, request, url_for
from sqlalchemy.orm import Session

from clinic.billing import offers, sold
from clinic.billing.sold import Standing
from clinic.calendar import package_refunds
from clinic.forms.base import OnceForm, options
from clinic.forms.package_changes import AdjustForm, ExtendForm, LastDayForm, RefundForm, RepointForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import RefusalError
from clinic.practice import once
from clinic.practice.permissions import Permission
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, answer, is_piece, page, say

bp = Blueprint("package_changes", __name__)
STANDS = {"open": "unassigned"}  # the word that the invoice has for it
Act = Callable[[Session], None]


@bp.route("/invoices/<int:invoice_id>/package/adjust", methods=["GET", "POST"])
@requires(Permission.SELL_PACKAGES)
def adjust(invoice_id: int) -> Answer:
    """Put a session without an appointment where it belongs, with a reason."""
    with reading() as session:
        sale = sold.sale_for(session, actor(), invoice_id)
        loose = sold.loose_lines(session, invoice_id)
    form = AdjustForm(request.form or None)
    form.which.choices = options(
        (each.line_id, f"Line {each.number}, {each.words}: {STANDS.get(each.standing, each.standing)}") for each in loose
    )

    def act(session: Session) -> None:
        standing = Standing(form.standing.data)
        sold.adjust(session, actor(), invoice_id, form.which.data, standing, form.reason.data or "", now())

    return _changed(invoice_id, form, act, "Adjust a session", sale=sale, loose=loose)


@bp.route("/invoices/<int:invoice_id>/package/extend", methods=["GET", "POST"])
@requires(Permission.SELL_PACKAGES)
def extend(invoice_id: int) -> Answer:
    """Make a package good for longer; a draft's last day is simply set."""
    with reading() as session:
        sale = sold.sale_for(session, actor(), invoice_id)
    is_draft = sale.invoice.issued_at is None
    form = (LastDayForm if is_draft else ExtendForm)(request.form or None, data={"expires": sale.expires_date})

    def act(session: Session) -> None:
        until = None if form.never.data else form.expires.data
        if until is None and not form.never.data:
            raise RefusalError("Enter the new last day, or tick No last day.", field="expires")
        reason = form.reason.data if isinstance(form, ExtendForm) else ""
        sold.extend(session, actor(), invoice_id, until, reason or "", now())

    return _changed(invoice_id, form, act, "Set the last day" if is_draft else "Extend", sale=sale)


@bp.route("/invoices/<int:invoice_id>/package/repoint", methods=["GET", "POST"])
@requires(Permission.REPOINT_PACKAGES)
def repoint(invoice_id: int) -> Answer:
    """Let what is unassigned be given by another practitioner or elsewhere."""
    with reading() as session:
        sale = sold.sale_for(session, actor(), invoice_id)
        people, places = offers.practitioners(session, actor()), offers.locations(session)
    stands = {"practitioner": sale.practitioner_id, "location": sale.location_id}
    form = RepointForm(request.form or None, data=stands)
    form.practitioner.choices, form.location.choices = options(people), options(places)

    def act(session: Session) -> None:
        sold.repoint(session, actor(), invoice_id, form.reason.data or "", now(), practitioner_id=form.practitioner.data,
                     location_id=form.location.data)  # fmt: skip

    return _changed(invoice_id, form, act, "Another practitioner or location", sale=sale)


@bp.route("/invoices/<int:invoice_id>/package/refund", methods=["GET", "POST"])
@requires(Permission.REFUND)
def refund(invoice_id: int) -> Answer:
    """List what is unused with what each session came to; or credit what was ticked, once the practice confirms."""
    with reading() as session:
        sale = sold.sale_for(session, actor(), invoice_id)
        unused = package_refunds.unused(session, actor(), invoice_id, now())
    usual = [each.line_id for each in unused if each.is_usual]
    form = RefundForm(request.form or None, data={"lines": usual})
    form.lines.choices = options((each.line_id, each.words) for each in unused)

    def act(session: Session) -> None:
        chosen = form.lines.data or []
        note = package_refunds.refund(session, actor(), invoice_id, chosen, form.reason.data or "", now())
        say(f"Credit note {note.number} is issued. What was paid for it, if anything, is the payer’s credit now.")

    return _changed(invoice_id, form, act, "Refund unused sessions", sale=sale, unused=unused)


def _changed(invoice_id: int, form: OnceForm, act: Act, title: str, **context: Any) -> Answer:
    """Show the form, or do what it asks and go back to the invoice."""
    then = url_for("invoices.show", invoice_id=invoice_id)
    if request.method == "POST" and form.validate():
        try:
            with writing() as session:
                key = once.claim(session, actor(), form.once.data, now())
                act(session)
                # Posted twice: the package part, which finds its own place, or the page around it.
                key.location = url_for("package_lines.sale", invoice_id=invoice_id) if is_piece() else then
        except RefusalError as refusal:
            form.refuse(refusal)
    # The pop-up over the invoice, or a page of its own; either way the whole invoice is shown anew, as most of it changes.
    is_leaf = is_piece()
    context |= {"title": title, "back": then, "here": request.path, "is_leaf": is_leaf}
    if is_leaf and (request.method == "GET" or form.complaints):
        refused = form if form.complaints else None
        return answer("packages/_change.html", form=refused, filled=form, **context)
    return page("packages/change.html", form=form, then=then, filled=form, **context)
