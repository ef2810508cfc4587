"""Calendar feeds: the page where one makes, stops and narrows one's own, and the address other programs read."""

from flask import Blueprint, Response, request, url_for

from clinic.calendar import feed
from clinic.forms.calendar_settings import FeedForm
from clinic.kernel.database import reading, writing
from clinic.practice.permissions import Permission
from clinic.views.access import actor, now, public, requires
from clinic.views.answer import Answer, leave, page, say
from clinic.views.headers import config

bp = Blueprint("feeds", __name__)


@bp.route("/calendar/feeds/<int:practitioner_id>", methods=["GET", "POST"])
@requires(Permission.SEE_CALENDAR)
def show(practitioner_id: int) -> Answer:
    """Show a practitioner's feed and how much it tells; change that."""
    with reading() as session:
        found = feed.feed_for(session, actor(), practitioner_id)
    form = FeedForm(request.form if request.method == "POST" else None, detail=found.detail)
    if request.method == "POST" and form.validate():
        with writing() as session:
            feed.choose_detail(session, actor(), practitioner_id, form.chosen(), now())
        say("Saved. Programs that subscribe show it the next time they ask.")
    return page("account/feed.html", form=form, then=url_for(".show", practitioner_id=practitioner_id), feed=found)


@bp.route("/calendar/feeds/<int:practitioner_id>/reset", methods=["GET", "POST"])
@requires(Permission.SEE_CALENDAR)
def reset(practitioner_id: int) -> Answer:
    """Make a new address and show it: here, once, and in no other answer."""
    if request.method == "GET":
        return leave(url_for(".show", practitioner_id=practitioner_id))
    with writing() as session:
        token = feed.reset(session, actor(), practitioner_id, now())
    with reading() as session:
        found = feed.feed_for(session, actor(), practitioner_id)
    address = config().BASE_URL.rstrip("/") + url_for(".subscribed", token=token)
    webcal = "webcal" + address.removeprefix("https").removeprefix("http")
    return page("account/feed.html", feed=found, address=address, webcal=webcal, fresh=FeedForm(None, detail=found.detail))


@bp.route("/calendar/feeds/<int:practitioner_id>/stop", methods=["GET", "POST"])
@requires(Permission.SEE_CALENDAR)
def stop(practitioner_id: int) -> Answer:
    """End the feed."""
    if request.method == "POST":
        with writing() as session:
            feed.stop(session, actor(), practitioner_id, now())
        say("The feed was stopped. Its address answers nobody any more.")
    return leave(url_for(".show", practitioner_id=practitioner_id))


@bp.get("/feeds/<token>.ics")
@public
def subscribed(token: str) -> Answer:
    """Answer a calendar program that knows the secret; nothing for one that has the newest already."""
    with reading() as session:
        content = feed.calendar(session, token, now())
    response = Response(content, mimetype="text/calendar")
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["X-Robots-Tag"] = "noindex"
    response.add_etag()
    return response.make_conditional(request)
