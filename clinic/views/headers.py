"""The headers of every answer: what the browser may load, keep and be framed by."""

from urllib.parse import urlsplit

from flask import Flask, Response, abort, current_app, request
from flask.sessions import SecureCookieSessionInterface, SessionMixin

from clinic.config import Config

CHECKOUT = "https://checkout.stripe.com"
YEAR_SECONDS = 31_536_000
STATIC = "assets.static_file"
COOKIELESS = (STATIC, "feeds.subscribed")


class _Cookies(SecureCookieSessionInterface):
    """Leave static files without a cookie, so that a new sign-in does not fetch them again, and feeds, which know nobody."""

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Write the cookie unless the answer is one that goes without."""
        if request.endpoint not in COOKIELESS:
            super().save_session(app, session, response)


def register(app: Flask) -> None:
    """Bind the headers and the refusal of NUL bytes."""
    app.session_interface = _Cookies()
    config: Config = app.config["CLINIC"]
    origin = _origin(config.STRIPE_API_BASE) if config.STRIPE_API_BASE else CHECKOUT
    policy = "; ".join(
        (
            "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "font-src 'self'",
            "connect-src 'self'", f"form-action 'self' {origin}", "base-uri 'none'", "frame-ancestors 'none'",
            "object-src 'none'",
        )
    )  # fmt: skip

    @app.before_request
    def refuse_nul() -> None:
        # No person types NUL, and PostgreSQL cannot store it.
        texts = [request.path, *(text for name, texts in request.args.lists() for text in (name, *texts))]
        if request.mimetype in ("application/x-www-form-urlencoded", "multipart/form-data"):
            texts += [text for name, texts in request.form.lists() for text in (name, *texts)]
        if any("\0" in text for text in texts):
            abort(400)

    @app.after_request
    def add_headers(response: Response) -> Response:
        headers = response.headers
        if response.status_code == 204:  # nothing to load, sniff or frame: it stays small on a slow line
            headers["Cache-Control"] = "no-store"
            headers.remove("Content-Type")
            return response
        headers.setdefault("Content-Security-Policy", policy)
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("Referrer-Policy", "same-origin")
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()")
        if config.is_https:
            headers.setdefault("Strict-Transport-Security", f"max-age={YEAR_SECONDS}")
        if request.endpoint not in COOKIELESS:
            response.vary.add("HX-Request")
        if "Cache-Control" not in headers:
            headers["Cache-Control"] = "no-store"
        return response


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def config() -> Config:
    """Return the settings of the running application."""
    found: Config = current_app.config["CLINIC"]
    return found
