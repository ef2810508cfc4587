"""A backup is whole whatever goes on meanwhile, and comes back checked, with AutoPay off."""

import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC

import pytest
from flask_migrate import stamp
from sqlalchemy import create_engine, func, select, text, update

from clinic import startup
from clinic.kernel.database import db, reading, writing
from clinic.models import guards
from clinic.models.people import Client
from clinic.models.practice import AuditEntry, Practice
from clinic.practice import audit, backup
from tests.cast import NOW

WRITES = 20  # how many the writer must have made while the copies were taken
WRITER = """
import sqlite3, sys, time
raw = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=20)
number = 0
while True:
    number += 1
    raw.execute("BEGIN IMMEDIATE")
    raw.execute("UPDATE practice SET phone = ?", (str(number),))
    raw.execute("UPDATE practice SET tax_id = ?", (str(number),))
    raw.execute("COMMIT")
    print(number, flush=True)
    time.sleep(0.002)
"""


@pytest.fixture
def kept(app, tmp_path):
    """Take a backup of the practice, at the newest migration."""
    with app.app_context():
        stamp()
        backup.save(db.engine, tmp_path / "kept")
    return tmp_path / "kept"


def _restore(source):
    revisions = startup.revisions()
    kept = backup.beside(source.parent, db.engine, NOW)
    return backup.restore(db.engine, source, NOW, revisions=revisions, kept=kept), kept


def _rename(name):
    with writing() as session:
        session.execute(update(Practice).values(name=name))


def test_a_backup_restores_what_was_there_and_turns_autopay_off(app, cast, kept):
    with app.app_context():
        _rename("Lost and found")
        with writing() as session:
            audit.record(session, cast.fay, "booked", "item", 1, NOW)
        at, before = _restore(kept)
        assert at == startup.revisions()[0]
        with reading() as session:
            practice = session.get(Practice, 1)
            assert (practice.name, practice.restored_at) == ("Quillmere", NOW)
            assert session.scalar(select(func.count()).select_from(Client)) == 2
            assert session.scalar(select(func.count()).select_from(AuditEntry)) == 0
        with db.engine.connect() as connection:
            assert guards.missing(connection) == []
        # What was replaced is kept, readable by its owner alone, and can come back the same way.
        assert before.stat().st_mode & 0o077 == 0
        _restore_again(before)


def _restore_again(before):
    second = before.with_name("second")  # beside the database, as the command keeps it
    backup.restore(db.engine, before, NOW, revisions=startup.revisions(), kept=second)
    with reading() as session:
        assert session.get(Practice, 1).name == "Lost and found"


def test_a_backup_never_overwrites_and_leaves_nothing_half_written(app, kept):
    with app.app_context():
        before = kept.read_bytes()
        with pytest.raises(backup.BackupError, match="exists already"):
            backup.save(db.engine, kept)
        assert kept.read_bytes() == before
        assert kept.stat().st_mode & 0o777 == 0o600
        (kept.parent / "file").write_text("not a folder")
        with pytest.raises(backup.BackupError, match="could not be written"):
            backup.save(db.engine, kept.parent / "file" / "copy")
    assert not list(kept.parent.glob(".*part"))


def test_a_damaged_or_foreign_file_is_refused_and_nothing_changes(app, kept, tmp_path):
    damaged = tmp_path / "damaged"
    content = kept.read_bytes()
    damaged.write_bytes(content[:300] + b"\xff" * 4000 + content[4300:])
    foreign = tmp_path / "foreign"
    with closing(sqlite3.connect(foreign)) as raw:
        raw.execute("CREATE TABLE songs (id INTEGER)")
    (tmp_path / "words").write_text("Dear Sir or Madam")
    with app.app_context():
        _rename("Still here")
        for source in (damaged, foreign, tmp_path / "words", tmp_path / "nowhere"):
            with pytest.raises(backup.BackupError):
                _restore(source)
        with reading() as session:
            assert session.get(Practice, 1).name == "Still here"
            assert session.get(Practice, 1).restored_at is None


def test_a_copy_of_a_later_version_or_without_its_guards_is_refused(app, kept, tmp_path):
    with app.app_context():
        with pytest.raises(backup.BackupError, match="later version"):
            backup.restore(db.engine, kept, NOW, revisions=["0000"], kept=tmp_path / "x")
        with db.engine.begin() as connection:
            guards.remove(connection)
        backup.save(db.engine, tmp_path / "unguarded")
        with db.engine.begin() as connection:
            guards.install(connection)
        with pytest.raises(backup.BackupError, match="lacks guards"):
            _restore(tmp_path / "unguarded")


def test_the_commands_back_up_and_restore_and_ask_before_replacing(app, kept, tmp_path):
    run = app.test_cli_runner().invoke
    done = run(args=["backup", str(tmp_path / "copy")])
    assert done.exit_code == 0, done.output
    assert run(args=["backup", str(tmp_path / "copy")]).exit_code == 1
    refused = run(args=["restore", str(tmp_path / "copy")])
    assert refused.exit_code == 1
    assert "--yes" in refused.output
    done = run(args=["restore", "--yes", str(tmp_path / "copy")])
    assert done.exit_code == 0, done.output
    assert "AutoPay stays off" in done.output
    with app.app_context(), reading() as session:
        assert session.get(Practice, 1).restored_at.tzinfo == UTC
        assert session.scalar(select(AuditEntry.action)) == "restored a backup"


@pytest.fixture
def busy(tmp_path):
    """Give a SQLite database of the real tables that another process writes to all the while."""
    path = tmp_path / "busy.sqlite"
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        db.metadata.create_all(connection)
        guards.install(connection)
        row = {"id": 1, "name": "Quillmere", "timezone": "UTC", "currency": "USD", "locale": "en-US", "created_at": NOW}
        connection.execute(Practice.__table__.insert().values(row))
        connection.execute(text("CREATE TABLE ballast (b BLOB)"))
        connection.execute(text("INSERT INTO ballast SELECT randomblob(4000) FROM practice"))
        for _ in range(11):
            connection.execute(text("INSERT INTO ballast SELECT randomblob(4000) FROM ballast"))
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout.readline() == "1\n"
    yield engine, writer
    writer.kill()
    writer.communicate()
    engine.dispose()


def test_a_backup_taken_while_someone_writes_is_of_one_moment(busy, tmp_path):
    engine, _writer = busy
    seen = []
    started = time.monotonic()
    for number in range(5):
        backup.save(engine, tmp_path / f"copy-{number}")
        with closing(sqlite3.connect(tmp_path / f"copy-{number}")) as raw:
            phone, tax_id = raw.execute("SELECT phone, tax_id FROM practice").fetchone()
            assert phone == tax_id  # written in one transaction, copied in one moment
            assert raw.execute("SELECT count(*) FROM ballast").fetchone() == (2048,)
            seen.append(int(phone))
    assert time.monotonic() - started < 30  # a copy page by page would begin again at every write
    assert seen == sorted(seen)
    assert seen[-1] - seen[0] >= WRITES


def test_a_database_that_a_server_has_open_is_not_replaced(busy, tmp_path):
    engine, _writer = busy
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num TEXT)"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('0001')"))
    backup.save(engine, tmp_path / "copy")
    before = os.stat(engine.url.database).st_ino
    with pytest.raises(backup.BackupError, match="Stop the server"):
        backup.restore(engine, tmp_path / "copy", NOW, revisions=["0001"], kept=tmp_path / "before")
    assert os.stat(engine.url.database).st_ino == before
    assert not (tmp_path / "before").exists()
