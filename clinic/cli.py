"""The commands of `flask`, each a thin way in to what the application does anyway."""

from importlib import import_module

from flask import Flask

# Each has its commands in COMMANDS. `flask db …` comes with Flask-Migrate.
MODULES = ("clinic.cli_practice", "clinic.cli_demo", "clinic.cli_night", "clinic.cli_office")


def register(app: Flask) -> None:
    """Bind every command to the application."""
    for name in MODULES:
        for command in import_module(name).COMMANDS:
            app.cli.add_command(command)
