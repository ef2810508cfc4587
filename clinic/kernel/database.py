"""The database's two doors, its base class and its pragmas: one writer at a time on SQLite and PostgreSQL alike."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import Enum as PythonEnum
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import DateTime, Dialect, Engine, Enum, Insert, MetaData, Table, event, insert, text
from sqlalchemy.engine import Connection
from sqlalchemy.orm import DeclarativeBase, Session, registry
from sqlalchemy.types import TypeDecorator

WRITER_LOCK = 0x636C696E  # the one key every writer of this database takes on PostgreSQL
BUSY_TIMEOUT_MS = 10_000
_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Instant(TypeDecorator[datetime]):
    """Store an aware instant in UTC; refuse a naive one; give back aware UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive values and hand the driver UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise TypeError("an instant must be aware")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return aware UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _values(enum: type[PythonEnum]) -> list[str]:
    return [member.value for member in enum]


class Base(DeclarativeBase):
    """Be the base of every model. Plain typed classes, relations `lazy="raise"`."""

    registry = registry(
        metadata=MetaData(naming_convention=_CONVENTION),
        type_annotation_map={
            datetime: Instant,
            StrEnum: Enum(StrEnum, native_enum=False, length=24, values_callable=_values),
        },
    )


db = SQLAlchemy(model_class=Base, disable_autonaming=True, session_options={"expire_on_commit": False})


@contextmanager
def writing() -> Iterator[Session]:
    """Open the one writing transaction of the whole database; commit on the way out, undo on an error.

    Keep it open for milliseconds: never across Stripe, SMTP or a PDF. Doors never nest.
    """
    with _door("writing") as session:
        connection = session.info["connection"] = session.connection(execution_options={"write": True})
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITER_LOCK})
        yield session
        session.commit()


@contextmanager
def reading() -> Iterator[Session]:
    """Open a snapshot to read from; a change flushed inside is an error. Doors never nest."""
    with _door("reading") as session:
        options = {}
        if db.engine.dialect.name == "postgresql":
            options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        session.info["connection"] = session.connection(execution_options=options)
        yield session


@contextmanager
def _door(name: str) -> Iterator[Session]:
    session = cast(Session, db.session())
    if "door" in session.info:
        raise RuntimeError(f"a {name} door was opened inside a {session.info['door']} door")
    session.info["door"] = name
    try:
        yield session
    finally:
        # close() alone: rollback() before it would expire what was loaded.
        session.close()
        session.info.clear()


def connection_of(session: Session) -> Connection:
    """Return the connection a door holds, for statements past the unit of work; asking the session each time costs more."""
    held: Connection | None = session.info.get("connection")
    return held if held is not None else session.connection()


def put(session: Session, model: type[Base], rows: Sequence[dict[str, Any]]) -> int:
    """Insert rows at once, past the unit of work: a run of thousands pays a fifth of what flushing costs.

    What waits in the session is written first. Returns the id of a row put alone, else 0.
    """
    _check_may_write(session)
    session.flush()
    line = connection_of(session)
    if len(rows) > 1:
        line.execute(_insert_of(model), rows)
        return 0
    key = line.execute(_insert_of(model), rows[0]).inserted_primary_key
    assert key is not None
    return int(key[0])


@lru_cache
def _insert_of(model: type[Base]) -> Insert:
    return insert(cast(Table, model.__table__))


def _check_may_write(session: Session) -> None:
    if session.info.get("door") != "writing":
        raise RuntimeError("a change was made outside the writing door")


@event.listens_for(Session, "before_flush")
def _refuse_changes_outside_the_writing_door(session: Session, _context: object, _instances: object) -> None:
    if session.new or session.dirty or session.deleted:
        _check_may_write(session)


@event.listens_for(Engine, "connect")
def _on_connect(raw: object, _record: object) -> None:
    if not isinstance(raw, sqlite3.Connection):
        return
    raw.isolation_level = None  # SQLAlchemy's begin event below says BEGIN; legacy mode would not, for SELECT or DDL
    for pragma in (
        "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={BUSY_TIMEOUT_MS}",
        "trusted_schema=OFF", "secure_delete=ON",
    ):  # fmt: skip
        raw.execute(f"PRAGMA {pragma}").close()


@event.listens_for(Engine, "begin")
def _on_begin(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        write = connection.get_execution_options().get("write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def normal_url(url: str, folder: str) -> str:
    """Return the address SQLAlchemy understands: `postgres://` becomes psycopg's, a relative SQLite path lies in `folder`."""
    for old in ("postgres://", "postgresql://"):
        if url.startswith(old):
            return "postgresql+psycopg://" + url.removeprefix(old)
    path = url.removeprefix("sqlite:///")
    if path != url and path and not path.startswith(("/", ":memory:")):
        return f"sqlite:///{Path(folder) / path}"
    return url


def engine_options(url: str) -> dict[str, Any]:
    """Return the engine's options for that address."""
    return {} if url.startswith("sqlite") else {"pool_pre_ping": True, "pool_size": 8, "max_overflow": 8}
