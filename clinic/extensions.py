"""The Flask extensions, made once and bound in `create_app`."""

from flask_compress import Compress
from flask_login import LoginManager
from flask_migrate import Migrate
from flask_wtf import CSRFProtect
from htmx_flask import Htmx

from clinic.kernel.database import db

compress = Compress()
csrf = CSRFProtect()
htmx = Htmx()
login = LoginManager()
migrate = Migrate(render_as_batch=True)

__all__ = ["compress", "csrf", "db", "htmx", "login", "migrate"]
