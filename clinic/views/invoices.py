"""Invoices: the list, new ones, the page of one, issuing, printing and downloading."""

from typing import Any

from flask import Blueprint, Response, current_app, redirect, request, url_for
from sqlalchemy.orm import Session

from clinic.billing import bulk, documents, invoices, register, sheet
from clinic.billing.register import Shown
from clinic.forms.bulk import NarrowForm
from clinic.forms.calendar import id_or_none
from clinic.forms.invoices import ConfirmForm, NewInvoiceForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import RefusalError
from clinic.models.people import Client
from clinic.people import clients, contacts
from clinic.practice import logo as practice_logo
from clinic.practice import once, settings
from clinic.practice.permissions import Permission
from clinic.views import invoice_page, invoice_tabs, leaves, pages
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, leave, page, say
from clinic.views.frame import Word

bp = Blueprint("invoices", __name__)
MATCHES_MAX = 12
LOGO_SECONDS = 86_400
KEPT = ("q", "client", "from", "until")  # what stays when another filter is chosen


@bp.get("/invoices/")
@requires(Permission.SEE_INVOICES)
def index() -> Answer:
    """List invoices by state, name and day, in pages; or the work on none, or the money on none."""
    asked, text, narrow = request.args.get("show", ""), pages.words(), NarrowForm(request.args)
    narrow.validate()
    shown = Shown(asked) if asked in {each.value for each in Shown} else Shown.ALL
    context: dict[str, Any] = {
        "shown": shown, "text": text, "narrow": narrow, "tabs": invoice_tabs.tabs(), "filters": _filters(shown),
        "can_edit": actor().may(Permission.EDIT_INVOICES),
    }  # fmt: skip
    if shown is Shown.UNINVOICED:
        return _uninvoiced(narrow.wish(text), context)
    if shown is Shown.UNALLOCATED:
        return _unallocated(text, context)
    client_id = id_or_none(request.args.get("client"))
    with reading() as session:
        wish = register.Wish(shown, text, client_id, narrow.since.data, narrow.until.data)
        listing = register.page(session, actor(), wish, number=pages.number(), today=settings.house(session).local_date(now()))
    return page("billing/index.html", rows=listing.rows, pages=pages.of(listing), client_id=client_id, **context)


def _uninvoiced(wish: bulk.Wish, context: dict[str, Any]) -> Answer:
    with reading() as session:
        found = bulk.groups(session, actor(), wish, now())
    after = found.next_date
    kept: dict[str, Any] = {name: request.args[name][: pages.QUERY_CHARS_MAX] for name in KEPT if request.args.get(name)}
    next_url = url_for(".index", **kept | {"from": after.isoformat()}, show="uninvoiced") if after is not None else None
    return page(
        "billing/uninvoiced.html",
        groups=found.groups,
        next_date=after,
        next_url=next_url,
        read_max=bulk.WORK_MAX,
        confirm=ConfirmForm(),
        **context,
    )


def _unallocated(text: str, context: dict[str, Any]) -> Answer:
    with reading() as session:
        listing = register.with_credit(session, actor(), text, number=pages.number())
    return page("billing/unallocated.html", rows=listing.rows, pages=pages.of(listing), **context)


def _filters(shown: Shown) -> list[Word]:
    kept: dict[str, Any] = {name: request.args[name][: pages.QUERY_CHARS_MAX] for name in KEPT if request.args.get(name)}
    return [Word(each.value.capitalize(), url_for(".index", **kept, show=each.value), each is shown) for each in Shown]


@bp.get("/invoices/new")
@requires(Permission.EDIT_INVOICES)
def new() -> Answer:
    """Ask for the client, by search, and then for the payer."""
    client_id, text = id_or_none(request.args.get("client")), pages.words()
    with reading() as session:
        if client_id is None:
            found = clients.search(session, actor(), text, limit=MATCHES_MAX)
            return page("billing/new.html", found=found, text=text, package_url=_package_url())
        client, form = _chosen(session, client_id)
    return page("billing/new.html", client=client, form=form, package_url=_package_url(client_id))


@bp.post("/invoices/new")
@requires(Permission.EDIT_INVOICES)
def start() -> Answer:
    """Start a draft for the client and payer."""
    client_id = id_or_none(request.args.get("client")) or 0
    with reading() as session:
        client, form = _chosen(session, client_id)
    if form.validate():
        with writing() as session:
            key = once.claim(session, actor(), form.once.data, now())
            draft = invoices.draft(session, actor(), payer_id=form.payer.data, client_id=client_id, now=now())
            key.location = url_for(".show", invoice_id=draft.id)
        return leave(key.location)
    return page("billing/new.html", client=client, form=form, package_url=_package_url(client_id))


@bp.get("/invoices/<int:invoice_id>")
@requires(Permission.SEE_INVOICES)
def show(invoice_id: int) -> Answer:
    """Show a draft with its editor, or an issued invoice with its payment panel."""
    return invoice_page.show(invoice_id)


@bp.route("/invoices/<int:invoice_id>/issue", methods=["GET", "POST"])
@requires(Permission.EDIT_INVOICES)
def issue(invoice_id: int) -> Answer:
    """Issue a draft."""
    here = url_for(".show", invoice_id=invoice_id)
    if request.method == "GET":
        return redirect(here)
    form = ConfirmForm(request.form)
    try:
        with writing() as session:
            key = once.claim(session, actor(), form.once.data, now())
            invoice = invoices.invoice_for(session, actor(), invoice_id)
            invoices.issue(session, actor(), invoice, now())
            key.location = f"{here}#pay"
    except RefusalError as error:
        form.refuse(error)
        return invoice_page.show(invoice_id, confirm=form)
    say(f"Invoice {invoice.number} is issued.")
    return leave(key.location)


@bp.route("/invoices/<int:invoice_id>/delete", methods=["GET", "POST"])
@requires(Permission.EDIT_INVOICES)
def delete(invoice_id: int) -> Answer:
    """Delete a draft."""
    if request.method == "GET":
        return redirect(url_for(".show", invoice_id=invoice_id))
    form = ConfirmForm(request.form)
    try:
        with writing() as session:
            key = once.claim(session, actor(), form.once.data, now())
            invoices.delete_draft(session, actor(), invoices.invoice_for(session, actor(), invoice_id), now())
            key.location = url_for(".index")
    except RefusalError as error:
        form.refuse(error)
        return invoice_page.show(invoice_id, confirm=form)
    say("The draft is deleted; its sessions are uninvoiced again.")
    return leave(url_for(".index"))


@bp.get("/invoices/<int:invoice_id>/print")
@requires(Permission.SEE_INVOICES)
def print_view(invoice_id: int) -> Answer:
    """Show the document alone; the browser prints it."""
    with reading() as session:
        invoice = invoices.invoice_for(session, actor(), invoice_id)
        paper = sheet.with_package(session, invoice, sheet.of(session, invoice, now()), now())
    return page("billing/print.html", sheet=paper)


@bp.get("/invoices/<int:invoice_id>/pdf")
@requires(Permission.SEE_INVOICES)
def download(invoice_id: int) -> Answer:
    """Answer with the invoice as a PDF, rendered once for this content."""
    pdf, name = documents.invoice_pdf(reading, writing, current_app.extensions["paper"], actor(), invoice_id, now())
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(pdf, mimetype="application/pdf", headers=headers)


@bp.get("/invoices/logo")
@requires(Permission.SEE_INVOICES)
def logo() -> Answer:
    """Answer with the picture at the head of documents. Its address changes with it."""
    with reading() as session:
        found = practice_logo.shown(session)
    headers = {"Cache-Control": f"private, max-age={LOGO_SECONDS}, immutable" if request.args.get("v") else "no-store"}
    return Response(found.image, mimetype=found.mimetype, headers=headers)


@bp.route("/calendar/items/<int:item_id>/invoice", methods=["GET", "POST"])
@requires(Permission.EDIT_INVOICES)
def create_from_item(item_id: int) -> Answer:
    """Issue the invoice of a session at once, and go to it: to its payment panel when `then` is "pay"."""
    if request.method == "GET":
        return redirect(url_for("booking.item", item_id=item_id))
    form = ConfirmForm(request.form)
    try:
        with writing() as session:
            key = once.claim(session, actor(), form.once.data, now())
            issued = invoices.bill_item(session, actor(), item_id, now())
            anchor = "pay" if request.form.get("then") == "pay" else None
            key.location = url_for(".show", invoice_id=issued[0].id, _anchor=anchor)
    except RefusalError as error:
        form.refuse(error)
        return leaves.with_flyout(item_id, refused=form)
    numbers = [invoice.number or "" for invoice in issued]
    say(f"Invoice {numbers[0]} is issued." if len(numbers) == 1 else f"Invoices {', '.join(numbers)} are issued.")
    return leave(key.location)


def _package_url(client_id: int | None = None) -> str | None:
    if not actor().may(Permission.SELL_PACKAGES):
        return None
    return url_for("packages.sell", client_id=client_id) if client_id else url_for("packages.choose")


def _chosen(session: Session, client_id: int) -> tuple[Client, NewInvoiceForm]:
    client = clients.client_for(session, actor(), client_id)
    payers = contacts.payers_of(session, client_id)
    choices = [(payer.contact_id, f"{payer.name}, {payer.role}" if payer.role else payer.name) for payer in payers]
    return client, NewInvoiceForm(request.form or None, payers=choices, data={"payer": client.default_payer_id})
