"""Static files under hashed names: fetched once, kept for a year."""

import gzip
import hashlib
import mimetypes
import re
from functools import cache
from pathlib import Path

import brotli
from flask import Blueprint, Flask, Response, abort, request, url_for

from clinic.views.access import public

bp = Blueprint("assets", __name__)
FOLDER = Path(__file__).parent.parent / "static"
DIGEST_CHARS = 10
OWN_SCRIPT = "clinic.js"
_UNREAD = re.compile(rb"^\s+(//.*\n)?", re.MULTILINE)
TEXTS = (".css", ".js", ".txt")


def register(app: Flask) -> None:
    """Give templates `asset('clinic.css')`."""
    app.add_template_global(asset)


def asset(name: str) -> str:
    """Return the address of a static file, which changes when its bytes do."""
    return url_for("assets.static_file", digest=_read(name)[0], name=name)


@bp.get("/static/<digest>/<path:name>")
@public
def static_file(digest: str, name: str) -> Response:
    """Answer with the file if the digest is today's."""
    try:
        current, content = _read(name)
    except OSError:
        abort(404)
    if current != digest:
        abort(404)
    mimetype = mimetypes.guess_type(name)[0] or "application/octet-stream"
    encoding = (
        request.accept_encodings.best_match(["br", "gzip", "identity"], "identity") if name.endswith(TEXTS) else "identity"
    )
    response = Response(content if encoding == "identity" else _pressed(name, encoding), mimetype=mimetype)
    if encoding != "identity":
        response.headers["Content-Encoding"] = encoding
    response.vary.add("Accept-Encoding")
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response


@cache
def _read(name: str) -> tuple[str, bytes]:
    path = (FOLDER / name).resolve()
    if not path.is_relative_to(FOLDER.resolve()):
        raise FileNotFoundError(name)
    content = path.read_bytes()
    if name == OWN_SCRIPT:  # as the stylesheet is built: without comments and indentation, which no browser reads
        content = _UNREAD.sub(b"", content)
    return hashlib.sha256(content).hexdigest()[:DIGEST_CHARS], content


@cache
def _pressed(name: str, encoding: str) -> bytes:
    # Once per process, so as small as it goes: the answer is kept for a year.
    content = _read(name)[1]
    return brotli.compress(content, quality=11) if encoding == "br" else gzip.compress(content, 9, mtime=0)
