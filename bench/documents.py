#!/usr/bin/env python3
"""Make 500 invoices into one PDF and into a zip: the time beside rendering them one by one, and the memory added."""

import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from clinic import create_app  # noqa: E402
from clinic.billing import document_files, document_making, document_runs, documents, invoices, sheet  # noqa: E402
from clinic.billing.document_kinds import Press, Wish  # noqa: E402
from clinic.config import Config  # noqa: E402
from clinic.kernel import clock  # noqa: E402
from clinic.kernel.database import db, reading, writing  # noqa: E402
from clinic.models import guards  # noqa: E402
from clinic.models.documents import RunShape  # noqa: E402
from tests import cast as stage  # noqa: E402

DOCUMENTS, LINES = 500, 4
NOW = datetime(2026, 11, 18, 16, tzinfo=UTC)


def resident_mb() -> float:
    """Return what this process holds of memory now."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def measured(pieces: Iterator[bytes]) -> tuple[float, int, float]:
    """Return the seconds, the bytes and the most memory added while the pieces are made and thrown away, as when sent."""
    before, most, size, begun = resident_mb(), 0.0, 0, time.perf_counter()
    for piece in pieces:
        size += len(piece)
        most = max(most, resident_mb() - before)
    return time.perf_counter() - begun, size, most


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
            with writing() as session:
                for _ in range(DOCUMENTS):
                    made = invoices.draft(session, cast.fay, payer_id=cast.pellworth_id, client_id=cast.cleo_id, now=NOW)
                    for _ in range(LINES):
                        invoices.add_line(session, made, invoices.NewLine(description="Therapy", unit_cents=15_000))
                    invoices.issue(session, cast.fay, made, NOW)
            press = Press(reading, writing, app.extensions["paper"])
            with reading() as session:
                shown = sheet.of(session, invoices.invoice_for(session, cast.fay, made.id), NOW)
            bare = {"sheet": shown, "house": shown.house}
            press.paper.pdf(documents.INVOICE, bare)
            begun = time.perf_counter()
            for _ in range(DOCUMENTS):
                press.paper.pdf(documents.INVOICE, bare)
            alone = time.perf_counter() - begun
            before = resident_mb()
            taken = [_made(press, cast) for _ in range(2)]
            after = resident_mb() - before
            with reading() as session:
                run_id = document_runs.recent(session, cast.olga, None, clock.now())[0].id
            print(f"rendering {DOCUMENTS} invoices, nothing else  {alone:7.1f} s")
            print(f"a series of them, first time         {taken[0]:7.1f} s   {taken[0] / alone:.2f} x, memory {after:+.0f} MB")
            print(f"the same again, all kept             {taken[1]:7.1f} s   {taken[1] / alone:.2f} x")
            for words, pieces in (
                ("one PDF of it", document_files.merged(document_making.parts(press, run_id))),
                ("a zip of it", document_files.zipped(document_making.parts(press, run_id), NOW)),
            ):
                seconds, size, most = measured(pieces)
                of = f"memory {most:+.0f} MB at most for {size / 1e6:.0f} MB"
                print(f"{words:36} {seconds:7.1f} s   {seconds / alone:.2f} x, {of}")


def _made(press: Press, cast: stage.Cast) -> float:
    wish = Wish(NOW.date(), NOW.date(), ("invoice",))
    with writing() as session:
        run_id = document_runs.ask(session, cast.olga, wish, RunShape.PDF, clock.now()).id
    begun = time.perf_counter()
    document_making.work(press, run_id, clock.now, timedelta(hours=1))
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
