"""The stage between two tests: one database of each kind for a whole run, put back to the cast, and the applications on it.

A fresh database and a fresh application for each test cost more than most tests do. What is kept is put back completely: rows,
sequences, the application's settings and its folder; and a database whose tables or guards a test changed is made anew.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import psycopg
from flask import Flask
from jinja2 import FileSystemBytecodeCache
from psycopg import sql

from clinic import create_app
from clinic.config import Config
from clinic.kernel.database import db
from tests.cast import Cast
from tests.postgres import Cluster

APPS_MAX = 4  # of one process: tests with a stand-in of their own each bring settings of their own
PUT_BACK_MAX = 150  # then the dead rows are worth a fresh copy
MEMORY = Path("/dev/shm")
MEMORY_BYTES_MIN = 1 << 30
Build = Callable[[str, Path], Cast]

# What changes whenever the tables or the guards do. `xmin`: who wrote the catalogue's row.
_SHAPE = """
SELECT md5(string_agg(oid::text || ':' || xmin::text, ',' ORDER BY oid)) FROM (
    SELECT oid, xmin FROM pg_class WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT oid, xmin FROM pg_trigger
    UNION ALL SELECT oid, xmin FROM pg_constraint
    UNION ALL SELECT oid, xmin FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT oid, xmin FROM pg_namespace
    UNION ALL SELECT attrelid, xmin FROM pg_attribute WHERE attnum > 0 AND attrelid IN
        (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
) AS shape"""
# Somebody a test left behind, who could hold the next one up.
_IN_THE_WAY = """
SELECT count(*) FROM pg_stat_activity AS other WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND (xact_start IS NOT NULL OR pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory'))"""


class Stage(Protocol):
    """Be the one database of its kind that the tests of this process share."""

    url: str
    cast: Cast

    def put_back(self) -> None:
        """Leave the cast on it, and nothing else."""


class SQLiteStage:
    """Put a copy of the template's file into an empty folder."""

    def __init__(self, folder: Path, build: Build) -> None:
        self._template, self._folder = folder / "template.sqlite", folder / "practice"
        self.cast = build(f"sqlite:///{self._template}", folder)
        self.url = f"sqlite:///{self._folder / 'clinic.sqlite'}"

    def put_back(self) -> None:
        """Remove the file and all beside it: whoever has the old one open keeps that."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(mode=0o700)
        shutil.copy(self._template, self._folder / "clinic.sqlite")


class PostgreSQLStage:
    """Delete all rows and insert the cast's again; make the database anew when more than rows was changed."""

    def __init__(self, cluster: Cluster, folder: Path, build: Build) -> None:
        self._cluster = cluster
        self.cast = build(cluster.create("template_stage"), folder)
        self._connection: psycopg.Connection | None = None
        self.url = self._make_anew()
        self._script = self._written_out()

    def put_back(self) -> None:
        """Leave every table and sequence as the template has them."""
        self._turns += 1
        if self._turns > PUT_BACK_MAX or not self._rows_put_back():
            self._make_anew()

    def _rows_put_back(self) -> bool:
        assert self._connection
        try:
            (in_the_way,) = self._connection.execute(_IN_THE_WAY).fetchone() or (1,)
            if in_the_way or self._shape_now() != self._shape:
                return False
            self._connection.execute(self._script.encode())
        except psycopg.Error:
            return False
        return True

    def _make_anew(self) -> str:
        if self._connection:
            self._connection.close()
            self._cluster.drop("stage")
        url = self._cluster.create("stage", template="template_stage")
        self._connection = psycopg.connect(url, autocommit=True)
        self._connection.execute(
            "SET lock_timeout = '5s'; SET session_replication_role = replica"
        )  # nothing guards, nothing refers
        self._shape, self._turns = self._shape_now(), 0
        return url

    def _shape_now(self) -> str:
        assert self._connection
        return str((self._connection.execute(_SHAPE).fetchone() or ("",))[0])

    def _written_out(self) -> str:
        """Write the template's rows out as the statements that bring them back, in one transaction."""
        run = self._connection.execute if self._connection else None
        assert run
        tables = [name for (name,) in run("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        sequences = [name for (name,) in run("SELECT sequencename FROM pg_sequences WHERE schemaname = 'public'")]
        steps = ["BEGIN", *(f'DELETE FROM "{table}"' for table in tables)]
        for table in tables:
            columns = [name for (name,) in run(
                "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
                " AND attgenerated = '' ORDER BY attnum", (f'"{table}"',))]  # fmt: skip
            named = sql.SQL(", ").join(map(sql.Identifier, columns))
            quoted = sql.SQL(" || ', ' || ").join(
                sql.SQL("quote_nullable({}::text)").format(sql.Identifier(name)) for name in columns
            )
            rows = [row for (row,) in run(sql.SQL("SELECT {} FROM {} ORDER BY ctid").format(quoted, sql.Identifier(table)))]
            if rows:
                head = sql.SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE VALUES ").format(sql.Identifier(table), named)
                steps.append(head.as_string() + ", ".join(f"({row})" for row in rows))
        for name in sequences:
            last, is_called = run(sql.SQL("SELECT last_value, is_called FROM {}").format(sql.Identifier(name))).fetchone() or (
                1,
                False,
            )
            steps.append(f"SELECT setval('\"{name}\"', {last}, {str(is_called).lower()})")
        return "; ".join([*steps, "COMMIT"])


class Apps:
    """Keep the applications on the shared databases, one for each set of settings."""

    def __init__(self, folder: Path) -> None:
        self.addresses: set[str] = set()  # of the databases that are put back between tests
        self._folder = folder
        self._made = 0
        folder.mkdir()
        self._templates = FileSystemBytecodeCache(str(folder))  # compiling a page takes longer than showing it
        self._kept: dict[Config, tuple[Flask, dict[str, object], dict[str, object]]] = {}

    def on_stage(self, config: Config) -> Flask:
        """Return the application of these settings as it was when it started, with an empty folder."""
        if config not in self._kept:
            while len(self._kept) >= APPS_MAX:
                self.let_go(self._kept.pop(next(iter(self._kept)))[0])
            self._made += 1
            app = self.start(config, self._folder / f"instance-{self._made}")
            self._kept[config] = app, dict(app.config), dict(app.extensions)
        app, settings, extensions = self._kept[config]
        for now, then in ((app.config, settings), (app.extensions, extensions)):
            now.clear()
            now.update(then)
        shutil.rmtree(app.instance_path, ignore_errors=True)
        Path(app.instance_path).mkdir(mode=0o700)
        return app

    def start(self, config: Config, instance: Path) -> Flask:
        """Start an application."""
        app = create_app(config, instance_path=str(instance))
        app.config.update(TESTING=False, WTF_CSRF_ENABLED=False)
        app.jinja_env.bytecode_cache = self._templates
        return app

    def let_go(self, app: Flask) -> None:
        """Close an application's connections."""
        with app.app_context():
            db.engine.dispose()

    def let_all_go(self) -> None:
        """Close every connection there is."""
        for app, _settings, _extensions in self._kept.values():
            self.let_go(app)


def folder_in_memory() -> str | None:
    """Name the folder that lies in memory, where nothing waits for a disk; None when there is none with enough room."""
    if not os.access(MEMORY, os.W_OK) or shutil.disk_usage(MEMORY).free < MEMORY_BYTES_MIN:
        return None
    return str(MEMORY)
