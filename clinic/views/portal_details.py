"""The portal's details: how the client is reached, changed by themselves."""

from flask import Blueprint, request, url_for

from clinic.forms.portal import DetailsForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import ClashError, RefusalError
from clinic.people import own_details
from clinic.views.access import actor, now, portal
from clinic.views.answer import Answer, page, say

bp = Blueprint("portal_details", __name__, url_prefix="/portal/details")


@bp.route("", methods=["GET", "POST"])
@portal
def details() -> Answer:
    """Show the client's own details, or keep what they changed."""
    with reading() as session:
        known = own_details.of(session, actor())
    values = {**vars(known.reach), "version": str(known.version)}
    form = DetailsForm(request.form if request.method == "POST" else None, data=values)
    if request.method == "POST" and form.validate():
        try:
            with writing() as session:
                own_details.change(session, actor(), form.reach(), now(), version=form.known_version)
            say("Saved.")
        except RefusalError as error:
            form.refuse(error)
            if isinstance(error, ClashError):
                form.version.data = str(known.version)
    return page("portal/details.html", form=form, then=url_for(".details"), known=known)
