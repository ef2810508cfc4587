"""What the server runs: environment to application, on a database that is fit to serve."""

from clinic import create_app, startup

app = create_app()
if startup.is_server():
    startup.require_fit(app)
