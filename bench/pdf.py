#!/usr/bin/env python3
"""Compare an invoice's PDF as the application makes it with bare xhtml2pdf of the same HTML, in the same run."""

import io
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from xhtml2pdf import pisa  # noqa: E402

from clinic import create_app  # noqa: E402
from clinic.billing import documents, invoices, sheet  # noqa: E402
from clinic.config import Config  # noqa: E402
from clinic.kernel.database import db, reading, writing  # noqa: E402
from clinic.models import guards  # noqa: E402
from clinic.models.billing import StoredDocument  # noqa: E402
from tests import cast as stage  # noqa: E402

RUNS, LINES = 15, 10
NOW = datetime(2026, 11, 18, 16, tzinfo=UTC)


def seconds(work: Callable[[], object]) -> float:
    """Return the median of several runs after one that warms up."""
    work()
    taken = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(Config(DATABASE_URL=f"sqlite:///{folder}/bench.sqlite", SECRET_KEY="bench"), instance_path=folder)
        with app.app_context():
            with db.engine.begin() as connection:
                db.metadata.create_all(connection)
                guards.install(connection)
            with writing() as session:
                cast = stage.make(session)
                made = invoices.draft(session, cast.fay, payer_id=cast.pellworth_id, client_id=cast.cleo_id, now=NOW)
                for _ in range(LINES):
                    invoices.add_line(session, made, invoices.NewLine(description="Therapy, 50 minutes", unit_cents=15_000))
                invoices.issue(session, cast.fay, made, NOW)
            paper = app.extensions["paper"]
            with reading() as session:
                shown = sheet.of(session, invoices.invoice_for(session, cast.fay, made.id), NOW)
            html = paper.html(documents.INVOICE, {"sheet": shown, "house": shown.house})

            def fresh() -> None:
                with writing() as session:
                    session.query(StoredDocument).delete()
                documents.invoice_pdf(reading, writing, paper, cast.fay, made.id, NOW)

            def kept() -> None:
                documents.invoice_pdf(reading, writing, paper, cast.fay, made.id, NOW)

            bare_s = seconds(lambda: pisa.CreatePDF(html, dest=io.BytesIO(), encoding="utf-8"))
            fresh_s, kept_s = seconds(fresh), seconds(kept)
            print(f"bare xhtml2pdf of the same HTML   {bare_s * 1000:7.1f} ms")
            print(f"the application, first time       {fresh_s * 1000:7.1f} ms   {fresh_s / bare_s:.2f} x")
            print(f"the application, kept document    {kept_s * 1000:7.1f} ms   {kept_s / bare_s:.2f} x")


if __name__ == "__main__":
    main()
