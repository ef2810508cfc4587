"""The commands that begin a practice and keep it safe: new-practice, backup, restore."""

from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext

from clinic import startup
from clinic.kernel import clock, locales, money
from clinic.kernel.database import db, reading, writing
from clinic.kernel.errors import RefusalError
from clinic.people import accounts, passwords
from clinic.practice import audit, backup, founding, settings
from clinic.practice.permissions import CLOCK


class RefusedError(click.ClickException):
    """Print a refusal as a command's error: one sentence and a status that is not 0."""

    def __init__(self, error: RefusalError) -> None:
        super().__init__(error.message)


@click.command("new-practice")
@click.option("--practice", prompt="Practice's name")
@click.option("--timezone", prompt="Time zone, such as America/New_York")
@click.option("--currency", prompt=True, default="USD", type=click.Choice(sorted(money.SYMBOLS)), show_choices=False)
@click.option("--locale", prompt="Dates and times as in", default="en-US", type=click.Choice(list(locales.LOCALES)))
@click.option("--name", prompt="Your name")
@click.option("--email", prompt="Your e-mail, to sign in with")
@click.option("--password", prompt=True, hide_input=True, confirmation_prompt=True, help="Left out, it is asked for.")
@with_appcontext
def new_practice(*, practice: str, timezone: str, currency: str, locale: str, name: str, email: str, password: str) -> None:
    """Do first set-up: the same as /setup in the browser."""
    try:
        passwords.check(password, passwords.personal_parts(practice, name, email))
        wanted = founding.Founding(
            practice=practice.strip(), timezone=timezone.strip(), currency=currency, locale=locale, name=name.strip(),
            email=email.strip(), password_hash=accounts.hashed(password),
        )  # fmt: skip
        with writing() as session:
            founding.found(session, wanted, clock.now())
    except RefusalError as error:
        raise RefusedError(error) from error
    click.echo(f"{practice.strip()} is ready. Sign in as {email.strip()}.")


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@with_appcontext
def back_up(file: Path) -> None:
    """Write a consistent copy of the database to FILE, whatever is going on meanwhile."""
    try:
        backup.save(db.engine, file)
    except RefusalError as error:
        raise RefusedError(error) from error
    click.echo(f"Backup made: {file}")


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--yes", is_flag=True, help="Replace the practice that is there (a copy of it is kept).")
@with_appcontext
def restore(*, file: Path, yes: bool) -> None:
    """Put the checked copy FILE in place of the database. AutoPay stays off until a person confirms."""
    if not yes and _has_practice():
        raise click.ClickException("There is a practice here. To replace it (a copy is kept), say --yes.")
    kept = backup.beside(Path(current_app.instance_path), db.engine, clock.now())
    try:
        at = backup.restore(db.engine, file, clock.now(), revisions=startup.revisions(), kept=kept)
    except RefusalError as error:
        raise RefusedError(error) from error
    if kept.exists():
        click.echo(f"What was there before: {kept}")
    if at == startup.revisions()[0]:
        with writing() as session:
            audit.record(session, CLOCK, "restored a backup", "practice", settings.PRACTICE_ID, clock.now())
        click.echo("Restored. AutoPay stays off until it is confirmed in the application.")
    else:
        click.echo(f"Restored, from an earlier version ({at}). Run `flask db upgrade` before starting the server.")


def _has_practice() -> bool:
    if startup.is_empty():
        return False
    with reading() as session:
        return founding.is_founded(session)


COMMANDS = (new_practice, back_up, restore)
