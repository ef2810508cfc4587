"""The scheduler: one tick a minute, in one process of however many serve this practice; between, what someone waits for."""

import fcntl
import logging
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from clinic.billing.paper import Paper
from clinic.billing.stripe_gateway import Gateway
from clinic.jobs import print_documents, send_messages
from clinic.jobs.tick import tick
from clinic.kernel import clock
from clinic.kernel.database import db
from clinic.messages.smtp import Mailer

TICK_SECONDS = 60
LINKS_SECONDS = 5
DOCUMENTS_SECONDS = 2
DOCUMENTS_LASTING = timedelta(seconds=10)  # at most so long at a time: a server that stops waits for it
LEADER_LOCK = 0x6C656164  # beside the writer's key on PostgreSQL
log = logging.getLogger("clinic.jobs")


class Lead(Protocol):
    """Be a lock that one process at a time can hold, and that dies with it."""

    def is_held(self) -> bool:
        """Take the lock if it is free, and say whether this process has it."""


class FileLead:
    """Lead by a lock on a file beside the SQLite database."""

    def __init__(self, path: Path) -> None:
        self._path, self._file = path, -1

    def is_held(self) -> bool:
        """Take the lock if it is free, and say whether this process has it."""
        if self._file >= 0:
            return True
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        self._file = file
        return True


class PostgresLead:
    """Lead by a session lock on a connection of its own, asked again every time: a lost connection has lost the lead."""

    def __init__(self, url: str) -> None:
        self._engine: Engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        self._connection: Connection | None = None

    def is_held(self) -> bool:
        """Take the lock if it is free, and say whether this process has it."""
        try:
            if self._connection is not None:
                self._connection.execute(text("SELECT 1"))
                return True
            connection = self._engine.connect()
            if connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": LEADER_LOCK}):
                self._connection = connection
                return True
            connection.close()
        except SQLAlchemyError:
            self._connection = None
        return False


def lead_for(url: str) -> Lead:
    """Return the lock that suits the database at that address."""
    if url.startswith("sqlite"):
        return FileLead(Path(url.removeprefix("sqlite:///") + ".scheduler.lock"))
    return PostgresLead(url)


def start(
    enter: Callable[[], AbstractContextManager[Any]],
    gateway: Gateway | None,
    mailer: Mailer | None = None,
    paper: Paper | None = None,
) -> Any:
    """Tick once a minute from a thread of this process, whenever it leads; the first tick comes at once.

    Args:
        enter: opens the application's context, which the database needs.
    """
    from apscheduler.schedulers.background import BackgroundScheduler

    with enter():
        lead = lead_for(db.engine.url.render_as_string(hide_password=False))
    scheduler = BackgroundScheduler(timezone="UTC")
    scheduler.add_job(
        lambda: beat_once(enter, gateway, lead, mailer, paper),
        "interval",
        seconds=TICK_SECONDS,
        id="tick",
        next_run_time=clock.now(),
        misfire_grace_time=None,
        coalesce=True,
        max_instances=1,
    )
    if mailer is not None:
        scheduler.add_job(
            lambda: send_links_once(enter, mailer),
            "interval",
            seconds=LINKS_SECONDS,
            id="links",
            misfire_grace_time=None,
            coalesce=True,
            max_instances=1,
        )
    if paper is not None:
        _print_documents(scheduler, enter, paper)
    scheduler.start()
    return scheduler


def beat_once(
    enter: Callable[[], AbstractContextManager[Any]],
    gateway: Gateway | None,
    lead: Lead,
    mailer: Mailer | None = None,
    paper: Paper | None = None,
) -> None:
    """Do what is due if this process leads. A tick that fails is written down; the next one tries again."""
    try:
        if not lead.is_held():
            return
        with enter():
            for sentence in tick(gateway, clock.now, mailer, paper):
                log.info(sentence)
    except Exception as error:  # noqa: BLE001 - the scheduler must outlive one bad minute
        log.error("the tick failed: %s", type(error).__name__)


def send_links_once(enter: Callable[[], AbstractContextManager[Any]], mailer: Mailer) -> None:
    """Send the sign-in links that wait. Any process may: each message is claimed before it is sent."""
    try:
        with enter():
            send_messages.run_links(mailer, clock.now)
    except Exception as error:  # noqa: BLE001 - the scheduler must outlive it; the tick tries again
        log.error("sending links failed: %s", type(error).__name__)


def _print_documents(scheduler: Any, enter: Callable[[], AbstractContextManager[Any]], paper: Paper) -> None:
    """Make documents again and again, with a pause after each turn: a long turn is not a missed one."""

    def turn() -> None:
        print_documents_once(enter, paper)
        _print_documents(scheduler, enter, paper)

    at = clock.now() + timedelta(seconds=DOCUMENTS_SECONDS)
    scheduler.add_job(turn, "date", run_date=at, id="documents", replace_existing=True, misfire_grace_time=None)


def print_documents_once(enter: Callable[[], AbstractContextManager[Any]], paper: Paper) -> None:
    """Make documents of the series that wait. Any process may: each series is claimed before it is worked on."""
    try:
        with enter():
            print_documents.run(paper, clock.now, DOCUMENTS_LASTING)
    except Exception as error:  # noqa: BLE001 - the scheduler must outlive it; the next turn goes on
        log.error("making documents failed: %s", type(error).__name__)
