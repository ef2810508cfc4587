"""The stage: a fresh database per test on SQLite and on PostgreSQL, the cast on it, and browsers that sign in.

Domain tests take `session` (an open writing door) and `cast`. View tests take `client`, or `as_("fay")` for someone
signed in, and look at rows through `rows()`. Never take `session` and a client in one test: two writers would wait for
each other.
"""

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, sync_playwright
from sqlalchemy.orm import Session

from clinic import create_app
from clinic.config import Config
from clinic.kernel.database import db, reading, writing
from clinic.models import guards
from tests import cast as cast_module
from tests.cast import PASSWORD, Cast, email
from tests.postgres import Cluster


class _UndoneError(Exception):
    """Leave the writing door without keeping what the test wrote."""


CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
SWITCHES = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
HTMX = {"HX-Request": "true"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run whatever touches rows on both databases, unless the test itself says on which."""
    chosen = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")]
    if "database" in metafunc.fixturenames and not any("database" in names for names in chosen):
        metafunc.parametrize("database", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Start one Chromium for the whole run."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Start one throwaway PostgreSQL for the whole run."""
    with Cluster.start() as running:
        yield running


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Cast]:
    """Build the SQLite database with the cast that every test starts from a copy of."""
    folder = tmp_path_factory.mktemp("template")
    path = folder / "template.sqlite"
    return path, _build(f"sqlite:///{path}", folder)


@pytest.fixture(scope="session")
def postgresql_template(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Cast]:
    """Build the PostgreSQL database with the cast that every test starts from a copy of."""
    name = f"template_{uuid.uuid4().hex[:8]}"
    return name, _build(cluster.create(name), tmp_path_factory.mktemp("template"))


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Cast]]:
    """Give the test its own copy of the stage: the address and the cast."""
    if request.param == "sqlite":
        template, cast = request.getfixturevalue("sqlite_template")
        shutil.copy(template, tmp_path / "clinic.sqlite")
        yield f"sqlite:///{tmp_path / 'clinic.sqlite'}", cast
        return
    running: Cluster = request.getfixturevalue("cluster")
    template, cast = request.getfixturevalue("postgresql_template")
    name = f"test_{uuid.uuid4().hex[:12]}"
    yield running.create(name, template=template), cast
    running.drop(name)


@pytest.fixture
def cast(database: tuple[str, Cast]) -> Cast:
    """Introduce the cast."""
    return database[1]


@pytest.fixture
def config(database: tuple[str, Cast]) -> Config:
    """Say what the environment is; a test module may override this fixture."""
    return Config(DATABASE_URL=database[0], SECRET_KEY="for tests only", BASE_URL="http://localhost")


@pytest.fixture
def app(config: Config, tmp_path: Path) -> Iterator[Flask]:
    """Start the application on the test's database."""
    app = create_app(config, instance_path=str(tmp_path / "instance"))
    app.config.update(TESTING=False, WTF_CSRF_ENABLED=False)
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def empty_app(app: Flask, database: tuple[str, Cast]) -> Flask:
    """Start the application on tables without a row: no practice yet. Never together with `cast` or `as_`."""
    with app.app_context(), db.engine.begin() as connection:
        guards.remove(connection)
        db.metadata.drop_all(connection)
        db.metadata.create_all(connection)
        guards.install(connection)
    return app


@pytest.fixture
def session(app: Flask) -> Iterator[Session]:
    """Hold the writing door open for a domain test; nothing of it is kept."""
    with app.app_context(), suppress(_UndoneError), writing() as session:
        yield session
        raise _UndoneError


@pytest.fixture
def rows(app: Flask) -> Callable[[], AbstractContextManager[Session]]:
    """Look at rows between requests, inside `with rows() as session:`."""

    @contextmanager
    def look() -> Iterator[Session]:
        with app.app_context(), reading() as session:
            yield session

    return look


@pytest.fixture
def write(app: Flask) -> Callable[[], AbstractContextManager[Session]]:
    """Change rows between requests, inside `with write() as session:`."""

    @contextmanager
    def change() -> Iterator[Session]:
        with app.app_context(), writing() as session:
            yield session

    return change


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Be a browser nobody has signed in with."""
    return app.test_client()


@pytest.fixture
def as_(app: Flask) -> Callable[[str], FlaskClient]:
    """Sign one of the staff in: `as_("fay").get(...)`."""

    def signed_in(name: str) -> FlaskClient:
        browser = app.test_client()
        answer = browser.post("/sign-in", data={"email": email(name), "password": PASSWORD})
        assert answer.status_code == 303, answer.get_data(as_text=True)
        return browser

    return signed_in


def _build(url: str, folder: Path) -> Cast:
    config = Config(DATABASE_URL=url, SECRET_KEY="for tests only")
    app = create_app(config, instance_path=str(folder / "instance"))
    with app.app_context():
        schema(app)
        with writing() as session:
            made = cast_module.make(session)
        db.engine.dispose()
    return made


def schema(app: Flask) -> None:
    """Make the tables and guards of an empty database."""
    with db.engine.begin() as connection:
        db.metadata.create_all(connection)
        guards.install(connection)


def pytest_configure() -> None:
    """Keep the environment of whoever runs the tests out of them."""
    for name in ("DATABASE_URL", "STRIPE_SECRET_KEY", "STRIPE_API_BASE", "CLINIC_FAILPOINT"):
        os.environ.pop(name, None)
