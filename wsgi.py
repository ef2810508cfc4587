"""What the server runs: environment to application, on a database that is fit to serve."""

from clinic import create_app, startup
from clinic.billing.stripe_gateway import gateway_from
from clinic.jobs import scheduler
from clinic.messages.smtp import mailer_from

app = create_app()
if startup.is_server():
    startup.require_fit(app)
    if app.config["CLINIC"].SCHEDULER == "on":
        config = app.config["CLINIC"]
        mailer = mailer_from(config.SMTP_URL, config.BASE_URL)
        scheduler.start(app.app_context, gateway_from(config), mailer, app.extensions["paper"])
