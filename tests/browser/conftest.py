"""A real Chromium, and the demo practice as `script/demo` serves it from a fresh copy with an empty home."""

import contextlib
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect
from werkzeug.serving import make_server

from tests.cast import PASSWORD as CAST_PASSWORD
from tests.cast import email

ROOT = Path(__file__).parent.parent.parent
STARTS_SECONDS_MAX = 300  # a cold package cache on a slow line
PASSWORD = "clinic-demo-2026"


@dataclass(frozen=True)
class Demo:
    """Be a running `script/demo` and the folder it runs in."""

    folder: Path
    port: int
    environment: dict[str, str]

    @property
    def url(self) -> str:
        """Return where it is served."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def stripe_url(self) -> str:
        """Return where the stand-in for Stripe is served."""
        return f"http://127.0.0.1:{self.port + 1}"

    def flask(self, *words: str, failpoint: str = "") -> subprocess.CompletedProcess[str]:
        """Run a `flask` command on the demo's database, as its README says."""
        environment = self.environment | {
            "DATABASE_URL": "sqlite:///demo.sqlite", "STRIPE_SECRET_KEY": "sk_test_demo", "STRIPE_API_BASE": self.stripe_url,
            "BASE_URL": self.url,
        }  # fmt: skip
        if failpoint:
            environment["CLINIC_FAILPOINT"] = failpoint
        command = [".venv/bin/python", "-m", "flask", *words]
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False, timeout=300
        )

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Read the demo's database past the application."""
        with contextlib.closing(sqlite3.connect(f"file:{self.folder / 'instance/demo.sqlite'}?mode=ro", uri=True)) as database:
            return database.execute(query).fetchall()


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Start `script/demo` on a fresh copy of what git would clone, with an empty home, and end it as Ctrl-C does.

    While working on a walk, CLINIC_DEMO=folder:port takes one that runs already.
    """
    if "CLINIC_DEMO" in os.environ:
        running_in, _, port = os.environ["CLINIC_DEMO"].rpartition(":")
        yield Demo(Path(running_in), int(port), {"PATH": os.environ["PATH"]})
        return
    folder, home = tmp_path_factory.mktemp("clone"), tmp_path_factory.mktemp("home")
    listed = subprocess.run(["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True)
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "PORT": str(_free_pair())}
    for name in (
        "PIP_INDEX_URL",
        "PIP_CONFIG_FILE",
        "PIP_CERT",
        "SSL_CERT_FILE",
        "REQUESTS_CA_BUNDLE",
        "https_proxy",
        "http_proxy",
    ):
        if name in os.environ:  # how this machine reaches its packages is not the demo's business
            environment[name] = os.environ[name]
    said = (folder / "demo.log").open("w")
    running = subprocess.Popen(["script/demo"], cwd=folder, env=environment, stdout=said, stderr=said, start_new_session=True)
    served = Demo(folder, int(environment["PORT"]), environment)
    try:
        _wait_for(served, running)
        yield served
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGINT)
        running.wait(30)
    assert not _answers(served.url), "Ctrl-C ends all of it"


@pytest.fixture
def served(app: Flask) -> Iterator[str]:
    """Serve the cast's practice from this process, where a test can change rows between two clicks; give its address."""
    app.config["WTF_CSRF_ENABLED"] = True
    server = make_server("localhost", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def visit(chromium: Browser) -> Callable[..., AbstractContextManager[Page]]:
    """Open a page that complains of whatever goes wrong behind it: `with visit(javascript=False) as page:`."""

    @contextlib.contextmanager
    def opened(*, javascript: bool = True, width: int = 1440, height: int = 900) -> Iterator[Page]:
        context = chromium.new_context(
            java_script_enabled=javascript, viewport={"width": width, "height": height}, accept_downloads=True
        )
        context.set_default_timeout(15_000)
        page, wrong = context.new_page(), []
        page.on("pageerror", lambda error: wrong.append(f"script error: {error}"))
        page.on("console", lambda line: wrong.append(line.text) if "Content Security Policy" in line.text else None)
        page.on("response", lambda answer: wrong.append(f"{answer.status} {answer.url}") if answer.status >= 500 else None)
        try:
            yield page
        finally:
            context.close()
        assert wrong == []

    return opened


def sign_in(page: Page, demo: Demo, name: str) -> None:
    """Sign one of the demo's accounts in."""
    page.goto(f"{demo.url}/sign-in")
    page.get_by_label("E-mail").fill(f"{name}@demo.example")
    page.get_by_label("Password").fill(PASSWORD)
    _pressed(page)


def enter(page: Page, served: str, name: str = "fay") -> None:
    """Sign one of the cast in."""
    page.goto(f"{served}/sign-in")
    page.get_by_label("E-mail").fill(email(name))
    page.get_by_label("Password").fill(CAST_PASSWORD)
    _pressed(page)


def _pressed(page: Page) -> None:
    page.get_by_role("button", name="Sign in").click()
    # Under load the form may not have left yet: whoever went on at once would cut it off and be nobody.
    expect(page).not_to_have_url(re.compile("/sign-in"), timeout=15_000)


@contextlib.contextmanager
def settled(page: Page) -> Iterator[None]:
    """Wait, after what is done inside, until htmx has shown the answer and its listeners have run, or another page came."""
    page.evaluate("""() => {
        const mark = document.documentElement;
        mark.setAttribute("data-unsettled", "");
        const settle = () => setTimeout(() => mark.removeAttribute("data-unsettled"));
        document.addEventListener("htmx:afterSettle", settle, {once: true});
    }""")
    yield
    # Not a promise of the page's: an answer that never comes must end in an error, and a promise would be waited for.
    expect(page.locator("html[data-unsettled]")).to_have_count(0, timeout=15_000)


def _free_pair() -> int:
    # Each process of the run looks in a range of its own: between looking and serving another could take the pair.
    first = 18_000 + 200 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    for port in range(first, first + 200, 2):
        with contextlib.ExitStack() as opened:
            try:
                for each in (port, port + 1):
                    opened.enter_context(contextlib.closing(socket.socket())).bind(("127.0.0.1", each))
            except OSError:
                continue
            return port
    raise RuntimeError("no two free ports")


def _wait_for(served: Demo, running: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STARTS_SECONDS_MAX
    while not _answers(f"{served.url}/sign-in"):
        if running.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"script/demo did not come up:\n{(served.folder / 'demo.log').read_text()}")
        time.sleep(0.3)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def too_small(page: Page) -> list[str]:
    """Return what a thumb or an eye misses on a phone: text under 14 px, the bar at the foot aside, and targets under 44 px."""
    found: list[str] = page.evaluate("""() => {
        const shown = (one) => {
            const box = one.getBoundingClientRect();
            return box.width > 1 && box.height > 1 && !one.closest(".vh, .skip, .nav");
        };
        const words = (one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
        const size = (one) => parseFloat(getComputedStyle(one).fontSize);
        const typed = "input:not([type=radio], [type=checkbox], [type=hidden])";
        const targets = `a, button, select, textarea, summary, label:has(input), ${typed}`;
        const named = (what) => (one) => `${what} ${one.tagName}.${one.className} ${one.textContent.trim().slice(0, 30)}`;
        const all = (chosen) => [...document.body.querySelectorAll(chosen)].filter(shown);
        return [
            ...all("*").filter((one) => words(one) && size(one) < 14).map(named("text")),
            ...all(targets).filter((one) => one.getBoundingClientRect().height < 43.5).map(named("target")),
        ];
    }""")
    return found
