#!/usr/bin/env python3
"""Time `flask verify` over ten years of a practice: 200,000 invoiced and paid appointments, and how much memory it takes."""

import argparse
import os
import resource
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench import ten_years  # noqa: E402
from bench.week_page import filled  # noqa: E402
from clinic import create_app  # noqa: E402
from clinic.config import Config  # noqa: E402
from clinic.kernel.database import reading  # noqa: E402
from clinic.office import verify  # noqa: E402

SECONDS_MAX, GROWN_MB_MAX = 30, 48
PAID = """
INSERT INTO payments (id, payer_id, method, amount_cents, received_date, created_at, reference, reversed_reason)
    SELECT id, payer_id, 'cash', total_cents, issue_date, issued_at, '', '' FROM invoices WHERE id >= {first};
INSERT INTO ledger_transactions (id, event, at, local_date, memo)
    SELECT id + {offset}, 'paid', issued_at, issue_date, '' FROM invoices WHERE id >= {first};
INSERT INTO postings (transaction_id, account, payer_id, invoice_id, payment_id, amount_cents)
    SELECT id + {offset}, 'money', payer_id, NULL, id, total_cents FROM invoices WHERE id >= {first};
INSERT INTO postings (transaction_id, account, payer_id, invoice_id, payment_id, amount_cents)
    SELECT id + {offset}, 'receivable', payer_id, id, id, -total_cents FROM invoices WHERE id >= {first};
UPDATE number_series SET next_number = (SELECT max(serial) + 1 FROM invoices) WHERE kind = 'invoice';
ANALYZE;
"""


def main() -> int:
    """Print seconds and megabytes; the exit status is 1 when it is too much, or when anything is off."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200_000, help="appointments")
    count = parser.parse_args().count
    with tempfile.TemporaryDirectory() as folder:
        filling = os.fork()  # what filling takes of memory is not the check's
        if not filling:
            fill(folder, count)
            os._exit(0)
        assert os.waitpid(filling, 0)[1] == 0, "the practice could not be filled"
        app = create_app(Config(DATABASE_URL=f"sqlite:///{folder}/bench.sqlite", SECRET_KEY="bench"), instance_path=folder)
        before, whole = peak_mb(), time.perf_counter()
        found = []
        with app.app_context(), reading() as session:
            for check in verify.CHECKS:
                began = time.perf_counter()
                found += list(check(session))
                if time.perf_counter() - began > 0.2:
                    print(f"{check.__name__.strip('_'):20} {time.perf_counter() - began:6.2f} s")
        taken, grown = time.perf_counter() - whole, peak_mb() - before
    print(*found[:10], sep="\n")
    print(f"verify, {count:,} appointments, invoices and payments: {taken:.1f} s (at most {SECONDS_MAX}), "
          f"{grown:.0f} MB more at its peak (at most {GROWN_MB_MAX})")  # fmt: skip
    return int(bool(found) or taken > SECONDS_MAX or grown > GROWN_MB_MAX)


def fill(folder: str, count: int) -> None:
    """Write ten years of appointments, each invoiced and paid, as the rules would leave them."""
    _app, cast = filled(folder, lambda _session, _cast: None)
    path = f"{folder}/bench.sqlite"
    ten_years._fill(path, cast, ten_years.YEARS * 365, count, serials_from=1)
    with sqlite3.connect(path) as database:
        database.executescript(PAID.format(first=ten_years.FIRST_ID, offset=ten_years.EARNED_FROM * 2))


def peak_mb() -> float:
    """Return the most memory this process ever took, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(main())
