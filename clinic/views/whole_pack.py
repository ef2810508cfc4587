"""Book them all: fill every unassigned line of a package invoice, listed line by line before anything is saved."""

from typing import Any

from flask import Blueprint, request, url_for

from clinic.calendar import package_view, whole_pack
from clinic.calendar.whole_pack import AllView
from clinic.forms.whole_pack import CLIENT, BookAllForm, types_of
from clinic.kernel.database import reading
from clinic.kernel.errors import RefusalError
from clinic.practice.permissions import Permission
from clinic.views import repeats
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, answer, is_piece, leave, page, say
from clinic.views.repeats import Listed

bp = Blueprint("whole_pack", __name__)


@bp.route("/invoices/<int:invoice_id>/sessions/book-all", methods=["GET", "POST"])
@requires(Permission.LINK_PACKAGES)
def book_all(invoice_id: int) -> Answer:
    """Ask from when and how often, list every line with its date, or book them all."""
    with reading() as session:
        opened = whole_pack.opened(session, actor(), invoice_id)
    form, listed = BookAllForm(request.form if request.method == "POST" else None), None
    form.offer(opened)
    if request.method == "POST" and "change" not in request.form and form.validate():
        try:
            listed = _save(invoice_id, form)
        except RefusalError as refusal:
            form.refuse(refusal)
        else:
            if listed is None:
                say("The sessions are booked.")
                return leave(url_for("invoices.show", invoice_id=invoice_id))
    return _shown(invoice_id, form, opened, listed)


def _save(invoice_id: int, form: BookAllForm) -> Listed | None:
    edit = form.edit(request.form)
    return repeats.save(
        form,
        url_for("package_lines.sale", invoice_id=invoice_id),  # posted twice: the package part, whoever asks
        lambda session, choices: whole_pack.listed(session, actor(), invoice_id, edit, choices),
        lambda session, choices: whole_pack.book(session, actor(), invoice_id, edit, choices, now()),
    )


def _shown(invoice_id: int, form: BookAllForm, opened: AllView, listed: Listed | None) -> Answer:
    refused = listed.refusal if listed else form if form.complaints else None
    context: dict[str, Any] = {"opened_all": opened, "all_form": form, "chosen_types": types_of(request.form), "listed": None}
    if listed:
        context |= {"listed": listed} | repeats.context_of(listed, besides=("lines",))
        # Whose line each is stands in the list itself.
        context["carried"] = [pair for pair in context["carried"] if not pair[0].startswith(CLIENT)]
    if is_piece():
        return answer("packages/_book_all.html", form=refused, **context)
    with reading() as session:
        behind = package_view.sale_for_invoice(session, actor(), invoice_id, now())
    return page("packages/book_all.html", form=refused, sale=behind, invoice_id=invoice_id, **context)
