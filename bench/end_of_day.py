"""End of day for 10,000 appointments, against the raw driver writing the same rows with as many commits in the same run."""

import argparse
import os
import resource
import sqlite3
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from clinic import create_app  # noqa: E402
from clinic.config import Config  # noqa: E402
from clinic.jobs import end_of_day  # noqa: E402
from clinic.jobs.runs import Report  # noqa: E402
from clinic.kernel import clock  # noqa: E402
from clinic.kernel.database import db, writing  # noqa: E402
from clinic.models import guards  # noqa: E402
from clinic.models.billing import Share  # noqa: E402
from clinic.models.calendar import AppointmentType, Attendee, Item, ItemKind  # noqa: E402
from clinic.models.people import Client, Contact  # noqa: E402
from clinic.models.practice import InvoiceCreation, Location, Practice, Practitioner  # noqa: E402

DAY = date(2026, 11, 18)
NOON = datetime(2026, 11, 18, 17, tzinfo=UTC)
NIGHT = datetime(2026, 11, 19, 5, 30, tzinfo=UTC)
RATIO_MAX, SECONDS_MAX, GROWN_MB_MAX = 10, 60, 64
WRITTEN = ("invoices", "invoice_lines", "ledger_transactions", "postings", "audit_entries")


def main() -> None:
    """Fill a practice, run its end of day, write the same rows by hand, and print the ratio; leave with 1 if it is too much."""
    reader = argparse.ArgumentParser()
    reader.add_argument("--count", type=int, default=10_000)
    count = reader.parse_args().count
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.sqlite"
        app = create_app(Config(DATABASE_URL=f"sqlite:///{path}", SECRET_KEY="bench"), instance_path=folder)
        filling = os.fork()  # what filling takes of memory is not the run's
        if not filling:
            with app.app_context():
                fill(count)
            os._exit(0)
        assert os.waitpid(filling, 0)[1] == 0, "the practice could not be filled"
        with app.app_context():
            warm_up()
            before = peak_mb()
            began = time.perf_counter()
            report = end_of_day.run(DAY, clock.starting_at(NIGHT))
            taken = time.perf_counter() - began
            grown = peak_mb() - before
            db.engine.dispose()
        assert report == Report(done=count, failed=0), report
        raw, rows = by_hand(path, Path(folder) / "raw.sqlite", commits=count)
    print(f"end of day, {count} appointments, {count} invoices: {taken:.2f} s, {count / taken:.0f} a second")
    print(f"the same {rows} rows by the raw driver, {count} commits: {raw:.2f} s")
    print(f"ratio: {taken / raw:.1f} (at most {RATIO_MAX}); memory grew by {grown:.0f} MB (at most {GROWN_MB_MAX})")
    if taken / raw > RATIO_MAX or taken > SECONDS_MAX or grown > GROWN_MB_MAX:
        sys.exit(1)


def peak_mb() -> float:
    """Return the most memory this process had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def warm_up() -> None:
    """Ask a day without work, so that what is imported and compiled once is not counted."""
    assert end_of_day.run(DAY - timedelta(days=1), clock.starting_at(NIGHT)) == Report()


def fill(count: int) -> None:
    """Make a practice with daily invoices and that many sessions on one day, each of a client of their own."""
    with db.engine.begin() as connection:
        db.metadata.create_all(connection)
        guards.install(connection)
    with writing() as session:
        session.add(
            Practice(
                id=1,
                name="Bench",
                timezone="America/New_York",
                currency="USD",
                locale="en-US",
                created_at=NOON - timedelta(days=90),
                invoice_creation=InvoiceCreation.DAILY,
                daily_from_date=DAY - timedelta(days=1),
            )
        )
        place, who = Location(name="Here"), Practitioner(name="Pat")
        kind = AppointmentType(name="Session", kind=ItemKind.APPOINTMENT, colour=1, duration_minutes=50, rate_cents=15_000)
        session.add_all([place, who, kind])
        session.flush()
        session.add_all(Contact(id=at + 1, name=f"Client {at}", created_at=NOON) for at in range(count))
        session.flush()
        people = [_client(number) for number in range(count)]
        session.add_all(people)
        session.flush()
        slot = {"kind": ItemKind.APPOINTMENT, "type_id": kind.id, "practitioner_id": who.id, "location_id": place.id,
                "starts_at": NOON, "ends_at": NOON + timedelta(minutes=50), "created_at": NOON, "changed_at": NOON,
                "is_busy": False, "is_blocking": False}  # fmt: skip
        items = [Item(**slot) for _ in people]
        session.add_all(items)
        session.flush()
        fee = {"status_at": NOON, "fee_cents": 15_000, "fee_description": "Session", "billing_changed_at": NOON}
        places = [Attendee(item_id=item.id, client_id=one.id, **fee) for item, one in zip(items, people, strict=True)]
        session.add_all(places)
        session.flush()
        session.add_all(
            Share(attendee_id=one.id, payer_id=client.default_payer_id, amount_cents=15_000)
            for one, client in zip(places, people, strict=True)
        )


def _client(number: int) -> Client:
    contact_id = number + 1  # the contacts were made just so
    return Client(contact_id=contact_id, first_name="Client", last_name=str(number), sort_name=f"{number:05}",
                  default_payer_id=contact_id, created_at=NOON)  # fmt: skip


def by_hand(path: Path, copy: Path, *, commits: int) -> tuple[float, int]:
    """Write what the run wrote into empty tables of the same shape, one invoice a commit; return seconds and rows."""
    source = sqlite3.connect(path)
    target = sqlite3.connect(copy, isolation_level=None)
    target.execute("PRAGMA journal_mode=WAL")
    target.execute("PRAGMA synchronous=FULL")
    for (statement,) in source.execute("SELECT sql FROM sqlite_master WHERE type IN ('table', 'index') AND sql IS NOT NULL"):
        target.execute(statement)
    rows: list[tuple[str, list[Any]]] = []
    for table in WRITTEN:
        found = source.execute(f"SELECT * FROM {table} ORDER BY id").fetchall()
        rows.append((f"INSERT INTO {table} VALUES ({','.join('?' * len(found[0]))})", found))
    began = time.perf_counter()
    for at in range(commits):
        target.execute("BEGIN IMMEDIATE")
        for statement, found in rows:
            each = len(found) // commits
            target.executemany(statement, found[at * each : (at + 1) * each])
        target.execute("COMMIT")
    taken = time.perf_counter() - began
    total = sum(len(found) for _, found in rows)
    source.close()
    target.close()
    return taken, total


if __name__ == "__main__":
    main()
