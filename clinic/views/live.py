"""Somebody else's change in an open calendar: the page asks by itself, and only what changed comes back."""

from flask import Blueprint, Response, abort, redirect, render_template, request

from clinic.calendar import live
from clinic.kernel.database import reading
from clinic.practice.permissions import Permission
from clinic.views import calendar
from clinic.views.access import requires
from clinic.views.answer import Answer, is_piece

bp = Blueprint("live", __name__)


@bp.get("/calendar/changes")
@requires(Permission.SEE_CALENDAR)
def changes() -> Answer:
    """Show the columns that changed since the page was shown; nothing at all when none did."""
    shown, words = request.args.get("shown", ""), request.args.get("seen", "")
    if shown not in calendar.STEPS:
        abort(404)
    asked = calendar.asked_for(shown, request.args)
    if not is_piece():
        return redirect(asked.url())
    today = calendar.today()
    with reading() as session:
        if live.Seen(live.changes(session), today, ()).is_as(words):
            return Response(status=204)
        made = calendar.columns_of(session, asked)
        fresh = live.seen(session, made, today)
        unseen = calendar.unseen(session)
    frame = calendar.hours_frame(made)
    return render_template(
        "calendar/_news.html", asked=asked, seen=fresh.words, columns=live.news(made, fresh, words),
        by_clients=unseen, is_new_window=bool(made) and request.args.get("hours") != str(made[0].window), **frame,
    )  # fmt: skip
