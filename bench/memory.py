#!/usr/bin/env python3
"""Measure the memory of the real server, gunicorn, while people open the main pages and download invoices."""

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, build_opener

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from flask_migrate import upgrade  # noqa: E402
from sqlalchemy import select  # noqa: E402

from clinic import create_app  # noqa: E402
from clinic.config import Config  # noqa: E402
from clinic.kernel.database import db, writing  # noqa: E402
from clinic.models.billing import Invoice  # noqa: E402
from tests import cast as stage  # noqa: E402
from tests.calendar import weeks  # noqa: E402

SHAPES = ((1, 8), (2, 4))
PEOPLE, ROUNDS = 8, 4  # so many at once, so often
PDFS = 6
MEGABYTE = 1024  # /proc counts in kilobytes
START_SECONDS = 60
PAGES = (
    "/", "/calendar/week?day=2026-11-18&practitioner=1", "/calendar/week?day=2026-11-18&practitioner=0",
    "/calendar/team?day=2026-11-18", "/clients", "/clients/1", "/clients/1/billing", "/invoices/", "/invoices/1", "/packages",
    "/settings/details",
)  # fmt: skip


def main() -> None:
    """Print the figures of both shapes."""
    for workers, threads in SHAPES:
        with tempfile.TemporaryDirectory() as folder:
            invoice_ids = fill(folder)
            server, port = started(folder, workers, threads)
            try:
                measure(server, port, workers, threads, invoice_ids)
            finally:
                server.terminate()
                server.wait(30)


def fill(folder: str) -> list[int]:
    """Fill a practice of 400 items; return the issued invoices."""
    app = create_app(Config(DATABASE_URL=f"sqlite:///{folder}/clinic.sqlite", SECRET_KEY="bench"), instance_path=folder)
    with app.app_context():
        upgrade()
        with writing() as session:
            weeks.four_hundred_items(session, stage.make(session))
            found = list(session.scalars(select(Invoice.id)))
        db.engine.dispose()
    return found


def started(folder: str, workers: int, threads: int) -> tuple[subprocess.Popen[bytes], int]:
    """Start the server as docs/install.md does and wait for its first answer."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    known = ("PATH", "HOME", "LANG", "TZ")
    env = {name: os.environ[name] for name in known if name in os.environ}
    env |= {"DATABASE_URL": f"sqlite:///{folder}/clinic.sqlite", "SECRET_KEY": "bench"}
    env |= {"BASE_URL": f"http://127.0.0.1:{port}", "SCHEDULER": "on"}
    command = [
        sys.executable, "-m", "gunicorn", "--worker-class", "gthread", "--workers", str(workers), "--threads", str(threads),
        "--no-control-socket", "--bind", f"127.0.0.1:{port}", "--log-level", "error", "wsgi:app",
    ]  # fmt: skip
    server = subprocess.Popen(command, cwd=ROOT, env=env)
    for _ in range(START_SECONDS * 10):
        try:
            build_opener().open(f"http://127.0.0.1:{port}/sign-in", timeout=5).close()
        except (URLError, ConnectionError, TimeoutError):
            if server.poll() is not None:
                break
            time.sleep(0.1)
            continue
        return server, port
    server.kill()
    raise SystemExit("the server did not start")


def measure(server: subprocess.Popen[bytes], port: int, workers: int, threads: int, invoice_ids: list[int]) -> None:
    """Let people in, and print the memory at each step."""
    address = f"http://127.0.0.1:{port}"
    print(f"gunicorn, {workers} x {threads} threads")
    report("started", server.pid)
    with ThreadPoolExecutor(PEOPLE) as pool:
        people = list(pool.map(lambda _: signed_in(address), range(PEOPLE)))
        report("signed in, argon2", server.pid)
        list(pool.map(lambda one: [visit(one, address + page) for _ in range(ROUNDS) for page in PAGES], people))
        report(f"{PEOPLE * ROUNDS * len(PAGES)} pages", server.pid)
        for invoice_id in invoice_ids[:1]:
            visit(people[0], f"{address}/invoices/{invoice_id}/pdf")
        report("one PDF", server.pid)
        list(pool.map(lambda at: visit(people[at], f"{address}/invoices/{invoice_ids[at + 1]}/pdf"), range(PDFS)))
        report(f"{PDFS} PDFs at once", server.pid)
        list(pool.map(lambda one: [visit(one, address + page) for page in PAGES], people))
        report("and pages again", server.pid)


def signed_in(address: str) -> OpenerDirector:
    """Sign in as the owner."""
    browser = build_opener(HTTPCookieProcessor(CookieJar()))
    page = browser.open(f"{address}/sign-in", timeout=60).read().decode()
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found
    typed = {"email": stage.email("olga"), "password": stage.PASSWORD, "csrf_token": found[1]}
    answer = browser.open(f"{address}/sign-in", urlencode(typed).encode(), timeout=60)
    assert "/sign-in" not in answer.url
    return browser


def visit(browser: OpenerDirector, address: str) -> None:
    """Read a page to its end; anything but 200 raises."""
    browser.open(address, timeout=120).read()


def report(step: str, pid: int) -> None:
    """Print what the master and its workers hold together, and the most each of them ever held."""
    pids = [pid, *children(pid)]
    own = sum(kilobytes(one, "smaps_rollup", "Pss") for one in pids)
    peaks = [kilobytes(one, "status", "VmHWM") for one in pids]
    shown = " + ".join(f"{peak / MEGABYTE:.0f}" for peak in peaks)
    print(f"  {step:22} {own / MEGABYTE:6.1f} MB PSS together; peak RSS {shown} MB (master + workers)")


def children(pid: int) -> list[int]:
    """List the workers of the master."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def kilobytes(pid: int, name: str, key: str) -> int:
    """Read one line of a file the kernel keeps on a process."""
    found = re.search(rf"^{key}:\s+(\d+) kB", Path(f"/proc/{pid}/{name}").read_text(), re.MULTILINE)
    assert found
    return int(found[1])


if __name__ == "__main__":
    main()
