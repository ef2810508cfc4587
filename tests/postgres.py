"""A throwaway PostgreSQL for one test run: its own folder, its own socket, gone afterwards."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

USER = "postgres"


@dataclass(frozen=True)
class Cluster:
    """Be a running server, reached through a socket in a temporary folder."""

    folder: Path

    @classmethod
    @contextmanager
    def start(cls, within: str | None = None) -> Iterator["Cluster"]:
        """Start a server and stop it at the end, in a folder `within` another or where temporary ones are.

        The server refuses to run as root, so root starts it as `postgres`.
        """
        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
        if not programs:
            raise RuntimeError("PostgreSQL is missing: install the Debian package postgresql")
        folder = Path(tempfile.mkdtemp(prefix="clinic-pg-", dir=within))
        if os.geteuid() == 0:
            entry = pwd.getpwnam(USER)
            os.chown(folder, entry.pw_uid, entry.pw_gid)
        cluster, data = cls(folder), folder / "data"
        try:
            cluster._run(programs[-1] / "initdb", "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N")
            # No vacuum in the background: with it a row may be written where a deleted one was, before those that came earlier.
            options = f"-k {folder} -c listen_addresses='' -c fsync=off -c full_page_writes=off -c max_connections=200 "
            options += "-c autovacuum=off -c jit=off -c wal_level=minimal -c max_wal_senders=0 -c max_wal_size=128MB"
            cluster._run(programs[-1] / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start")
            try:
                yield cluster
            finally:
                cluster._run(programs[-1] / "pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def create(self, name: str, *, template: str = "template1") -> str:
        """Make a database and return its address."""
        self._execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(sql.Identifier(name), sql.Identifier(template))
        )
        return f"postgresql://{USER}@/{name}?host={self.folder}"

    def drop(self, name: str) -> None:
        """Drop a database, whoever is still connected."""
        self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(host=str(self.folder), user=USER, dbname="postgres", autocommit=True) as connection:
            connection.execute(statement)

    def _run(self, *command: object) -> None:
        as_user = ["runuser", "-u", USER, "--"] if os.geteuid() == 0 else []
        done = subprocess.run([*as_user, *map(str, command)], capture_output=True, text=True, check=False, cwd="/tmp",
                              stdin=subprocess.DEVNULL)  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{command[0]}: {done.stdout}{done.stderr}")
