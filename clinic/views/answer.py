"""The one way out of a form: the piece of page it belongs to, with an honest status."""

from typing import Any
from urllib.parse import urlsplit

from flask import Response, flash, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue as Answer
from htmx_flask import request as htmx_request

from clinic.forms.base import HouseForm

__all__ = ["Answer", "answer", "leave", "page", "posted", "safe_next", "say"]


def answer(template: str, *, form: HouseForm | None = None, then: str | None = None, **context: Any) -> Answer:
    """Answer with one piece of page: bare to htmx, inside the shell to a plain browser.

    A refused form comes back with 422, a clash with 409. After a change that worked the form closes (`form=None`): htmx gets
    the piece, a plain browser is sent to `then` (303).
    """
    if request.method != "GET":
        if form is not None and form.complaints:
            return _piece(template, 409 if form.clashed else 422, form=form, **context)
        form = None
        if then is not None and not is_piece():
            return redirect(then, 303)
    return _piece(template, 200, form=form, **context)


def page(template: str, *, form: HouseForm | None = None, then: str | None = None, **context: Any) -> Answer:
    """Answer with a whole page that has its own template; a form that worked leaves for `then`."""
    if request.method != "GET" and form is not None:
        if not form.complaints and then is not None:
            return leave(then)
        return render_template(template, form=form, **context), 409 if form.clashed else 422
    return render_template(template, form=form, **context)


def leave(then: str) -> Answer:
    """Send the browser to another page after a change: 303, or htmx's own redirect."""
    if is_piece():
        return Response(status=204, headers={"HX-Redirect": then})
    return redirect(then, 303)


def say(words: str) -> None:
    """Show one sentence on the next page (a toast); never the only place a result stands."""
    flash(words)


def is_piece() -> bool:
    """Say whether htmx asked for a piece of page rather than a browser for a page."""
    return bool(htmx_request.htmx) and not htmx_request.htmx.boosted


def posted() -> Any:
    """Return what was posted, as a form takes it; None: the form is only shown."""
    return request.form if request.method == "POST" else None


def safe_next(address: str | None, otherwise: str) -> str:
    """Return the address if it lies in this application (a path, nothing that escapes it), else the other one."""
    if not address or not address.startswith("/") or address[1:2] in ("/", "\\"):
        return otherwise
    if any(ord(char) < 33 or char == "\\" or ord(char) == 127 for char in address) or urlsplit(address).netloc:
        return otherwise
    return address


def _piece(template: str, status: int, **context: Any) -> Response:
    if is_piece():
        return make_response(render_template(template, **context), status)
    return make_response(render_template("page.html", piece=template, **context), status)
