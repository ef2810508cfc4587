"""What the server runs: environment to application."""

from clinic import create_app

app = create_app()
