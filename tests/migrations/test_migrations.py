"""Migrations give the tables the models describe, whole or not at all, and lose nothing on the way."""

import os
import shutil
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from flask_migrate import downgrade, upgrade

from clinic import startup
from clinic.kernel.database import db, writing
from clinic.models import guards
from clinic.models.billing import Invoice
from clinic.models.people import Client, Contact
from clinic.models.practice import Room
from tests import cast as cast_module
from tests.cast import NOW

ROOT = Path(__file__).parents[2]
# What the comparison of models cannot see on SQLite is compared by `_described`.
pytestmark = pytest.mark.filterwarnings("ignore:.*expression-based index")


@pytest.fixture
def database(request, tmp_path):
    """Give an empty database instead of the stage."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.sqlite'}", None
        return
    cluster, name = request.getfixturevalue("cluster"), f"empty_{uuid.uuid4().hex[:12]}"
    yield cluster.create(name), None
    cluster.drop(name)


@pytest.fixture
def migrated(app):
    """Upgrade the empty database to the newest migration and put the cast on it."""
    with app.app_context():
        upgrade()
        with writing() as session:
            cast_module.make(session)
            payer_id = session.scalar(sa.select(Contact.id).limit(1))
            session.add(Invoice(payer_id=payer_id, created_at=NOW))
        yield app


@pytest.fixture
def further(tmp_path):
    """Return a function that adds a migration to a copy of the real ones, and that copy's folder."""
    folder = tmp_path / "migrations"
    shutil.copytree(ROOT / "migrations", folder, ignore=shutil.ignore_patterns("__pycache__"))
    newest = max(file.name[:4] for file in (folder / "versions").glob("*.py"))
    last = [newest]

    def add(body):
        number = f"{int(last[0]) + 1:04}"
        (folder / "versions" / f"{number}_more.py").write_text(
            f'"""More."""\nimport sqlalchemy as sa\nfrom alembic import op\n'
            f'revision, down_revision = "{number}", "{last[0]}"\n'
            f"def upgrade():\n    {body}\n\ndef downgrade():\n    pass\n"
        )
        last[0] = number
        return str(folder)

    return add


def _counts():
    with db.engine.connect() as connection:
        return {
            table.name: connection.scalar(sa.select(sa.func.count()).select_from(table))
            for table in db.metadata.sorted_tables
        }  # fmt: skip


def _columns(table):
    return {column["name"] for column in sa.inspect(db.engine).get_columns(table)}


def _at():
    with db.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def _indexed():
    """Name every index, those over an expression included."""
    listed = "SELECT name FROM sqlite_master WHERE type = 'index'"
    if db.engine.dialect.name == "postgresql":
        listed = "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()"
    with db.engine.connect() as connection:
        return set(connection.scalars(sa.text(listed)))


def _described(connection):
    """List every index and check constraint, expressions included, which the comparison of models does not see."""
    if connection.dialect.name == "sqlite":
        indexes = connection.execute(sa.text("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"))
    else:
        indexes = connection.execute(sa.text("SELECT indexname, indexdef FROM pg_indexes WHERE tablename <> 'alembic_version'"))
    tables = sa.inspect(connection)
    checks = {
        (name, check["name"], check["sqltext"])
        for name in tables.get_table_names() for check in tables.get_check_constraints(name)
    }  # fmt: skip
    return {(name, " ".join(text.split())) for name, text in indexes} | checks


def test_an_empty_database_becomes_exactly_what_the_models_describe(app, request, tmp_path):
    with app.app_context():
        upgrade()
        with db.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, db.metadata) == []
            assert guards.missing(connection) == []
            by_migration = _described(connection)
        at_once = f"sqlite:///{tmp_path / 'at_once.sqlite'}"
        if db.engine.dialect.name == "postgresql":
            cluster = request.getfixturevalue("cluster")
            at_once = cluster.create(f"at_once_{uuid.uuid4().hex[:8]}").replace("postgresql:", "postgresql+psycopg:")
        engine = sa.create_engine(at_once)
        with engine.begin() as connection:
            db.metadata.create_all(connection)
            guards.install(connection)
            assert by_migration == _described(connection)
        engine.dispose()


def test_migrations_are_numbered_one_after_the_other():
    names = sorted(file.name for file in (ROOT / "migrations" / "versions").glob("*.py"))
    assert [name[:5] for name in names] == [f"{number:04}_" for number in range(1, len(names) + 1)]


def test_a_failing_migration_leaves_nothing_of_itself_nor_of_the_one_before(migrated, further):
    before, at = _counts(), _at()
    further('op.add_column("rooms", sa.Column("floor", sa.Integer()))')
    folder = further(
        'op.create_table("attic", sa.Column("id", sa.Integer()))\n    op.execute("SELECT no_such_function_here()")'
    )
    with pytest.raises(sa.exc.DBAPIError):
        upgrade(folder)
    assert (_at(), _counts()) == (at, before)
    assert "floor" not in _columns("rooms")
    assert not sa.inspect(db.engine).has_table("attic")
    with db.engine.connect() as connection:
        assert guards.missing(connection) == []
        if connection.dialect.name == "sqlite":
            assert connection.scalar(sa.text("PRAGMA foreign_keys")) == 1


@pytest.mark.parametrize("table", ["clients", "contacts", "invoices", "practice", "users"])
def test_a_table_made_anew_keeps_its_rows_its_children_its_guards_and_its_indexes(migrated, further, table):
    before, indexed = _counts(), _indexed()
    folder = further(
        'anew = "always" if op.get_context().dialect.name == "sqlite" else "auto"\n'
        f'    with op.batch_alter_table("{table}", recreate=anew) as batch:\n'
        '        batch.add_column(sa.Column("remark", sa.String(), nullable=False, server_default=""))'
    )
    upgrade(folder)
    assert "remark" in _columns(table)
    assert (_counts(), _indexed()) == (before, indexed)
    with db.engine.connect() as connection:
        assert guards.missing(connection) == []


def test_a_migration_that_would_lose_rows_is_refused(migrated, further):
    folder = further('op.execute("DELETE FROM rooms")')
    with pytest.raises(SystemExit):
        upgrade(folder)
    with db.engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(Room)) == 2


def test_a_migration_that_would_leave_rows_pointing_at_nothing_is_refused(migrated, further):
    folder = further('op.execute("UPDATE clients SET default_payer_id = 999")')
    with pytest.raises((SystemExit, sa.exc.IntegrityError)):
        upgrade(folder)
    with db.engine.connect() as connection:
        assert 999 not in connection.scalars(sa.select(Client.default_payer_id)).all()


def test_an_upgrade_of_a_practice_makes_a_backup_first_and_an_empty_one_needs_none(migrated, further, capsys):
    backups = Path(migrated.instance_path) / "backups"
    assert not backups.exists()
    upgrade(further('op.add_column("rooms", sa.Column("floor", sa.Integer()))'))
    (made,) = backups.iterdir()
    assert made.stat().st_size > 10_000
    assert made.stat().st_mode & 0o777 == 0o600
    assert str(made) in capsys.readouterr().out


def test_without_its_backup_an_upgrade_changes_nothing(migrated, further):
    (Path(migrated.instance_path) / "backups").write_text("in the way")
    with pytest.raises(SystemExit):
        upgrade(further('op.add_column("rooms", sa.Column("floor", sa.Integer()))'))
    assert "floor" not in _columns("rooms")


def test_everything_can_be_undone(migrated):
    downgrade(revision="base")
    assert set(sa.inspect(db.engine).get_table_names()) <= {"alembic_version"}


def test_the_server_is_refused_until_the_tables_and_guards_are_whole(app, further):
    with app.app_context():
        assert "no tables yet" in startup.unfitness()
        upgrade()
        assert startup.unfitness() is None
        upgrade(further("pass"))
        assert "later version" in startup.unfitness()
        with db.engine.begin() as connection:
            newest = max(file.name[:4] for file in (ROOT / "migrations" / "versions").glob("*.py"))
            connection.execute(sa.text("UPDATE alembic_version SET version_num = :at"), {"at": newest})
            guards.remove(connection)
        assert "guards are missing" in startup.unfitness()
        upgrade()
        assert startup.unfitness() is None


def test_a_server_on_an_unfit_database_ends_with_a_sentence_but_commands_still_work(config, tmp_path):
    environment = {**os.environ, "DATABASE_URL": config.DATABASE_URL, "SECRET_KEY": "for tests only", "SCHEDULER": "off"}
    serve = [sys.executable, "-c", "import wsgi; print('serving')"]
    run = {"cwd": ROOT, "env": environment, "capture_output": True, "text": True, "stdin": subprocess.DEVNULL}
    refused = subprocess.run(serve, check=False, **run)
    assert refused.returncode == startup.EXIT_STATUS
    assert "Clinic does not start: the database has no tables yet" in refused.stderr
    assert "Traceback" not in refused.stderr
    done = subprocess.run([sys.executable, "-m", "flask", "db", "upgrade"], check=False, **run)
    assert done.returncode == 0, done.stderr
    assert "0001 First tables" in done.stdout
    assert subprocess.run(serve, check=False, **run).stdout == "serving\n"
