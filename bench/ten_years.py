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
FIRST_ID = 1_000_000


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


def _fill(path: str, cast: stage.Cast, days: int, most: int) -> int:
    """Write appointments before the measured week, each with its share, its issued and unpaid invoice and its postings."""
    rows = list(_appointments(days))[:most]
    with sqlite3.connect(path) as database:
        made = stage.MADE_AT.strftime("%Y-%m-%d %H:%M:%S.%f")
        _insert(database, "items", [
            {"id": at, "kind": "appointment", "type_id": cast.therapy_id, "practitioner_id": who,
             "location_id": cast.harbour_id, "starts_at": starts, "ends_at": ends, "is_busy": 1, "is_blocking": 1, "mode": "in_person", "title": "", "notes": "",
             "created_at": made, "changed_at": made, "version": 1}
            for at, who, starts, ends in rows
        ])  # fmt: skip
        _insert(database, "attendees", [
            {"id": at, "item_id": at, "client_id": cast.cleo_id, "status": "attended", "status_at": made,
             "status_reason": "", "is_billed": 1, "fee_id": cast.therapy_fee_id, "fee_code": "90834", "fee_description": "Therapy",
             "fee_cents": 15_000, "tax_bp": 0, "do_not_invoice": 0, "billing_changed_at": made}
            for at, *_ in rows
        ])  # fmt: skip
        _insert(database, "shares", [
            {"id": at, "attendee_id": at, "position": 0, "payer_id": cast.cleo_payer_id, "amount_cents": 15_000} for at, *_ in rows
        ])  # fmt: skip
        _insert(database, "invoice_lines", [
            {"id": at, "invoice_id": at, "position": 1, "code": "90834", "description": "Therapy", "quantity": 1,
             "unit_cents": 15_000, "discount_cents": 0, "tax_bp": 0, "net_cents": 15_000, "tax_cents": 0, "total_cents": 15_000, "share_id": at}
            for at, *_ in rows
        ])  # fmt: skip
        _insert(database, "invoices", [
            {"id": at, "kind": "invoice", "source": "daily", "number": f"OLD-{at}", "serial": at,
             "payer_id": cast.cleo_payer_id, "client_id": cast.cleo_id, "reference": "", "note": "", "created_at": made, "issued_at": made,
             "issue_date": starts[:10], "due_date": starts[:10], "net_cents": 15_000, "tax_cents": 0, "total_cents": 15_000}
            for at, _who, starts, _ends in rows
        ])  # fmt: skip
        _insert(database, "ledger_transactions", [
            {"id": at, "event": "issued", "at": made, "local_date": starts[:10], "memo": ""}
            for at, _who, starts, _ends in rows
        ])  # fmt: skip
        for shift, account, cents in ((0, "receivable", 15_000), (50_000_000, "income", -15_000)):
            _insert(database, "postings", [
                {"id": at + shift, "transaction_id": at, "account": account, "payer_id": cast.cleo_payer_id,
                 "invoice_id": at if cents > 0 else None, "amount_cents": cents}
                for at, *_ in rows
            ])  # fmt: skip
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


def _insert(database: sqlite3.Connection, table: str, rows: list[dict[str, object]]) -> None:
    names = {column[1] for column in database.execute(f"PRAGMA table_info({table})")}
    columns = [name for name in rows[0] if name in names]
    marks = ", ".join(f":{name}" for name in columns)
    database.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)


if __name__ == "__main__":
    sys.exit(main())
