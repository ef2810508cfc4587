"""Clients: the list, the profile's tabs, adding and changing."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, current_app, g, render_template, request, url_for

from clinic.calendar import client_items
from clinic.calendar.client_items import Which
from clinic.forms.base import options
from clinic.forms.people import ClientForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import ClashError, RefusalError
from clinic.people import clients, contacts, diagnoses, finding, groups, portal_access
from clinic.people.clients import Head, Profile
from clinic.practice import once
from clinic.practice.permissions import Permission
from clinic.views import pages
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, leave, page, say
from clinic.views.frame import Word

bp = Blueprint("clients", __name__)
COMING_SHOWN = 5
TABS = (
    ("Overview", "clients.overview"),
    ("Appointments", "clients.appointments"),
    ("Billing", "client_billing.billing"),
    ("Packages", "client_packages.packages"),
    ("Billing documents", "billing_documents.of_client"),
    ("Messages", "outbox.of_client"),
)
LISTS = (
    ("Clients", "clients.index"),
    ("Contacts", "contacts.index"),
    ("Client groups", "groups.index"),
    ("Messages", "outbox.index"),
)


def profile_tabs(client_id: int, current: str) -> list[Word]:
    """Return the tabs of a client's profile: those that exist. `current` is one of their words, such as "Billing"."""
    return [
        Word(label, url_for(endpoint, client_id=client_id), label == current)
        for label, endpoint in TABS
        if endpoint in current_app.view_functions
    ]


@dataclass(frozen=True)
class Action:
    """Be a button beside the client's name."""

    label: str
    url: str
    is_primary: bool = False


def profile_context(head: Head, current: str, *actions: Action) -> dict[str, Any]:
    """Return what `clients/_head.html` needs on any tab of a client's profile; `actions` are the tab's own buttons."""
    return {"client": head, "tabs": profile_tabs(head.id, current), "actions": actions or _actions(head.id)}


def list_tabs() -> list[Word]:
    """Return the tabs over the lists of people."""
    return [Word(label, url_for(endpoint), request.endpoint == endpoint) for label, endpoint in LISTS]


@bp.get("/clients")
@requires(Permission.SEE_CLIENTS)
def index() -> Answer:
    """Show a page of the clients, narrowed by what the search field says."""
    text, archived = pages.words(), "archived" in request.args
    with reading() as session:
        found = clients.page(session, actor(), text, number=pages.number(), now=now(), is_archived=archived)
    return page(
        "clients/index.html", found=found, pages=pages.of(found), search=text, archived=archived, tabs=list_tabs(),
        can_edit=actor().may(Permission.EDIT_CLIENTS),
    )  # fmt: skip


@bp.get("/clients/find")
@requires(Permission.SEE_CLIENTS)
def find() -> Answer:
    """Show the few clients and groups that fit what was typed so far."""
    with reading() as session:
        matches = finding.find(session, actor(), request.args.get("person", "")[: pages.QUERY_CHARS_MAX])
    return render_template("clients/_matches.html", matches=matches)


@bp.route("/clients/new", methods=["GET", "POST"])
@requires(Permission.EDIT_CLIENTS)
def new() -> Answer:
    """Show the form, or add a client; a possible duplicate is said first."""
    form = ClientForm(request.form, practitioner_id=actor().practitioner_id)
    with reading() as session:
        form.practitioner_id.choices = options(_offered(clients.practitioners(session, actor()), kept=False))
    then = None
    if request.method == "POST" and form.validate():
        try:
            with writing() as session:
                key = once.claim(session, actor(), form.once.data, now())
                client = clients.add(session, actor(), form.details(), now(), is_new=form.is_new.data)
                then = key.location = url_for(".overview", client_id=client.id)
        except RefusalError as error:
            form.refuse(error)
    twins = _twins(form) if form.is_new.errors else []
    return page("clients/form.html", form=form, then=then, twins=twins, client=None)


@bp.get("/clients/<int:client_id>")
@requires(Permission.SEE_CLIENTS)
def overview(client_id: int) -> Answer:
    """Show who a client is: their details, contacts, groups and next appointments."""
    with reading() as session:
        profile = clients.profile(session, actor(), client_id)
        linked = contacts.linked(session, client_id)
        bands = groups.groups_of(session, actor(), client_id)
        accesses = portal_access.of_client(session, client_id)
        coming = client_items.items_of(session, actor(), client_id, which=Which.COMING, now=now())
        known = diagnoses.of_client(session, client_id) if actor().may(Permission.SEE_DIAGNOSES) else None
    _write_down(client_id)
    return page(
        "clients/overview.html", profile=profile, linked=linked, groups=bands, accesses=accesses,
        coming=coming.rows[:COMING_SHOWN], coming_count=coming.total, invoice_url=_invoice_url(),
        diagnoses=known, today=g.house.local_date(now()), can_edit=actor().may(Permission.EDIT_CLIENTS),
        **profile_context(profile.head, "Overview"),
    )  # fmt: skip


@bp.get("/clients/<int:client_id>/appointments")
@requires(Permission.SEE_CLIENTS)
def appointments(client_id: int) -> Answer:
    """Show a page of all a client's items, Activities included."""
    asked = request.args.get("which", "")
    which = Which(asked) if asked in {choice.value for choice in Which} else Which.ALL
    with reading() as session:
        head = clients.profile(session, actor(), client_id).head
        found = client_items.items_of(session, actor(), client_id, which=which, page=pages.number(), now=now())
    _write_down(client_id)
    choices = [
        Word(choice.value.capitalize(), url_for(".appointments", client_id=client_id, which=choice.value), choice is which)
        for choice in Which
    ]
    return page(
        "clients/appointments.html", found=found, pages=pages.of(found), which=which, choices=choices,
        invoice_url=_invoice_url(), **profile_context(head, "Appointments"),
    )  # fmt: skip


@bp.route("/clients/<int:client_id>/edit", methods=["GET", "POST"])
@requires(Permission.EDIT_CLIENTS)
def edit(client_id: int) -> Answer:
    """Show the form with what is known, or change the client."""
    with reading() as session:
        known = clients.profile(session, actor(), client_id)
        offered = clients.practitioners(session, actor(), besides=known.details.practitioner_id)
    form = _known_form(known)
    form.practitioner_id.choices = options(_offered(offered, kept=known.details.practitioner_id is None))
    if request.method == "POST" and form.validate():
        try:
            with writing() as session:
                clients.edit(session, actor(), client_id, form.details(), now(), version=form.known_version)
        except RefusalError as error:
            form.refuse(error)
            if isinstance(error, ClashError):
                form.version.data = str(known.version)
    return page("clients/form.html", form=form, then=url_for(".overview", client_id=client_id), twins=[], client=known.head)


@bp.route("/clients/<int:client_id>/archive", methods=["GET", "POST"])
@requires(Permission.EDIT_CLIENTS)
def archive(client_id: int) -> Answer:
    """Ask before a client leaves the lists, or comes back; then do it."""
    with reading() as session:
        head = clients.profile(session, actor(), client_id).head
        coming = client_items.coming_count(session, actor(), client_id, now())
    if request.method == "GET":
        return page("clients/archive.html", client=head, coming=coming)
    with writing() as session:
        if request.form.get("deed") == "back":
            clients.bring_back(session, actor(), client_id, now())
        else:
            clients.archive(session, actor(), client_id, now())
    say(f"{head.name}: back in the lists." if request.form.get("deed") == "back" else f"{head.name}: archived.")
    return leave(url_for(".overview", client_id=client_id))


def _actions(client_id: int) -> tuple[Action, ...]:
    actions = []
    if actor().may(Permission.EDIT_CLIENTS):
        actions.append(Action("Edit", url_for("clients.edit", client_id=client_id)))
    if actor().may(Permission.EDIT_INVOICES) and "invoices.new" in current_app.view_functions:
        actions.append(Action("New Invoice", url_for("invoices.new", client=client_id)))
    return tuple(actions)


def _invoice_url() -> Callable[[int], str] | None:
    if "invoices.show" not in current_app.view_functions or not actor().may(Permission.SEE_INVOICES):
        return None
    return lambda invoice_id: url_for("invoices.show", invoice_id=invoice_id)


def _write_down(client_id: int) -> None:
    with writing() as session:
        clients.looked_at(session, actor(), client_id, now())


def _known_form(known: Profile) -> ClientForm:
    values = {**vars(known.details), "version": str(known.version)}
    return ClientForm(request.form if request.method == "POST" else None, data=values)


def _offered(rows: list[tuple[int, str]], *, kept: bool) -> list[tuple[int | str, str]]:
    """Put "Nobody yet" first for whoever may leave a client without a practitioner, or where it is so already."""
    nobody: list[tuple[int | str, str]] = [("", "Nobody yet")] if kept or actor().own_practitioner_id is None else []
    return [*nobody, *rows]


def _twins(form: ClientForm) -> list[clients.Row]:
    with reading() as session:
        return clients.twins(session, actor(), form.details())
