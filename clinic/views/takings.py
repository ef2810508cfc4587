"""Payments by day and method: the page with its filters, and the same as a file."""

import csv
import io
from collections.abc import Iterable

from flask import Blueprint, Response, g, request

from clinic.billing import payments, takings
from clinic.billing.takings import Line, Span
from clinic.forms.takings import TakingsForm
from clinic.kernel import money
from clinic.kernel.database import reading
from clinic.kernel.errors import RefusalError
from clinic.models.money import Method
from clinic.practice.permissions import Permission
from clinic.views.access import now, requires
from clinic.views.answer import Answer, page
from clinic.views.invoice_tabs import tabs

bp = Blueprint("takings", __name__, url_prefix="/invoices/payments")
HEAD = ("Date", "What", "Receipt", "Payer", "Method", "Reference", "Amount")
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run what begins so


@bp.get("/")
@requires(Permission.SEE_NIGHT)
def index() -> Answer:
    """Show what came in by day and method."""
    with reading() as session:
        form = TakingsForm(request.args, names=payments.methods(session).names)
        try:
            found = takings.of(session, _span(form))
        except RefusalError as error:
            form.refuse(error)
            found = takings.of(session, _today())
        else:
            form.first.data, form.last.data = found.span.first, found.span.last  # what is shown stands in the fields
    asked = request.query_string.decode("ascii", "ignore")
    return page("payments/takings.html", form=form, found=found, tabs=tabs(), asked=asked)


@bp.get("/payments.csv")
@requires(Permission.SEE_NIGHT)
def file() -> Answer:
    """Answer with every payment, refund and dispute of the days, as CSV."""
    with reading() as session:
        names = payments.methods(session).names
        span = _span(TakingsForm(request.args, names=names))
        lines = takings.lines_of(session, span)
    called = f"payments-{span.first.isoformat()}-{span.last.isoformat()}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{called}"'}
    return Response(_written(lines, names), mimetype="text/csv", headers=headers)


def _written(lines: Iterable[Line], names: dict[Method, str]) -> str:
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(HEAD)
    for line in lines:
        cells = (line.words, f"R-{line.payment_id}", line.payer, names[line.method], line.reference)
        safe = (f"'{cell}" if cell.startswith(FORMULA) else cell for cell in cells)
        rows.writerow((line.day.isoformat(), *safe, money.plainly(line.cents)))
    return text.getvalue()


def _span(form: TakingsForm) -> Span:
    if not form.validate():
        raise RefusalError("Choose the days and the method from the fields.")
    return Span(*form.days(g.house.local_date(now())), method=form.method.data)


def _today() -> Span:
    today = g.house.local_date(now())
    return Span(today, today)
