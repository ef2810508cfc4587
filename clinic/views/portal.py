"""The client portal's door and first page: ask for a link, use it up, choose whose portal, sign out."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, url_for
from sqlalchemy.orm import Session

from clinic.calendar import own_appointments
from clinic.forms.base import HouseForm
from clinic.forms.people import row_id
from clinic.forms.portal import AskForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import NotFoundError
from clinic.messages import sign_in_links
from clinic.people import portal_access, portal_visits, throttle
from clinic.people.portal_visits import Visit
from clinic.practice import logo as practice_logo
from clinic.practice import settings
from clinic.views import portal_door, portal_invoices, portal_packages
from clinic.views.access import actor, now, portal, public
from clinic.views.answer import Answer, page
from clinic.views.frame import known
from clinic.views.headers import config
from clinic.views.portal_door import client
from clinic.views.portal_frame import Box

bp = Blueprint("portal", __name__, url_prefix="/portal")
LOGO_SECONDS = 3_600
# The figures of the first page, each read in the page's own door; a box that returns None is left out.
BOXES: tuple[Callable[[Session, Visit, datetime], Box | None], ...] = (portal_invoices.box, portal_packages.box)


@bp.get("/")
@portal
def home() -> Answer:
    """Show what comes next, and how things stand."""
    with reading() as session:
        coming = own_appointments.coming(session, client().client_id or 0, now())
        boxes = [box for make in BOXES if (box := make(session, client(), now())) is not None]
    return page(
        "portal/home.html", coming=coming, shown=own_appointments.NEXT_SHOWN, boxes=boxes,
        appointments_url=known("portal_appointments.index"),
    )  # fmt: skip


@bp.route("/sign-in", methods=["GET", "POST"])
@public
def sign_in() -> Answer:
    """Show the form; or send a link if the address has access, and say the same if it has none."""
    form = AskForm(request.form if request.method == "POST" else request.args)
    form.next.data = there = portal_door.wanted(form.next.data)
    if request.method == "GET" and portal_door.anyone():
        return redirect(there or url_for(".home"), 303)
    if request.method == "GET" or not form.validate():
        return page("portal/sign_in.html", form=form, **_ways())
    email = form.email.data or ""
    try:
        with writing() as session:
            throttle.claim(session, throttle.link_guards(email, actor().address), now())
            portal_access.ask(session, actor(), email, now(), there=portal_door.tail(there))
    except throttle.ThrottledError as error:
        return _held_back(form, error)
    return render_template("portal/sent.html", email=email, is_made_up=config().is_made_up, **_ways())


@bp.route("/link/<link_token>", methods=["GET", "POST"])
@public
def link(link_token: str) -> Answer:
    """Show the one button; only its POST uses the link up, as mail scanners follow links."""
    there = portal_door.wanted(request.values.get("next"))
    if request.method == "GET":
        with reading() as session:
            is_good = sign_in_links.is_good(session, link_token, now())
        return render_template("portal/link.html", is_good=is_good, there=there), 200 if is_good else 404
    with writing() as session:
        token = portal_visits.enter(session, link_token, now(), address=actor().address)
        if token is not None and g.portal_visit is not None:  # this browser's cookie is replaced: its session ends with it
            portal_visits.sign_out(session, g.portal_visit, now(), address=actor().address)
    if token is None:
        return render_template("portal/link.html", is_good=False, there=there), 409
    return portal_door.keep(make_response(redirect(there or url_for(".home"), 303)), token)


@bp.route("/choose", methods=["GET", "POST"])
@portal
def choose() -> Answer:
    """Ask whose portal is to be opened, or open it."""
    there = portal_door.wanted(request.values.get("next"))
    if request.method == "POST":
        with writing() as session:
            chosen = _row_id(request.form.get("access", ""))
            portal_visits.choose(session, client(), chosen, now(), address=actor().address)
        return redirect(there or url_for(".home"), 303)
    with reading() as session:
        choices = portal_visits.choices(session, client())
    return page("portal/choose.html", choices=choices, there=there)


@bp.get("/logo")
@public
def logo() -> Answer:
    """Hand over the practice's logo, which stands over every page of the portal, the way in included."""
    with reading() as session:
        found = practice_logo.shown(session)
    headers = {"Cache-Control": f"private, max-age={LOGO_SECONDS}"}
    return Response(found.image, mimetype=found.mimetype, headers=headers)


@bp.post("/sign-out")
@portal
def sign_out() -> Answer:
    """End the session and take the cookie back."""
    with writing() as session:
        portal_visits.sign_out(session, client(), now(), address=actor().address)
    return portal_door.forget(make_response(redirect(url_for(".sign_in"), 303)))


def _row_id(typed: str) -> int:
    try:
        return row_id(typed)
    except ValueError as error:
        raise NotFoundError("access") from error


def _ways() -> dict[str, Any]:
    """Return whether a link can be mailed, and how else the practice is reached."""
    with reading() as session:
        practice = settings.practice(session)
    return {"promises_mail": config().promises_mail, "reach": practice.phone or practice.email}


def _held_back(form: HouseForm, error: throttle.ThrottledError) -> Answer:
    form.refuse(error)
    answer = make_response(render_template("portal/sign_in.html", form=form, **_ways()), 429)
    answer.headers["Retry-After"] = str(int(error.wait.total_seconds()) + 1)
    return answer
