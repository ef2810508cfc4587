"""A client's packages in the portal, and booking their sessions; the page after an online purchase answers the same way."""

from datetime import datetime
from typing import Any

from flask import Blueprint, request, url_for
from markupsafe import Markup
from sqlalchemy.orm import Session

from clinic.billing import storefront
from clinic.calendar import own_booking, own_packages
from clinic.forms.book import BookForm, LookForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import RefusalError
from clinic.people.portal_visits import Visit
from clinic.practice import once
from clinic.practice.permissions import Actor
from clinic.views import filters
from clinic.views.access import actor, now, portal
from clinic.views.answer import Answer, leave, page
from clinic.views.headers import config
from clinic.views.portal_door import client
from clinic.views.portal_frame import Box

bp = Blueprint("portal_packages", __name__, url_prefix="/portal/packages")


@bp.get("")
@portal
def index() -> Answer:
    """List the client's packages with what is left of each."""
    with reading() as session:
        packs = own_packages.packs(session, client().client_id or 0, now())
        shop_url = url_for("book.index") if storefront.is_open(session) else None
    return page("portal/packages.html", packs=packs, shop_url=shop_url)


def box(session: Session, who: Visit, at: datetime) -> Box | None:
    """Return how many sessions are left of a client's packages, for the portal's first page; None: they have none."""
    packs = own_packages.packs(session, who.client_id or 0, at)
    if not packs:
        return None
    left = sum(pack.counts.remaining for pack in packs)
    there = url_for("portal_packages.index")
    words = "Book a session" if any(pack.may_book for pack in packs) else "See your packages"
    return Box("Sessions left of packages", str(left), Markup('<a href="{}">{}</a>').format(there, words))


@bp.route("/<int:sale_id>", methods=["GET", "POST"])
@portal
def sessions(sale_id: int) -> Answer:
    """Book the sessions of one package, one by one."""
    client_id, here = client().client_id or 0, url_for(".sessions", sale_id=sale_id)
    if request.method == "POST":
        return booked("portal/package.html", actor(), client_id, sale_id, here)
    return shown("portal/package.html", client_id, sale_id, here)


def shown(template: str, client_id: int, sale_id: int, here: str, form: BookForm | None = None, **context: Any) -> Answer:
    """Answer with a package and the free times for its sessions; what was refused says why, over times shown anew."""
    look = LookForm(request.args)
    look.validate()
    with reading() as session:
        pack = own_packages.pack(session, client_id, sale_id, now())
        diary = own_booking.diary(session, pack, now(), type_id=look.type.data, day=look.day.data)
    form = form or BookForm()
    form.offer(diary, filters.local_time)
    booked_id = request.args.get("booked", "")
    just = next((each for each in pack.dates if str(each.item_id) == booked_id), None)
    return page(template, form=form, pack=pack, diary=diary, here=here, just=just,
                sends_mail=bool(config().SMTP_URL), **context)  # fmt: skip


def booked(template: str, who: Actor, client_id: int, sale_id: int, here: str, **context: Any) -> Answer:
    """Book the time that was chosen and lead back to the package."""
    form = BookForm(request.form)
    starts_at = form.starts_at()
    if not form.validate() or starts_at is None:
        form.refuse(RefusalError("Choose a time.", field="starts"))
        return shown(template, client_id, sale_id, here, form, **context)
    try:
        with writing() as session:
            key = once.claim(session, who, form.once.data, now())
            item = own_booking.book(session, who, client_id, sale_id, form.type.data, starts_at, now())
            key.location = f"{here}?booked={item.id}#booked"
    except RefusalError as refusal:
        form.refuse(refusal)
        return shown(template, client_id, sale_id, here, form, **context)
    return leave(key.location)
