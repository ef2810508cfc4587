"""Clinic: a self-hosted practice-management web app for a small health or counselling practice."""

import logging
import os
from pathlib import Path

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from clinic import cli, views
from clinic.billing.paper import Paper
from clinic.config import Config, secret_key
from clinic.extensions import compress, csrf, db, htmx, login, migrate
from clinic.kernel.database import engine_options, normal_url

FORM_BYTES_MAX = 2 * 1024 * 1024
ROOT = Path(__file__).parent.parent


def create_app(config: Config | None = None, *, instance_path: str | None = None) -> Flask:
    """Build the application from the environment, or from the settings given.

    Args:
        instance_path: where the database, the secret key and uploads lie; by default `instance/` beside the code.
    """
    config = config or Config.read(os.environ)
    app = Flask(__name__, instance_path=instance_path or str(ROOT / "instance"), static_folder=None)
    folder = Path(app.instance_path)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    url = normal_url(config.DATABASE_URL, str(folder))
    app.config.update(
        CLINIC=config,
        SECRET_KEY=secret_key(config, folder),
        SQLALCHEMY_DATABASE_URI=url,
        SQLALCHEMY_ENGINE_OPTIONS=engine_options(url),
        MAX_CONTENT_LENGTH=FORM_BYTES_MAX,
        MAX_FORM_MEMORY_SIZE=FORM_BYTES_MAX,
        TRUSTED_HOSTS=config.trusted_hosts,
        SESSION_COOKIE_NAME="__Host-clinic" if config.is_https else "clinic",
        SESSION_COOKIE_SECURE=config.is_https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_SSL_STRICT=True,
        COMPRESS_ALGORITHM=["br", "gzip"],
        COMPRESS_MIN_SIZE=200,
        COMPRESS_BR_LEVEL=5,
    )
    if int(config.PROXIES):
        hops = int(config.PROXIES)
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    htmx.init_app(app)
    db.init_app(app)
    migrate.init_app(app, db, directory=str(ROOT / "migrations"))
    login.init_app(app)
    csrf.init_app(app)
    compress.init_app(app)
    compress.compress_mimetypes_set.add("text/calendar")
    logging.getLogger("xhtml2pdf").setLevel(logging.ERROR)  # its warnings quote the document, names and all
    app.extensions["paper"] = Paper(Path(__file__).parent / "templates" / "paper", Path(__file__).parent / "static" / "fonts")
    views.register(app)
    cli.register(app)
    return app
