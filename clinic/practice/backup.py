"""Consistent copies of the whole database, taken while people work, and their checked way back."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import URL, Engine, create_engine, text, update
from sqlalchemy.exc import SQLAlchemyError

from clinic.kernel.errors import RefusalError
from clinic.models import guards
from clinic.models.practice import Practice

IN_USE_WAIT_MS = 1_000
PROGRAM_SECONDS_MAX = 3_600
# Everything of this application goes before the copy comes, in the same transaction; extensions stay.
_EMPTY = """
DO $$ DECLARE thing record; BEGIN
    FOR thing IN SELECT tablename FROM pg_tables WHERE schemaname = current_schema() LOOP
        EXECUTE format('DROP TABLE %I CASCADE', thing.tablename);
    END LOOP;
    FOR thing IN SELECT pg_proc.oid::regprocedure AS name FROM pg_proc
        WHERE pronamespace = current_schema()::regnamespace
        AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e') LOOP
        EXECUTE format('DROP FUNCTION %s CASCADE', thing.name);
    END LOOP;
END $$
"""


class BackupError(RefusalError):
    """Refuse a backup or a restore, with what to do about it."""


def automatic(folder: Path, engine: Engine, word: str, now: datetime) -> Path:
    """Return the name of a copy this application makes by itself, in `folder`/backups."""
    ending = "sqlite" if engine.dialect.name == "sqlite" else "dump"
    return folder / "backups" / f"{_stamp(now)}-{word}.{ending}"


def beside(folder: Path, engine: Engine, now: datetime) -> Path:
    """Return where a restore keeps the database it replaces: beside it, or with the backups when a server holds it."""
    if engine.dialect.name != "sqlite":
        return automatic(folder, engine, "before-restore", now)
    database = Path(str(engine.url.database))
    return database.with_name(f"{database.stem}-before-restore-{_stamp(now)}{database.suffix}")


def save(engine: Engine, target: Path) -> None:
    """Write a consistent copy, whatever is being written meanwhile; the file appears whole, readable by its owner alone.

    Raises:
        BackupError: the file exists, cannot be written, or the copy is not sound.
    """
    if target.exists():
        raise BackupError(f"{target} exists already. Choose another name.")
    part = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        _copy_sqlite(engine, part) if engine.dialect.name == "sqlite" else _dump(engine.url, part)
        _keep(part, target)
    except (OSError, sqlite3.Error) as error:
        raise BackupError(f"The backup could not be written to {target}: {error}.") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def restore(engine: Engine, source: Path, now: datetime, *, revisions: Sequence[str], kept: Path) -> str:
    """Put a checked copy in place of the database and return the copy's revision. AutoPay stays off until confirmed.

    Args:
        revisions: the migrations this version knows, the newest first.
        kept: where the replaced database goes.

    Raises:
        BackupError: the copy is not sound or not of this application, or the database is in use. Nothing was changed.
    """
    if not source.is_file():
        raise BackupError(f"There is no file {source}.")
    if kept.exists():
        raise BackupError(f"{kept} exists already. Try again.")
    engine.dispose()
    try:
        if engine.dialect.name == "sqlite":
            return _restore_sqlite(Path(str(engine.url.database)), source, now, revisions=revisions, kept=kept)
        return _restore_postgresql(engine, source, now, revisions=revisions, kept=kept)
    except OSError as error:
        raise BackupError(f"The copy could not be put in place: {error}.") from error


def _stamp(now: datetime) -> str:
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _keep(part: Path, target: Path) -> None:
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.rename(target)
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _check_revision(found: str | None, revisions: Sequence[str], lacking: Sequence[str]) -> str:
    if found is None:
        raise BackupError("That is not a copy of this application's database.")
    if found not in revisions:
        raise BackupError(f"That copy was made by a later version (its tables are at {found}). Update first, then restore.")
    if found == revisions[0] and lacking:
        raise BackupError(f"That copy lacks guards against double bookings and changed history: {', '.join(lacking)}.")
    return found


# SQLite


def _copy_sqlite(engine: Engine, part: Path) -> None:
    if engine.url.database in (None, "", ":memory:"):
        raise BackupError("A database in memory cannot be backed up.")
    with closing(engine.raw_connection()) as connection:
        raw = connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        raw.execute("VACUUM INTO ?", (str(part),)).close()
    _check_sound(part)


def _check_sound(file: Path) -> None:
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as raw:
        try:
            said = raw.execute("PRAGMA integrity_check").fetchone()[0]
            orphans = raw.execute("PRAGMA foreign_key_check").fetchone()
        except sqlite3.DatabaseError as error:
            raise BackupError(f"{file.name} is not a sound database: {error}.") from error
    if said != "ok" or orphans:
        raise BackupError(f"{file.name} is not a sound database: {said if said != 'ok' else 'rows point at nothing'}.")


def _restore_sqlite(database: Path, source: Path, now: datetime, *, revisions: Sequence[str], kept: Path) -> str:
    part = database.with_name(f".{database.name}.restore")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as to, source.open("rb") as read:
            shutil.copyfileobj(read, to)
        _check_sound(part)
        found = _mark_sqlite(part, now, revisions)
        if database.exists():
            _close_sqlite(database)
            database.chmod(0o600)
            os.link(database, kept)
        _keep(part, database)  # replaces it in one step: whenever this stops, one of the two is there whole
    finally:
        for leftover in (part, part.with_name(f"{part.name}-wal"), part.with_name(f"{part.name}-shm")):
            leftover.unlink(missing_ok=True)
    return found


def _mark_sqlite(part: Path, now: datetime, revisions: Sequence[str]) -> str:
    engine = create_engine(f"sqlite:///{part}")
    try:
        with engine.begin() as connection:
            found = connection.scalar(text("SELECT version_num FROM alembic_version"))
            found = _check_revision(found, revisions, guards.missing(connection))
            connection.execute(update(Practice).values(restored_at=now))
            return found
    except SQLAlchemyError as error:
        raise BackupError("That is not a copy of this application's database.") from error
    finally:
        engine.dispose()


def _close_sqlite(database: Path) -> None:
    """Fold the write-ahead log into the file; that fails while another process has the database open."""
    with closing(sqlite3.connect(database, isolation_level=None)) as raw:
        raw.execute(f"PRAGMA busy_timeout={IN_USE_WAIT_MS}")
        try:
            mode = raw.execute("PRAGMA journal_mode=DELETE").fetchone()[0]
        except sqlite3.OperationalError:
            mode = "wal"
    if mode != "delete":
        raise BackupError("The database is in use. Stop the server, then restore.")


# PostgreSQL


def _dump(url: URL, part: Path) -> None:
    _run(url, "pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={part}", f"--dbname={_address(url)}")
    _run(url, "pg_restore", "--list", str(part))


def _restore_postgresql(engine: Engine, source: Path, now: datetime, *, revisions: Sequence[str], kept: Path) -> str:
    url = engine.url
    contents = _run(url, "pg_restore", "--list", str(source))
    versions = _run(url, "pg_restore", "--data-only", "--table=alembic_version", "--file=-", str(source)).splitlines()
    copied = [number for number, line in enumerate(versions) if line.startswith("COPY ")]
    found = versions[copied[0] + 1] if copied else None
    lacking = [name for name in guards.names("postgresql") if f" {name} " not in contents]
    found = _check_revision(found, revisions, lacking)
    save(engine, kept)
    script = kept.with_suffix(".sql")
    try:
        os.close(os.open(script, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        _run(url, "pg_restore", "--no-owner", "--no-privileges", "--no-comments", f"--file={script}", str(source))
        mark = f"UPDATE public.practice SET restored_at = '{now.astimezone(UTC).isoformat()}'"  # noqa: S608, an instant of ours
        once = ("--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", f"--dbname={_address(url)}")
        _run(url, "psql", *once, f"--command={_EMPTY}", f"--file={script}", f"--command={mark}")
    finally:
        script.unlink(missing_ok=True)
    return found


def _address(url: URL) -> str:
    return url.set(drivername="postgresql", password=None).render_as_string()


def _run(url: URL, name: str, *arguments: str) -> str:
    program = _program(name)
    environment = dict(os.environ)
    if url.password is not None:
        environment["PGPASSWORD"] = str(url.password)  # an argument could be read by everyone on the machine
    try:
        done = subprocess.run(  # noqa: S603, a program of PostgreSQL's with our own arguments
            [program, *arguments], capture_output=True, text=True, check=False, env=environment, stdin=subprocess.DEVNULL,
            timeout=PROGRAM_SECONDS_MAX,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise BackupError(f"{name} took too long.") from error
    if done.returncode:
        raise BackupError(f"{name} said: {done.stderr.strip() or done.returncode}")
    return done.stdout


def _program(name: str) -> str:
    """Find one of PostgreSQL's programs: the newest Debian has, else the one on the path."""
    places = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / name).exists()]
    with suppress(ValueError):
        return str(max(places, key=lambda path: int(path.parent.name)) / name)
    found = shutil.which(name)
    if found is None:
        raise BackupError(f"{name} is missing: install the Debian package postgresql-client.")
    return found
