"""What the errors of the rules look like over HTTP: 403, 404, 409, 422, and never a trace."""

from types import TracebackType

from flask import Flask, Response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, SecurityError

from clinic.kernel.errors import AlreadyPostedError, ClashError, NotAllowedError, NotFoundError, RefusalError

PAGES = {
    400: ("This request could not be read", "Go back and try again."),
    403: ("You do not have the right to do this", "Ask the owner of the practice if you need it."),
    404: ("There is nothing here", "It may have been deleted, or the address is not quite right."),
    405: ("This address does not take that", "Go back and use the form on the page."),
    409: ("Someone else was faster", "Nothing was changed. Look again and decide."),
    413: ("That is too large", "Send at most 2 MB. A logo may have at most 200 KB."),
    422: ("This could not be saved", "Go back, mend it and send it again."),
    429: ("Too many tries", "Wait a little, then try again."),
    500: (
        "Something went wrong here",
        "Nothing half-done was kept. It has been written down for whoever looks after this server.",
    ),
    503: ("The practice is busy or being looked after", "Try again in a moment."),
}


def register(app: Flask) -> None:
    """Bind an answer to every kind of error."""

    @app.errorhandler(AlreadyPostedError)
    def already_posted(error: AlreadyPostedError) -> ResponseReturnValue:
        # The browser, and htmx with it, follows to what the first post made.
        return redirect(error.location or request.path, 303)

    @app.errorhandler(NotAllowedError)
    def not_allowed(_error: NotAllowedError) -> ResponseReturnValue:
        return error_page(403)

    @app.errorhandler(NotFoundError)
    def not_found(_error: NotFoundError) -> ResponseReturnValue:
        return error_page(404)

    @app.errorhandler(RefusalError)
    def refused(error: RefusalError) -> ResponseReturnValue:
        return error_page(409 if isinstance(error, ClashError) else 422, error.message)

    @app.errorhandler(CSRFError)
    def out_of_date(_error: CSRFError) -> ResponseReturnValue:
        return error_page(400, "This form is out of date. Go back, load the page again and send it once more.")

    @app.errorhandler(SecurityError)
    def not_our_name(_error: SecurityError) -> ResponseReturnValue:
        # Asked under a name that is not this server's: no page, as its links would carry that name.
        return Response("This server does not answer to that name.", status=400, mimetype="text/plain")

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> ResponseReturnValue:
        if error.code is None or error.code < 400:
            return error
        return error_page(error.code, headers=error.get_response().headers.get("Allow"))

    @app.errorhandler(Exception)
    def broken(error: Exception) -> ResponseReturnValue:
        # The trace names code, not people: the message and the statement's values stay out of the log.
        app.logger.error("%s at %s %s", type(error).__name__, request.method, request.endpoint, exc_info=_bare(error))
        return error_page(500)


def _bare(error: Exception) -> tuple[type[Exception], Exception, TracebackType | None]:
    return (type(error), type(error).__new__(type(error)), error.__traceback__)


def error_page(status: int, words: str | None = None, *, headers: str | None = None) -> ResponseReturnValue:
    """Answer with the page of a status."""
    title, otherwise = PAGES.get(status, ("This did not work", "Go back and try again."))
    body = render_template("errors/page.html", title=title, words=words or otherwise, status=status)
    return body, status, {"Allow": headers} if headers else {}
