"""Whether the server and its clock are alive."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from clinic.kernel import clock
from clinic.kernel.database import reading
from clinic.practice import heartbeat
from clinic.views.access import public

bp = Blueprint("health", __name__)
STALE_SECONDS = 300


@bp.get("/healthz")
@public
def healthz() -> ResponseReturnValue:
    """Answer 200 with the age of the last tick, 503 when it is stale."""
    with reading() as session:
        age = heartbeat.age_seconds(session, clock.now())
    if age is None:
        return {"status": "no tick yet", "tick_age_seconds": None}, 503
    stale = age > STALE_SECONDS
    return {"status": "stale" if stale else "ok", "tick_age_seconds": age}, 503 if stale else 200
