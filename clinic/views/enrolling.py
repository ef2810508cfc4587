"""Enrolling several payers in AutoPay at once."""

from flask import Blueprint, request, url_for

from clinic.billing import enrolling, enrolments
from clinic.forms.autopay import EnrolManyForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import RefusalError
from clinic.practice import once
from clinic.practice.permissions import Permission
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, page, say
from clinic.views.headers import config
from clinic.views.invoice_tabs import tabs

bp = Blueprint("enrolling", __name__, url_prefix="/invoices/autopay")


@bp.route("/enroll", methods=["GET", "POST"])
@requires(Permission.SEE_NIGHT)
def enrol() -> Answer:
    """List who could be enrolled, with what they owe and nobody chosen; or enrol those chosen."""
    form, there = EnrolManyForm(request.form or None), url_for("night.tonight")
    if request.method == "POST" and form.validate():
        try:
            with writing() as session:
                once.claim(session, actor(), form.once.data, now()).location = there
                count = enrolling.enrol(session, actor(), form.payers.data or [], how=form.how.data or "", now=now())
            say(f"{count} payer{' is' if count == 1 else 's are'} enrolled in AutoPay.")
        except RefusalError as error:
            form.refuse(error)
    with reading() as session:
        found, text = enrolling.candidates(session), enrolments.consent_text(session)
    return page("billing/enroll_many.html", form=form, then=there, found=found, text=text, tabs=tabs(),
                is_cut=len(found) == enrolling.CANDIDATES_MAX, takes_cards=config().takes_cards)  # fmt: skip
