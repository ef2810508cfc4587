"""The command that proves the books."""

import click
from flask.cli import with_appcontext

from clinic.kernel.database import reading
from clinic.office import verify as office_verify


@click.command("verify")
@with_appcontext
def verify() -> None:
    """Recompute every invariant; a line for each that is off, and exit 1."""
    with reading() as session:
        found = list(office_verify.findings(session))
    for line in found:
        click.echo(line)
    if found:
        raise SystemExit(1)
    click.echo("All is well: ledger, invoices, payments, charges, numbers, overlaps, packages, links, audit trail.")


COMMANDS = (verify,)
