"""Whether this database is fit to serve: at the newest migration, with every guard in place."""

import os
import sys

from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask, current_app
from sqlalchemy import inspect
from sqlalchemy.exc import SQLAlchemyError

from clinic.kernel.database import db
from clinic.models import guards

# gunicorn stops for good at this status; any other and it would start the worker again and again.
EXIT_STATUS = 3


def is_server() -> bool:
    """Say whether this process is to answer browsers. `flask`'s commands import wsgi.py too, and must work on any database."""
    return os.environ.get("FLASK_RUN_FROM_CLI") != "true" or "run" in sys.argv[1:2]


def require_fit(app: Flask) -> None:
    """End this process with a sentence when the database is not fit to serve."""
    with app.app_context():
        reason = unfitness()
    if reason:
        sys.stderr.write(f"Clinic does not start: {reason}\n")
        raise SystemExit(EXIT_STATUS)


def unfitness() -> str | None:
    """Say what keeps this database from being served, and what to do about it; None: nothing."""
    try:
        with db.engine.connect() as connection:
            at = MigrationContext.configure(connection).get_current_revision()
            lacking = guards.missing(connection) if at else []
    except SQLAlchemyError as error:
        return f"the database does not answer ({type(error).__name__}). Check DATABASE_URL."
    finally:
        # Workers are forked after this in some servers, and a connection must never cross a fork.
        db.engine.dispose()
    newest = revisions()[0]
    if at is None:
        return "the database has no tables yet. Run `flask db upgrade`."
    if at not in revisions():
        return f"the database was made by a later version (it is at {at}, this is {newest}). Update the code."
    if at != newest:
        return f"the database is at {at}, this version needs {newest}. Run `flask db upgrade`."
    if lacking:
        return f"guards are missing from the database: {', '.join(lacking)}. Run `flask db upgrade` to make them anew."
    return None


def is_empty() -> bool:
    """Say whether the database has no practice table yet."""
    with db.engine.connect() as connection:
        return not inspect(connection).has_table("practice")


def revisions() -> list[str]:
    """List the migrations this version knows, the newest first."""
    config = AlembicConfig()
    config.set_main_option("script_location", str(current_app.extensions["migrate"].directory).replace("%", "%%"))
    return [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
