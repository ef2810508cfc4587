"""Contacts: the list, adding and changing, and what each is to a client."""

from flask import Blueprint, request, url_for

from clinic.forms.base import options
from clinic.forms.people import ContactForm, LinkForm, NewLinkForm, PayerForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import ClashError, NotFoundError, RefusalError
from clinic.models.people import ContactRole
from clinic.people import clients, contacts
from clinic.practice.permissions import Permission
from clinic.views import pages
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, leave, page, say
from clinic.views.clients import list_tabs

bp = Blueprint("contacts", __name__)


@bp.get("/contacts")
@requires(Permission.SEE_CLIENTS)
def index() -> Answer:
    """Show a page of the contacts who are not clients themselves."""
    text = pages.words()
    with reading() as session:
        found = contacts.page(session, actor(), text, number=pages.number())
    return page(
        "contacts/index.html", found=found, pages=pages.of(found), text=text, tabs=list_tabs(),
        can_edit=actor().may(Permission.EDIT_CLIENTS),
    )  # fmt: skip


@bp.route("/contacts/new", methods=["GET", "POST"])
@requires(Permission.EDIT_CLIENTS)
def new() -> Answer:
    """Show the form, or add a contact."""
    form = ContactForm(request.form)
    if request.method == "POST" and form.validate():
        try:
            with writing() as session:
                contacts.add(session, actor(), form.details(), now())
            say(f"{form.name.data}: added to the contacts.")
        except RefusalError as error:
            form.refuse(error)
    return page("contacts/form.html", form=form, then=url_for(".index"), contact=None)


@bp.get("/contacts/<int:contact_id>")
@requires(Permission.SEE_CLIENTS)
def show(contact_id: int) -> Answer:
    """Show a contact and whom they pay for; a client's own contact stands in the client's profile."""
    with reading() as session:
        contact = contacts.contact_for(session, actor(), contact_id)
        client_id = contacts.client_of(session, contact_id)
        paid = contacts.pays_for(session, actor(), contact_id, number=pages.number())
    if client_id is not None:
        return leave(url_for("clients.overview", client_id=client_id))
    can_edit, can_invoice = actor().may(Permission.EDIT_CLIENTS), actor().may(Permission.EDIT_INVOICES)
    return page(
        "contacts/show.html", contact=contact, paid=paid, pages=pages.of(paid), can_edit=can_edit, can_invoice=can_invoice
    )


@bp.route("/contacts/<int:contact_id>/edit", methods=["GET", "POST"])
@requires(Permission.EDIT_CLIENTS)
def edit(contact_id: int) -> Answer:
    """Show the form with what is known, or change the contact."""
    with reading() as session:
        contact = contacts.contact_for(session, actor(), contact_id)
        client_id = contacts.client_of(session, contact_id)
    if client_id is not None:
        return leave(url_for("clients.edit", client_id=client_id))
    form = ContactForm(request.form if request.method == "POST" else None, obj=contact)
    if request.method == "POST" and form.validate():
        try:
            with writing() as session:
                contacts.edit(session, actor(), contact_id, form.details(), now(), version=form.known_version)
        except RefusalError as error:
            form.refuse(error)
            if isinstance(error, ClashError):
                form.version.data = str(contact.version)
    return page("contacts/form.html", form=form, then=url_for(".show", contact_id=contact_id), contact=contact)


@bp.route("/clients/<int:client_id>/contacts/new", methods=["GET", "POST"])
@requires(Permission.EDIT_CLIENTS)
def link_new(client_id: int) -> Answer:
    """Find a contact to link to a client, or add one that is new and link it at once."""
    text = pages.words()
    with reading() as session:
        head = clients.profile(session, actor(), client_id).head
        found = contacts.search(session, actor(), text, besides_client_id=client_id)
    form = NewLinkForm(request.form)
    if request.method == "POST" and form.validate():
        try:
            with writing() as session:
                contact = contacts.add(session, actor(), form.details(), now())
                role, reference = ContactRole(form.role.data), form.reference.data or ""
                contacts.link(session, actor(), client_id, contact.id, role, reference, now())
                if form.is_default.data:
                    contacts.set_default_payer(session, actor(), client_id, contact.id, now())
        except RefusalError as error:
            form.refuse(error)
    then = url_for("clients.overview", client_id=client_id)
    return page("contacts/link_new.html", form=form, then=then, client=head, found=found, text=text)


@bp.route("/clients/<int:client_id>/contacts/<int:contact_id>", methods=["GET", "POST"])
@requires(Permission.EDIT_CLIENTS)
def link(client_id: int, contact_id: int) -> Answer:
    """Show or say what a contact is to a client."""
    with reading() as session:
        head = clients.profile(session, actor(), client_id).head
        contact = contacts.contact_for(session, actor(), contact_id)
        linked = contacts.found_link(session, actor(), client_id, contact_id)
    form = LinkForm(request.form if request.method == "POST" else None, obj=linked)
    if request.method == "POST" and form.validate():
        try:
            with writing() as session:
                role, reference = ContactRole(form.role.data), form.reference.data or ""
                contacts.link(session, actor(), client_id, contact_id, role, reference, now())
                if form.is_default.data:
                    contacts.set_default_payer(session, actor(), client_id, contact_id, now())
        except RefusalError as error:
            form.refuse(error)
    then = url_for("clients.overview", client_id=client_id)
    return page("contacts/link.html", form=form, then=then, client=head, contact=contact, linked=linked)


@bp.route("/clients/<int:client_id>/contacts/<int:contact_id>/unlink", methods=["GET", "POST"])
@requires(Permission.EDIT_CLIENTS)
def unlink(client_id: int, contact_id: int) -> Answer:
    """Ask before a contact is taken off a client, then do it."""
    with reading() as session:
        head = clients.profile(session, actor(), client_id).head
        linked = contacts.found_link(session, actor(), client_id, contact_id)
    if linked is None:
        raise NotFoundError("link")
    form = LinkForm(request.form)
    if request.method == "POST":
        try:
            with writing() as session:
                contacts.unlink(session, actor(), client_id, contact_id, now())
        except RefusalError as error:
            form.refuse(error)
    then = url_for("clients.overview", client_id=client_id)
    return page("contacts/unlink.html", form=form, then=then, client=head, linked=linked)


@bp.route("/clients/<int:client_id>/payer", methods=["GET", "POST"])
@requires(Permission.EDIT_CLIENTS)
def default_payer(client_id: int) -> Answer:
    """Show or choose whom a client's sessions are billed to."""
    with reading() as session:
        head = clients.profile(session, actor(), client_id).head
        payers = contacts.payers_of(session, client_id)
    chosen = next(payer.contact_id for payer in payers if payer.is_default)
    form = PayerForm(request.form if request.method == "POST" else None, payer_id=chosen)
    form.payer_id.choices = options((payer.contact_id, f"{payer.name}, {payer.role.lower()}") for payer in payers)
    if request.method == "POST" and form.validate():
        try:
            with writing() as session:
                contacts.set_default_payer(session, actor(), client_id, form.payer_id.data, now())
        except RefusalError as error:
            form.refuse(error)
    return page("contacts/payer.html", form=form, then=url_for("clients.overview", client_id=client_id), client=head)
