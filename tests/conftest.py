"""The stage: a database as new for each test on SQLite and on PostgreSQL, the cast on it, and browsers that sign in.

Domain tests take `session` (an open writing door) and `cast`. View tests take `client`, or `as_("fay")` for someone
signed in, and look at rows through `rows()`. Never take `session` and a client in one test: two writers would wait for
each other.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import hypothesis
import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, sync_playwright
from sqlalchemy.orm import Session

from clinic import create_app
from clinic.config import Config
from clinic.kernel import clock
from clinic.kernel.database import db, reading, writing
from clinic.models import guards
from tests import cast as cast_module
from tests import databases
from tests.cast import PASSWORD, Cast, email
from tests.databases import Apps, PostgreSQLStage, SQLiteStage, Stage
from tests.portal import doors
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
    with Cluster.start(databases.folder_in_memory()) as running:
        yield running


@pytest.fixture(scope="session")
def memory() -> Iterator[Path]:
    """Give a folder for databases: in memory where there is room, so that no test waits for a disk."""
    with tempfile.TemporaryDirectory(prefix="clinic-stage-", dir=databases.folder_in_memory()) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def apps(memory: Path) -> Iterator[Apps]:
    """Keep the applications that tests of the same settings share."""
    kept = Apps(memory / "apps")
    yield kept
    kept.let_all_go()


@pytest.fixture(scope="session")
def sqlite_stage(memory: Path) -> SQLiteStage:
    """Build the SQLite database with the cast that every test starts from."""
    return SQLiteStage(memory, _build)


@pytest.fixture(scope="session")
def postgresql_stage(cluster: Cluster, memory: Path) -> PostgreSQLStage:
    """Build the PostgreSQL database with the cast that every test starts from."""
    return PostgreSQLStage(cluster, memory, _build)


@pytest.fixture
def database(request: pytest.FixtureRequest, apps: Apps) -> tuple[str, Cast]:
    """Give the test the stage as it was at first: the address and the cast."""
    stage: Stage = request.getfixturevalue(f"{request.param}_stage")
    if request.param == "sqlite":
        apps.let_all_go()  # a connection to the file of the test before would go on with that one
    stage.put_back()
    apps.addresses.add(stage.url)
    return stage.url, stage.cast


@pytest.fixture
def cast(database: tuple[str, Cast]) -> Cast:
    """Introduce the cast."""
    return database[1]


@pytest.fixture
def config(database: tuple[str, Cast]) -> Config:
    """Say what the environment is; a test module may override this fixture."""
    return Config(DATABASE_URL=database[0], SECRET_KEY="for tests only", BASE_URL="http://localhost")


@pytest.fixture
def app(config: Config, apps: Apps, tmp_path: Path) -> Iterator[Flask]:
    """Start the application on the test's database, or give the one that earlier tests of the same settings had, put back."""
    if config.DATABASE_URL in apps.addresses:
        yield apps.on_stage(config)
        return
    app = apps.start(config, tmp_path / "instance")
    yield app
    apps.let_go(app)


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


@pytest.fixture
def in_portal(app: Flask, cast: Cast, write: Callable[[], AbstractContextManager[Session]]) -> Callable[..., FlaskClient]:
    """Sign one of the clients in to the portal: `in_portal("cleo").get("/portal/")`; into a browser of one's own, too."""

    def signed_in(name: str, browser: FlaskClient | None = None) -> FlaskClient:
        browser = browser or app.test_client()
        with write() as session:
            client_id = {"cleo": cast.cleo_id, "otto": cast.otto_id}[name]
            access = doors.granted(session, cast, client_id, doors.ADDRESSES[name], clock.now())
            token = doors.link_to(session, cast, access, clock.now())
        answer = browser.post(f"/portal/link/{token}")
        assert answer.headers["Location"] == "/portal/", answer.get_data(as_text=True)
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
    """Keep the environment of whoever runs the tests out of them, and the speed of the machine too."""
    hypothesis.settings.register_profile("clinic", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
    hypothesis.settings.load_profile("clinic")
    for name in ("DATABASE_URL", "STRIPE_SECRET_KEY", "STRIPE_API_BASE", "CLINIC_FAILPOINT"):
        os.environ.pop(name, None)
