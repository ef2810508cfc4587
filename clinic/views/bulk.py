"""Invoice all uninvoiced work: what it will make, a few invoices at each step, and how far it has got."""

from typing import Any

from flask import Blueprint, request, url_for

from clinic.billing import bulk
from clinic.billing.bulk import Key, Waiting
from clinic.forms.base import LINE_CHARS_MAX
from clinic.forms.bulk import BulkForm, NarrowForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import RefusalError
from clinic.practice import once
from clinic.practice.permissions import Permission
from clinic.views import pages
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, is_piece, leave, page

bp = Blueprint("bulk", __name__)
STEP = 10  # invoices made at one request, so that each answers soon


@bp.route("/invoices/all-uninvoiced", methods=["GET", "POST"])
@requires(Permission.EDIT_INVOICES)
def bill_all() -> Answer:
    """Show what would be invoiced, or invoice the next few and say how far it is."""
    if request.method == "GET":
        form = BulkForm()
        form.done.data, form.failed.data = request.args.get("done"), request.args.get("failed")
        return _shown(form, form.failed_keys)
    form = BulkForm(request.form)
    failed = form.failed_keys
    try:
        done = form.done_count + _step(form, failed)
    except RefusalError as error:
        form.refuse(error)
        return _shown(form, failed)
    form = BulkForm()
    form.tell(done, failed)
    if not is_piece():
        return leave(url_for(".bill_all", **_narrowed(), done=form.done.data, failed=form.failed.data))
    return _shown(form, failed)


def _step(form: BulkForm, failed: set[Key]) -> int:
    with writing() as session:
        once.claim(session, actor(), form.once.data, now()).location = url_for(".bill_all", **_narrowed())
    made = 0
    for group in [each for each in _waiting().ready if each.key not in failed][:STEP]:
        try:
            with writing() as session:
                share_ids = [each.share_id for each in group.ready]
                made += bulk.bill(session, actor(), group.key, share_ids, now()) is not None
        except RefusalError:
            failed.add(group.key)
    return made


def _waiting() -> Waiting:
    wish = NarrowForm(request.args).wish(pages.words())
    with reading() as session:
        return bulk.groups(session, actor(), wish, now())


def _narrowed() -> dict[str, Any]:
    return {name: request.args[name][:LINE_CHARS_MAX] for name in ("q", "from", "until") if request.args.get(name)}


def _shown(form: BulkForm, failed: set[Key]) -> Answer:
    waiting = _waiting()
    ready, after = waiting.ready, waiting.next_date
    return page(
        "billing/_all.html" if is_piece() else "billing/all.html",
        form=form if form.complaints else None,
        bulk=form,
        groups=[each for each in ready if each.key not in failed],
        failed=[each for each in ready if each.key in failed],
        aside_count=waiting.aside_count,
        read_max=bulk.WORK_MAX,
        next_date=after,
        next_url=url_for(".bill_all", **_narrowed() | {"from": after.isoformat()}) if after is not None else None,
        here=url_for(".bill_all", **_narrowed()),
        back=url_for("invoices.index", show="uninvoiced", **_narrowed()),
    )
