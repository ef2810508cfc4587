"""Packages: the list of templates, their form, and selling one."""

from functools import partial
from typing import Any

from flask import Blueprint, render_template, request, url_for
from sqlalchemy.orm import Session

from clinic.billing import offers, packages, storefront
from clinic.calendar import linking
from clinic.forms.packages import PackageForm, SellForm, chosen
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import RefusalError
from clinic.models.billing import Package
from clinic.people import clients
from clinic.practice import once
from clinic.practice.permissions import Permission
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, leave, page, say
from clinic.views.headers import config

bp = Blueprint("packages", __name__)
FOUND_MAX = 20


@bp.get("/packages")
@requires(Permission.SEE_PACKAGES)
def index() -> Answer:
    """List the templates."""
    with reading() as session:
        rows = offers.listed(session)
    return page("packages/index.html", rows=rows, can_sell=actor().may(Permission.SELL_PACKAGES))


@bp.route("/packages/new", methods=["GET", "POST"])
@requires(Permission.SELL_PACKAGES)
def new() -> Answer:
    """Show the empty form, or make a template."""
    form = _package_form(PackageForm(request.form))
    if request.method == "POST" and form.validate():
        try:
            with writing() as session:
                made = packages.save(session, actor(), form.template(), now())
            say(f"{made.name} can be sold.")
        except RefusalError as refusal:
            form.refuse(refusal)
    return page("packages/form.html", form=form, then=url_for(".index"), package=None)


@bp.route("/packages/<int:package_id>/edit", methods=["GET", "POST"])
@requires(Permission.SELL_PACKAGES)
def edit(package_id: int) -> Answer:
    """Show a template's form, or change it."""
    with reading() as session:
        package = packages.package_for(session, package_id)
        named = packages.valid_for(session, package_id)
        shown = PackageForm.shown(package, *named)
        shop_url = _shop_url(session, package_id) if package.is_online else None
    form = PackageForm(request.form) if request.method == "POST" else PackageForm(data=shown)
    _package_form(form, package, named)
    if request.method == "POST" and form.validate():
        try:
            with writing() as session:
                packages.save(session, actor(), form.template(), now(), package_id=package_id)
            say("Saved. What is sold already stays as it was sold.")
        except RefusalError as refusal:
            form.refuse(refusal)
    return page("packages/form.html", form=form, then=url_for(".index"), package=package, shop_url=shop_url)


@bp.post("/packages/<int:package_id>/duplicate")
@requires(Permission.SELL_PACKAGES)
def duplicate(package_id: int) -> Answer:
    """Make a copy of a template and open it."""
    with writing() as session:
        made = packages.duplicate(session, actor(), package_id, now())
    say(f"{made.name} is a package of its own. Change what shall differ.")
    return leave(url_for(".edit", package_id=made.id))


@bp.post("/packages/<int:package_id>/archive")
@requires(Permission.SELL_PACKAGES)
def archive(package_id: int) -> Answer:
    """Take a template off sale."""
    with writing() as session:
        packages.set_archived(session, actor(), package_id, is_archived=True, now=now())
    return leave(url_for(".index"))


@bp.post("/packages/<int:package_id>/restore")
@requires(Permission.SELL_PACKAGES)
def restore(package_id: int) -> Answer:
    """Offer an archived template again."""
    with writing() as session:
        packages.set_archived(session, actor(), package_id, is_archived=False, now=now())
    return leave(url_for(".index"))


@bp.get("/packages/sell")
@requires(Permission.SELL_PACKAGES)
def choose() -> Answer:
    """Find the client a package is sold to."""
    typed = request.args.get("q", "")
    with reading() as session:
        found = clients.search(session, actor(), typed, limit=FOUND_MAX) if typed.strip() else []
    package_id = request.args.get("package", type=chosen)
    return page("packages/choose.html", found=found, typed=typed, package_id=package_id)


@bp.route("/packages/sell/<int:client_id>", methods=["GET", "POST"])
@requires(Permission.SELL_PACKAGES)
def sell(client_id: int) -> Answer:
    """Show what may be sold to a client, or sell it: the invoice is issued, or kept as a draft."""
    attendee_id = request.args.get("attendee", type=chosen)  # sold from this appointment's flyout
    package_id = request.values.get("package", type=chosen)
    posted = SellForm(request.form) if request.method == "POST" else None
    shared_ids, find = (posted.shared_ids, posted.wanted_name) if posted else ([], "")
    with reading() as session:
        offer = offers.offer(session, actor(), client_id, package_id=package_id, attendee_id=attendee_id,
                             shared_ids=shared_ids, find=find)  # fmt: skip
    form = posted or SellForm(data=SellForm.shown(offer))
    form.offer(offer)
    shown: dict[str, Any] = {
        "form": form,
        "offer": offer,
        "here": partial(url_for, ".sell", client_id=client_id, attendee=attendee_id),
    }
    if "look" in request.form or (find and "sell" not in request.form):  # Find, or Enter with something to find: no sale
        return render_template("packages/sell.html", **shown)
    then = ""
    if posted and form.validate():
        try:
            then = _sold(client_id, form, attendee_id)
        except RefusalError as refusal:
            form.refuse(refusal)
    return page("packages/sell.html", then=then, **shown)


def _sold(client_id: int, form: SellForm, attendee_id: int | None) -> str:
    missed = None
    with writing() as session:
        key = once.claim(session, actor(), form.once.data, now())
        sold = packages.sell(session, actor(), form.sale(client_id), now(), is_draft=form.draft.data)
        if attendee_id and not form.draft.data:
            missed = linking.take_first(session, actor(), sold.id, attendee_id, now())
        key.location = url_for("invoices.show", invoice_id=sold.id)
    if missed:
        say(missed)
    return key.location


def _shop_url(session: Session, package_id: int) -> str | None:
    is_open = storefront.is_open(session)
    return f"{config().BASE_URL}{url_for('book.package', package_id=package_id)}" if is_open else None


def _package_form(
    form: PackageForm, package: Package | None = None, named: tuple[set[int], set[int]] = (set(), set())
) -> PackageForm:
    with reading() as session:
        choices = offers.fee_choices(session, package)
        people, places = offers.practitioners(session, actor(), named[0]), offers.locations(session, named[1])
        form.offer(choices, people, places)
    return form
