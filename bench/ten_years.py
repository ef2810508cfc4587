#!/usr/bin/env python3
"""Time the week page in a database with ten years and 200,000 invoiced appointments against the same page with one month."""

import argparse
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.week_page import filled, signed_in  # noqa: E402
from tests import cast as stage  # noqa: E402
from tests.calendar import weeks  # noqa: E402

RUNS = 120
RATIO_MAX = 1.25
YEARS, PRACTITIONERS, PER_DAY = 10, 10, 8
MONTH_DAYS = 30
FIRST_ID, EARNED_FROM = 1_000_000, 50_000_000
CENTS = 15_000
ITEM = {"kind": "appointment", "is_busy": 1, "is_blocking": 1, "mode": "in_person", "title": "", "notes": "", "version": 1}
ATTENDEE = {"status": "attended", "status_reason": "", "is_billed": 1, "fee_code": "90834", "fee_description": "Therapy"}
ATTENDEE |= {"fee_cents": CENTS, "tax_bp": 0, "do_not_invoice": 0}
LINE = {"position": 1, "code": "90834", "description": "Therapy", "quantity": 1, "unit_cents": CENTS, "discount_cents": 0}
LINE |= {"tax_bp": 0, "net_cents": CENTS, "tax_cents": 0, "total_cents": CENTS}
INVOICE = {"kind": "invoice", "source": "daily", "reference": "", "note": "", "net_cents": CENTS, "tax_cents": 0}
INVOICE |= {"total_cents": CENTS}


def main() -> int:
    """Print the ratio; the exit status is 1 when it is above what is promised."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200_000, help="appointments in the large database")
    count = parser.parse_args().count
    with tempfile.TemporaryDirectory() as small, tempfile.TemporaryDirectory() as large:
        browsers = []
        for folder, days, most in ((small, MONTH_DAYS, count), (large, YEARS * 365, count)):
            app, cast = filled(folder, weeks.four_hundred_items)
            made = _fill(f"{folder}/bench.sqlite", cast, days, most)
            browsers.append(signed_in(app))
            print(f"{made:9,} appointments of {days:,} days besides the week itself")
        address = weeks.address_of(cast)
        month, years = _timed(browsers, address)
    print(f"week page: {month:.2f} ms with one month, {years:.2f} ms with ten years (medians of {RUNS})")
    print(f"ratio {years / month:.2f} (at most {RATIO_MAX})")
    return int(years / month > RATIO_MAX)


def _timed(browsers: list, address: str) -> tuple[float, float]:
    taken: tuple[list[float], list[float]] = ([], [])
    for run in range(RUNS + 10):
        for browser, times in zip(browsers, taken, strict=True):
            began = time.perf_counter()
            assert browser.get(address).status_code == 200
            if run >= 10:
                times.append(time.perf_counter() - began)
    return statistics.median(taken[0]) * 1000, statistics.median(taken[1]) * 1000


def _fill(path: str, cast: stage.Cast, days: int, most: int, *, serials_from: int = FIRST_ID + 1) -> int:
    """Write appointments before the measured week, each with its share, its issued and unpaid invoice and its postings."""
    rows = list(_appointments(days))[:most]
    made = stage.MADE_AT.strftime("%Y-%m-%d %H:%M:%S.%f")
    client = {"client_id": cast.cleo_id}
    payer = {"payer_id": cast.cleo_payer_id}
    item = {"type_id": cast.therapy_id, "location_id": cast.harbour_id, "created_at": made, "changed_at": made}
    attendee = {"status_at": made, "fee_id": cast.therapy_fee_id, "billing_changed_at": made}
    with sqlite3.connect(path) as database:
        for at, practitioner_id, starts, ends in rows:
            span = {"practitioner_id": practitioner_id, "starts_at": starts, "ends_at": ends}
            dated = {"issue_date": starts[:10], "due_date": starts[:10], "created_at": made, "issued_at": made}
            _insert(database, "items", {"id": at, "ical_uid": f"bench-{at}"} | ITEM | item | span)
            _insert(database, "attendees", {"id": at, "item_id": at} | ATTENDEE | attendee | client)
            _insert(database, "shares", {"id": at, "attendee_id": at, "position": 0, "amount_cents": CENTS} | payer)
            _insert(database, "invoice_lines", {"id": at, "invoice_id": at, "share_id": at} | LINE)
            _insert(
                database,
                "invoices",
                {"id": at, "number": f"OLD-{at}", "serial": at - FIRST_ID - 1 + serials_from}
                | INVOICE
                | dated
                | client
                | payer,
            )
            event = {"id": at, "event": "issued", "at": made, "local_date": starts[:10], "memo": ""}
            _insert(database, "ledger_transactions", event)
            leg = {"transaction_id": at} | payer
            owed = {"id": at, "account": "receivable", "invoice_id": at, "amount_cents": CENTS}
            earned = {"id": at + EARNED_FROM, "account": "income", "invoice_id": None, "amount_cents": -CENTS}
            _insert(database, "postings", leg | owed)
            _insert(database, "postings", leg | earned)
        database.execute("ANALYZE")
    return len(rows)


def _appointments(days: int) -> Iterator[tuple[int, int, str, str]]:
    at = FIRST_ID
    first = stage.NOW.replace(hour=14, minute=0) - timedelta(days=10)
    for day in range(days):
        for practitioner_id in range(1, PRACTITIONERS + 1):
            for hour in range(PER_DAY):
                at += 1
                starts = first - timedelta(days=day) + timedelta(hours=hour)
                ends = starts + timedelta(minutes=50)
                yield at, practitioner_id, f"{starts:%Y-%m-%d %H:%M:%S.%f}", f"{ends:%Y-%m-%d %H:%M:%S.%f}"


def _insert(database: sqlite3.Connection, table: str, row: dict[str, object]) -> None:
    database.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", list(row.values()))


if __name__ == "__main__":
    sys.exit(main())
