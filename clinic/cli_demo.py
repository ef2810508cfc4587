"""The command that loads the made-up practice."""

import click
from flask import current_app
from flask.cli import with_appcontext

from clinic.demo import practice
from clinic.kernel import clock


@click.command("load-demo")
@with_appcontext
def load_demo() -> None:
    """Fill an empty database with a made-up practice around today."""
    if not current_app.config["CLINIC"].may_move_clock:
        raise click.ClickException("STRIPE_API_BASE is not set: the demo's cards must never reach the real processor.")
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    if not practice.load(app, clock.now(), click.echo):
        click.echo("There is a practice already; nothing was changed.")


COMMANDS = (load_demo,)
