"""Client groups: the list, adding and changing."""

from flask import Blueprint, render_template, request, url_for

from clinic.calendar import membership
from clinic.forms.people import ComingForm, GroupForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import ClashError, RefusalError
from clinic.people import clients, groups
from clinic.people.groups import Member
from clinic.practice.permissions import Permission
from clinic.views import pages
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, leave, page, say
from clinic.views.clients import list_tabs

bp = Blueprint("groups", __name__)
MATCHES_MAX = 8
CHOSEN_MAX = 100


@bp.get("/groups")
@requires(Permission.SEE_CLIENTS)
def index() -> Answer:
    """Show a page of the client groups."""
    text, archived = pages.words(), "archived" in request.args
    with reading() as session:
        found = groups.page(session, actor(), text, number=pages.number(), is_archived=archived)
    return page(
        "groups/index.html", found=found, pages=pages.of(found), text=text, archived=archived, tabs=list_tabs(),
        can_edit=actor().may(Permission.EDIT_CLIENTS),
    )  # fmt: skip


@bp.get("/groups/matches")
@requires(Permission.EDIT_CLIENTS)
def matches() -> Answer:
    """Show the clients that fit what was typed so far, to be ticked as members."""
    return render_template("groups/_matches.html", matches=_matches(request.args.get("find", "")))


@bp.route("/groups/new", methods=["GET", "POST"])
@requires(Permission.EDIT_CLIENTS)
def new() -> Answer:
    """Show the form, or make a group."""
    form = GroupForm(request.form)
    if request.method == "POST" and form.validate() and not _is_looking(form):
        try:
            with writing() as session:
                groups.add(session, actor(), form.details(), now())
            return leave(url_for(".index"))
        except RefusalError as error:
            form.refuse(error)
    return _shown(form, None)


@bp.route("/groups/<int:group_id>", methods=["GET", "POST"])
@requires(Permission.EDIT_CLIENTS)
def edit(group_id: int) -> Answer:
    """Show the form with what is known, or change the group."""
    with reading() as session:
        group = groups.group_for(session, actor(), group_id)
    members = [member.client_id for member in group.members]
    known = {"name": group.name, "kind": group.kind.value, "members": members, "billing": group.billing_client_id}
    form = GroupForm(request.form if request.method == "POST" else None, data={**known, "version": str(group.version)})
    if request.method == "POST" and form.validate() and not _is_looking(form):
        try:
            with writing() as session:
                groups.edit(session, actor(), group_id, form.details(), now(), version=form.known_version)
                asks = actor().may(Permission.BOOK) and membership.coming(session, actor(), group_id, now()).rows
            return leave(url_for(".coming", group_id=group_id) if asks else url_for(".index"))
        except RefusalError as error:
            form.refuse(error)
            if isinstance(error, ClashError):
                form.version.data = str(group.version)
    return _shown(form, group_id, is_archived=group.is_archived)


@bp.route("/groups/<int:group_id>/coming", methods=["GET", "POST"])
@requires(Permission.BOOK)
def coming(group_id: int) -> Answer:
    """Ask which coming items take the change of the group's members, or carry it into those."""
    form = ComingForm(request.form if request.method == "POST" else None)
    if request.method == "POST" and form.validate():
        try:
            with writing() as session:
                notifies = not form.do_not_notify.data
                taken = membership.take(session, actor(), group_id, form.versions, now(), notifies=notifies)
            say(f"The new members are booked on {taken} coming {'item' if taken == 1 else 'items'}." if taken else "All stay.")
        except RefusalError as error:
            form.refuse(error)
    with reading() as session:
        shown = membership.coming(session, actor(), group_id, now())
    return page("groups/coming.html", form=form, then=url_for(".index"), filled=form, coming=shown)


@bp.route("/groups/<int:group_id>/archive", methods=["GET", "POST"])
@requires(Permission.EDIT_CLIENTS)
def archive(group_id: int) -> Answer:
    """Take a group out of the lists, or put it back."""
    with reading() as session:
        group = groups.group_for(session, actor(), group_id)
    if request.method == "POST":
        is_archived = request.form.get("deed") != "back"
        with writing() as session:
            groups.set_archived(session, actor(), group_id, now(), is_archived=is_archived)
        say(f"{group.name}: archived." if is_archived else f"{group.name}: back in the lists.")
        return leave(url_for(".index"))
    return leave(url_for(".edit", group_id=group_id))


def _is_looking(form: GroupForm) -> bool:
    """Say whether Find was pressed, or Enter with something to find: nothing is saved then."""
    return "look" in request.form or (bool(form.find.data) and "save" not in request.form)


def _shown(form: GroupForm, group_id: int | None, *, is_archived: bool = False) -> Answer:
    """Show the form with its members and what the search found; looking for members is no refusal."""
    chosen = [client_id for client_id in form.members.data or [] if client_id is not None][:CHOSEN_MAX]
    with reading() as session:
        if group_id is None:
            kept: list[Member] = []
        else:
            groups.group_for(session, actor(), group_id)
            kept = groups.members_of(session, group_id)
        more = groups.named(session, actor(), [number for number in chosen if number not in {m.client_id for m in kept}])
    offered = [*kept, *more]
    found = [match for match in _matches(form.find.data or "") if match.client_id not in {m.client_id for m in offered}]
    status = 200 if request.method == "GET" or not form.complaints else 409 if form.clashed else 422
    body = render_template(
        "groups/form.html", form=form, group_id=group_id, offered=offered, chosen=chosen, matches=found, is_archived=is_archived
    )
    return body, status


def _matches(text: str) -> list[Member]:
    with reading() as session:
        rows = clients.search(session, actor(), text, limit=MATCHES_MAX)
    return [Member(row.id, row.name, is_billed=False) for row in rows]
