"""The commands of `flask`, each a thin way in to what the application does anyway."""

from flask import Flask


def register(app: Flask) -> None:
    """Bind every command to the application."""
