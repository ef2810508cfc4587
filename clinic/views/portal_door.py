"""The portal's own sign-in: a cookie of its own, beside that of staff and never in its place, and who is in the portal."""

from urllib.parse import quote

from flask import Response, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from htmx_flask import request as htmx_request
from sqlalchemy.orm import Session

from clinic.kernel import clock
from clinic.kernel.database import writing
from clinic.people import portal_visits
from clinic.people.portal_visits import Visit
from clinic.views.answer import safe_next
from clinic.views.headers import config

# What may be opened before it is chosen whose portal it is.
UNCHOSEN = ("portal.choose", "portal.sign_out")
# Where a link may lead: nowhere else.
INSIDE = ("/portal", "/book")
NEXT_CHARS_MAX = 200


def client() -> Visit:
    """Return who is signed in to the portal, as plain values: `client_id`, `email`, `name`."""
    who: Visit = g.client
    return who


def anyone() -> Visit | None:
    """Return who is signed in to the portal on a page that is open to everyone, if anybody is and a client is chosen."""
    found: Visit | None = g.get("portal_visit")
    return found if found is not None and found.client_id is not None else None


def read(session: Session) -> None:
    """Look up, in the door that is open anyway, whom this browser's portal cookie stands for."""
    token = request.cookies.get(_name(), "")
    g.portal_visit = portal_visits.visit(session, token, clock.now()) if token else None


def check() -> ResponseReturnValue | None:
    """Let a client in; lead anyone else to the portal's sign-in, and back afterwards. Staff count as anyone."""
    who: Visit | None = g.portal_visit
    if who is None:
        return _to(url_for("portal.sign_in"))
    if who.client_id is None and request.endpoint not in UNCHOSEN:
        return _to(url_for("portal.choose"))
    if who.is_stale:
        with writing() as session:
            portal_visits.touch(session, who.session_id, g.now)
    g.client, g.actor = who, who.actor(request.remote_addr or "")
    return None


def keep(answer: Response, token: str) -> Response:
    """Hand the browser its portal cookie; it is forgotten when the browser closes."""
    answer.set_cookie(_name(), token, httponly=True, samesite="Lax", secure=config().is_https, path="/")
    return answer


def forget(answer: Response) -> Response:
    """Take the portal cookie back."""
    answer.delete_cookie(_name(), httponly=True, samesite="Lax", secure=config().is_https, path="/")
    return answer


def wanted(typed: str | None) -> str:
    """Return where the person was going inside the portal, or nothing."""
    there = safe_next((typed or "")[: NEXT_CHARS_MAX + 1], "")
    is_inside = there.startswith(tuple(f"{place}/" for place in INSIDE)) or there in INSIDE
    return there if is_inside and len(there) <= NEXT_CHARS_MAX else ""


def tail(there: str) -> str:
    """Return what stands behind an address's question mark so that it leads on from there."""
    return f"?next={quote(there)}" if there else ""


def _name() -> str:
    return "__Host-portal" if config().is_https else "portal"


def _to(address: str) -> ResponseReturnValue:
    if htmx_request.htmx:
        return Response(status=401, headers={"HX-Redirect": address})
    there = wanted(request.full_path.rstrip("?")) if request.method == "GET" else ""
    return redirect(address + tail(there), 303)
