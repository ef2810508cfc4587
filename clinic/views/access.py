"""Who is asking and whether they may: one mark per view, checked before it runs."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from flask import Flask, Response, current_app, g, redirect, request, url_for
from flask import session as cookie
from flask.typing import ResponseReturnValue
from flask_login import UserMixin, current_user
from htmx_flask import request as htmx_request
from sqlalchemy.orm import Session

from clinic.extensions import login
from clinic.kernel import clock
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import NotFoundError
from clinic.people import accounts
from clinic.practice import settings
from clinic.practice.permissions import Actor, Permission
from clinic.views import filters, portal_door

View = Callable[..., ResponseReturnValue]
PUBLIC, PORTAL = "public", "portal"
BY_ITSELF = "live.changes"  # asked by the page, not by a person: it keeps no one signed in and leads nowhere


class SignedIn(UserMixin):  # type: ignore[misc]
    """Be Flask-Login's user: its id is the random session token, never the user's own id."""

    def __init__(self, token: str, visit: accounts.Visit) -> None:
        self.token = token
        self.visit = visit

    def get_id(self) -> str:
        """Return the session token."""
        return self.token


def requires(permission: Permission) -> Callable[[View], View]:
    """Mark a view with the right it needs."""

    def mark(view: View) -> View:
        view.needs = permission  # type: ignore[attr-defined]
        return view

    return mark


def public(view: View) -> View:
    """Mark a view that anyone may open."""
    view.needs = PUBLIC  # type: ignore[attr-defined]
    return view


def portal(view: View) -> View:
    """Mark a view of the client portal: for who is signed in there, whatever else this browser is signed in to."""
    view.needs = PORTAL  # type: ignore[attr-defined]
    return view


def actor() -> Actor:
    """Return who is asking, as plain values."""
    who: Actor = g.actor
    return who


def now() -> Any:
    """Return the instant at which this request began: one for the whole request."""
    return g.now


def register(app: Flask) -> None:
    """Bind sign-in and the check of rights."""
    login.user_loader(_load)

    @app.before_request
    def check() -> ResponseReturnValue | None:
        g.now = clock.now()
        needs = _needs(app, request.endpoint)
        if request.endpoint in (None, "assets.static_file", "health.healthz"):
            return None
        g.actor = Actor(user_id=None, address=request.remote_addr or "")
        if not _read_house():
            return None if request.endpoint == "setup.setup" else _to_setup()
        if needs == PORTAL:
            return portal_door.check()
        if current_user.is_authenticated:
            g.actor = current_user.visit.actor
            g.user_name = current_user.visit.name
        if needs == PUBLIC:
            return None
        if not current_user.is_authenticated:
            return _to_sign_in()
        g.actor.must(needs)
        return None


def refuse_unmarked(app: Flask) -> None:
    """Refuse to start with a view that is neither `@public`, `@portal` nor `@requires(...)`."""
    bare = [name for name, view in app.view_functions.items() if not hasattr(view, "needs")]
    if bare:
        raise RuntimeError(f"views without a right: {', '.join(sorted(bare))}")


def _needs(app: Flask, endpoint: str | None) -> Any:
    return getattr(app.view_functions.get(endpoint or ""), "needs", None)


def _read_house() -> bool:
    token = cookie.get("_user_id")
    with reading() as session:
        try:
            g.house = settings.house(session)
        except NotFoundError:
            return False
        # Flask-Login asks for whoever this token stands for a moment later; one door is enough for both.
        g.visit = token, _visit(session, token) if token else None
        portal_door.read(session)
    filters.read_for(g.house)
    return True


def _visit(session: Session, token: str) -> accounts.Visit | None:
    return accounts.visit(session, token, clock.now(), address=request.remote_addr or "")


def _load(token: str) -> SignedIn | None:
    read, visit = g.get("visit", (None, None))
    if read != token:
        with reading() as session:
            visit = _visit(session, token)
    if visit is None:
        return None
    if visit.is_stale and request.endpoint != BY_ITSELF:
        with writing() as session:
            accounts.touch(session, token, clock.now())
    return SignedIn(token, visit)


def _to_sign_in() -> ResponseReturnValue:
    if request.endpoint == BY_ITSELF and htmx_request.htmx:
        return Response(status=401)  # what stands typed in the page stays
    there = request.full_path.rstrip("?") if request.method == "GET" and not htmx_request.htmx else ""
    address = url_for("auth.sign_in") + (f"?next={quote(there)}" if there and there != "/" else "")
    if htmx_request.htmx:
        return Response(status=401, headers={"HX-Redirect": address})
    return redirect(address, 303)


def _to_setup() -> ResponseReturnValue:
    if "setup.setup" in current_app.view_functions:
        return redirect(url_for("setup.setup"), 303)
    return Response("No practice yet: run `flask new-practice`.", status=503, mimetype="text/plain")
