"""Billing documents: those of a client or of the whole practice, and a series of them to print or to download."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, current_app, g, redirect, request, stream_with_context, url_for

from clinic.billing import document_files, document_kinds, document_making, document_runs, document_shelf, spans
from clinic.billing.document_kinds import Press, Summary, Wish
from clinic.billing.document_runs import Progress
from clinic.forms.base import HouseForm
from clinic.forms.billing_documents import DocumentsForm, shape_of
from clinic.kernel import clock
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import ClashError, NotFoundError, RefusalError
from clinic.models.documents import RunShape
from clinic.people import clients
from clinic.practice import once, places, practitioners
from clinic.practice.permissions import Permission
from clinic.views import pages
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, is_piece, leave, page
from clinic.views.clients import profile_context
from clinic.views.frame import Word
from clinic.views.invoice_tabs import tabs

bp = Blueprint("billing_documents", __name__)
FIRST_STEPS = timedelta(seconds=2)  # what is made before the answer: a short series whole
# The pages of what is drawn up for the days themselves, and how they call whose it is.
SUMMARIES = {document_kinds.STATEMENT: ("statements", "payer_id"), document_kinds.SUPERBILL: ("superbills", "client_id")}
DRAWN_MAX = 50  # of those, shown by name
OF_CLIENT, OF_PRACTICE = "billing_documents.of_client", "billing_documents.of_practice"


@dataclass(frozen=True)
class Drawn:
    """Be a document that is drawn up for the days shown: what it is called, and where it stands."""

    words: str
    url: str
    print_url: str
    download_url: str


@bp.route("/clients/<int:client_id>/billing-documents", methods=["GET", "POST"])
@requires(Permission.SEE_INVOICES)
def of_client(client_id: int) -> Answer:
    """List a client's documents of some days, or ask for them as one PDF or zip."""
    return _answered(client_id)


@bp.route("/invoices/documents", methods=["GET", "POST"])
@requires(Permission.EXPORT_DOCUMENTS)
def of_practice() -> Answer:
    """List everyone's documents of some days, or ask for them as one PDF or zip."""
    return _answered(None)


@bp.get("/billing-documents/<int:run_id>")
@requires(Permission.SEE_INVOICES)
def run(run_id: int) -> Answer:
    """Show how far a series is, and hand it over when it is ready."""
    return _run_page(run_id)


@bp.route("/billing-documents/<int:run_id>/cancel", methods=["GET", "POST"])
@requires(Permission.SEE_INVOICES)
def cancel(run_id: int) -> Answer:
    """Stop a series before its next document."""
    if request.method == "GET":
        return redirect(url_for(".run", run_id=run_id))
    form = HouseForm()
    try:
        with writing() as session:
            document_runs.cancel(session, actor(), run_id, now())
    except RefusalError as error:
        form.refuse(error)
    return _changed(run_id, form)


@bp.route("/billing-documents/<int:run_id>/retry", methods=["GET", "POST"])
@requires(Permission.SEE_INVOICES)
def retry(run_id: int) -> Answer:
    """Try again what could not be made."""
    if request.method == "GET":
        return redirect(url_for(".run", run_id=run_id))
    form = HouseForm()
    try:
        with writing() as session:
            document_runs.retry(session, actor(), run_id, now())
        document_making.work(_press(), run_id, clock.now, FIRST_STEPS)
    except RefusalError as error:
        form.refuse(error)
    return _changed(run_id, form)


@bp.get("/billing-documents/<int:run_id>/pdf")
@requires(Permission.SEE_INVOICES)
def pdf(run_id: int) -> Answer:
    """Answer with the series as one PDF, which the browser opens and prints."""
    found = _ready(run_id, RunShape.PDF)
    if not found.may_print:
        raise ClashError("These are more documents than one PDF holds. Download the zip.")
    return _file(found.wish, document_files.merged(document_making.parts(_press(), run_id)), RunShape.PDF)


@bp.get("/billing-documents/<int:run_id>/zip")
@requires(Permission.SEE_INVOICES)
def zip_file(run_id: int) -> Answer:
    """Answer with the series as a zip of one PDF each."""
    found = _ready(run_id, RunShape.ZIP)
    made_at = clock.local(found.finished_at or now(), g.house.timezone)
    return _file(found.wish, document_files.zipped(document_making.parts(_press(), run_id), made_at), RunShape.ZIP)


def _answered(client_id: int | None) -> Answer:
    if request.method == "GET":
        return _shown(client_id, _form(client_id, request.args))
    form, shape = _form(client_id, request.form), shape_of(request.form.get("do", ""))
    if not form.validate():
        return _shown(client_id, form)
    try:
        spans.check(form.first.data, form.last.data)
        if shape is None:
            return leave(url_for(request.endpoint or "", **(request.view_args or {}), **form.narrowed()))
        with writing() as session:
            key = once.claim(session, actor(), form.once.data, now())
            asked = document_runs.ask(session, actor(), form.wish(client_id), shape, now())
            key.location = url_for(".run", run_id=asked.id)
    except RefusalError as error:
        form.refuse(error)
        return _shown(client_id, form)
    return _begun(asked.id)


def _begun(run_id: int) -> Answer:
    document_making.work(_press(), run_id, clock.now, FIRST_STEPS)
    with reading() as session:
        found = document_runs.progress(session, actor(), run_id)
    is_whole = found.is_ready and found.made == found.total
    return leave(url_for(".pdf" if is_whole and found.shape is RunShape.PDF else ".run", run_id=run_id))


def _form(client_id: int | None, data: Mapping[str, Any]) -> DocumentsForm:
    kinds = {name: kind.words for name, kind in document_kinds.offered(actor()).items()}
    with reading() as session:
        if client_id is not None:
            return DocumentsForm(data, kinds=kinds, payers=document_shelf.payers_of(session, actor(), client_id))
        gives = [(each.id, each.name) for each in practitioners.every_practitioner(session)]
        where = [(each.id, each.name) for each in places.every_place(session)]
    return DocumentsForm(data, kinds=kinds, practitioners=gives, locations=where)


def _shown(client_id: int | None, form: DocumentsForm) -> Answer:
    presets = spans.presets(g.house.local_date(now()))
    usual = document_kinds.usual(actor())
    if request.method == "GET":
        form.choose(presets[0].first, presets[0].last, usual)
    is_read = request.method == "GET" or not (form.first.errors or form.last.errors or form.kind.errors)
    wish = form.wish(client_id) if is_read else Wish(presets[0].first, presets[0].last, usual, client_id)
    with reading() as session:
        head = clients.profile(session, actor(), client_id).head if client_id is not None else None
        shelf = document_shelf.shelf(session, actor(), wish, number=pages.number(), now=now())
        runs = document_runs.recent(session, actor(), client_id, now())
    return page(
        "billing/documents.html", form=form, shelf=shelf, pages=pages.of(shelf.listing), runs=runs, wish=wish,
        drawn=[_drawn(name, summary, wish) for name, summary in shelf.summaries[:DRAWN_MAX]],
        most=document_runs.DOCUMENTS_MAX, printed_most=document_runs.PRINTED_MAX, presets=_presets(presets, form, client_id),
        **(profile_context(head, "Billing documents") if head else {"client": None, "tabs": tabs()}),
    )  # fmt: skip


def _drawn(name: str, summary: Summary, wish: Wish) -> Drawn:
    base, whose = SUMMARIES[name]
    there: dict[str, Any] = {"client_id": summary.client_id, "first": wish.first.isoformat(), "last": wish.last.isoformat()}
    there |= {whose: summary.subject_id}
    words = f"{document_kinds.KINDS[name].one}, {summary.name}"
    return Drawn(words, *(url_for(f"{base}.{verb}", **there) for verb in ("show", "print_view", "download")))


def _presets(presets: tuple[spans.Preset, ...], form: DocumentsForm, client_id: int | None) -> list[Word]:
    kept = form.narrowed() if form.first.data and form.last.data else {}
    here = OF_CLIENT if client_id is not None else OF_PRACTICE
    return [
        Word(
            preset.words,
            url_for(here, client_id=client_id, **kept | {"from": preset.first.isoformat(), "to": preset.last.isoformat()}),
            (preset.first, preset.last) == (form.first.data, form.last.data),
        )
        for preset in presets
    ]


def _run_page(run_id: int, form: HouseForm | None = None) -> Answer:
    with reading() as session:
        found = document_runs.progress(session, actor(), run_id)
        client_id = found.wish.client_id
        head = clients.profile(session, actor(), client_id).head if client_id is not None and not is_piece() else None
    template = "billing/_documents_run.html" if is_piece() else "billing/documents_run.html"
    return page(
        template, form=form, run=found, again=_again(found),
        **(profile_context(head, "Billing documents") if head else {"client": None, "tabs": tabs(OF_PRACTICE)}),
    )  # fmt: skip


def _changed(run_id: int, form: HouseForm) -> Answer:
    if form.complaints:
        return _run_page(run_id, form)
    return _run_page(run_id) if is_piece() else leave(url_for(".run", run_id=run_id))


def _again(found: Progress) -> str:
    wish = found.wish
    words: dict[str, Any] = {"from": wish.first.isoformat(), "to": wish.last.isoformat(), "kind": list(wish.kinds)}
    words |= {"payer": wish.payer_id, "practitioner": wish.practitioner_id, "location": wish.location_id}
    words |= {"others": "y" if wish.with_others else None}
    return url_for(OF_CLIENT if wish.client_id is not None else OF_PRACTICE, client_id=wish.client_id, **words)


def _ready(run_id: int, shape: RunShape) -> Progress:
    with reading() as session:
        found = document_runs.progress(session, actor(), run_id)
    if found.is_removed:
        raise NotFoundError("document run")
    if not found.is_ready:
        raise ClashError("These documents are not ready. Their page says how far they are.")
    with writing() as session:
        document_runs.looked_at(session, actor(), run_id, shape, now())
    return found


def _file(wish: Wish, pieces: Iterator[bytes], shape: RunShape) -> Answer:
    name = f"Billing-documents-{wish.first.isoformat()}-to-{wish.last.isoformat()}.{shape}"
    place = "inline" if shape is RunShape.PDF else "attachment"
    headers = {"Content-Disposition": f'{place}; filename="{name}"'}
    return Response(stream_with_context(pieces), mimetype=f"application/{shape}", headers=headers)


def _press() -> Press:
    return Press(reading, writing, current_app.extensions["paper"])
