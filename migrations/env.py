"""How a migration runs: after a backup, as the only writer, whole or not at all, with every guard made anew."""

from pathlib import Path
from typing import Any, Literal

import click
import sqlalchemy as sa
from alembic import context
from alembic.autogenerate.api import AutogenContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from flask import current_app

from clinic.kernel import clock
from clinic.kernel.database import WRITER_LOCK, Instant, db
from clinic.kernel.errors import RefusalError
from clinic.models import guards
from clinic.practice import backup

NUMBER_DIGITS = 4


def run() -> None:
    """Run what was asked for (upgrade, downgrade, check, …) on one connection and in one transaction."""
    target = _target()
    if target is not None:
        _back_up(target)
    with db.engine.connect().execution_options(write=True) as connection:
        raw: Any = connection.connection.driver_connection
        is_sqlite = connection.dialect.name == "sqlite"
        if is_sqlite:
            # Through SQLAlchemy this would come after BEGIN, where SQLite ignores it. With it on, making a table anew
            # (batch mode) would delete or blank the rows that point at it.
            raw.execute("PRAGMA foreign_keys=OFF").close()
        try:
            _migrate(connection, is_change=target is not None)
        finally:
            connection.rollback()
            if is_sqlite:
                raw.execute("PRAGMA foreign_keys=ON").close()


def _migrate(connection: sa.Connection, *, is_change: bool) -> None:
    options = dict(current_app.extensions["migrate"].configure_args)
    options.setdefault("process_revision_directives", _number)
    context.configure(
        connection=connection,
        target_metadata=db.metadata,
        transactional_ddl=True,  # on SQLite too: the doors' BEGIN makes it true
        render_item=_render,
        on_version_apply=_say,
        **options,
    )
    with context.begin_transaction():
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITER_LOCK})
        if not is_change:
            context.run_migrations()
            return
        before = _counts(connection)
        guards.remove(connection)
        context.run_migrations()
        _check_nothing_lost(connection, before)
        current = _current(connection)
        if current is not None and current == _script().get_current_head():
            guards.install(connection)
            if missing := guards.missing(connection):
                raise CommandError(f"Guards that could not be made: {', '.join(missing)}")


def _say(*, step: Any, **_: Any) -> None:
    if step.up_revision is not None:
        click.echo(f"{step.up_revision_id} {'' if step.is_upgrade else 'undone: '}{step.up_revision.doc}")


def _script() -> ScriptDirectory:
    return ScriptDirectory.from_config(context.config)


def _target() -> str | None:
    """Return the revision an upgrade, downgrade or stamp leads to, or None when nothing is to be changed."""
    try:
        target = context.get_revision_argument()
    except KeyError:
        return None
    except CommandError:
        return "relative"  # such as -1
    return str(target) if target is not None else "base"


def _current(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.scalar(sa.text("SELECT version_num FROM alembic_version"))


def _back_up(target: str) -> None:
    with db.engine.connect() as connection:
        current = _current(connection)
        has_practice = current is not None and sa.inspect(connection).has_table("practice")
        has_practice = has_practice and connection.scalar(sa.text("SELECT count(*) FROM practice")) == 1
    wish = context.get_x_argument(as_dictionary=True).get("backup", "on")
    if not has_practice or current == target or wish == "off":
        return
    file = backup.automatic(Path(current_app.instance_path), db.engine, f"before-leaving-{current}", clock.now())
    try:
        backup.save(db.engine, file)
    except RefusalError as error:
        raise CommandError(f"No backup, so nothing was changed. {error.message}") from error
    click.echo(f"Backup made: {file}")


def _counts(connection: sa.Connection) -> dict[str, int]:
    names = sa.inspect(connection).get_table_names()
    count = sa.select(sa.func.count())
    return {name: connection.scalar(count.select_from(sa.table(name))) or 0 for name in names if name != "alembic_version"}


def _check_nothing_lost(connection: sa.Connection, before: dict[str, int]) -> None:
    if connection.dialect.name == "sqlite":
        orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
        if orphans:
            tables = ", ".join(sorted({row[0] for row in orphans}))
            raise CommandError(f"Rows would point at nothing in: {tables}. Nothing was changed.")
    after = _counts(connection)
    lost = [name for name, count in before.items() if after.get(name, count) < count]
    if lost:
        raise CommandError(f"Rows would be lost from: {', '.join(sorted(lost))}. Nothing was changed.")


def _render(kind: str, thing: Any, _autogen: AutogenContext) -> str | Literal[False]:
    # A migration says what the database is told, not what a later version of the code may call it.
    if kind == "type" and isinstance(thing, Instant):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(thing, sa.Enum):
        return f"sa.String(length={thing.length})"
    return False


def _number(_context: Any, _revision: Any, directives: list[Any]) -> None:
    """Number a new migration by those that stand, and make none when the tables already fit the models."""
    made = directives[0]
    if made.upgrade_ops.is_empty() and getattr(context.config.cmd_opts, "autogenerate", False):
        directives[:] = []
        click.echo("The models already fit the tables: no migration is needed.")
        return
    made.rev_id = f"{len(list(_script().walk_revisions())) + 1:0{NUMBER_DIGITS}}"


if context.is_offline_mode():
    raise CommandError("Migrations check what they change, so they need the database: --sql is not offered.")
run()
