"""The commands of the night: `flask tick`, `flask run-job`, `flask failpoints`."""

from collections.abc import Callable
from datetime import date, datetime

import click
from flask import current_app
from flask.cli import with_appcontext

from clinic.billing import periods
from clinic.billing.charges import WINDOW_HOURS, in_window
from clinic.billing.stripe_gateway import Gateway, gateway_from
from clinic.config import Config
from clinic.jobs import autopay, end_of_day, print_documents, send_messages
from clinic.jobs import tick as ticking
from clinic.jobs.runs import Report
from clinic.kernel import clock, failpoints
from clinic.kernel.database import reading
from clinic.messages.smtp import LOCAL_HOSTS, Mailer, mailer_from
from clinic.practice import settings

Clock = Callable[[], datetime]


class Instant(click.ParamType[datetime]):
    """Read an instant such as 2026-11-19T05:00:00Z: with its zone, since a bare time means nothing here."""

    name = "instant"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the instant."""
        if isinstance(value, datetime):
            return value
        try:
            instant = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail("give an instant such as 2026-11-19T05:00:00Z", param, ctx)
        if instant.tzinfo is None:
            self.fail("say the zone too, such as 2026-11-19T05:00:00Z", param, ctx)
        return instant


AT = click.option("--at", type=Instant(), help="Move the clock; only while no real money can move.")


@click.command("tick")
@AT
@with_appcontext
def tick(at: datetime | None) -> None:
    """Do everything that is due, exactly as the scheduler would."""
    now, paper = _clock(at), current_app.extensions["paper"]
    for sentence in ticking.tick(_gateway(), now, _mailer(at), paper):
        click.echo(sentence)
    print_documents.run(paper, now)


@click.command("run-job")
@click.argument("job", type=click.Choice([end_of_day.JOB, end_of_day.MONTH_JOB, autopay.JOB, send_messages.JOB]))
@click.option("--date", "day", type=click.DateTime(["%Y-%m-%d"]), help="A day of the practice's own; messages need none.")
@AT
@with_appcontext
def run_job(job: str, day: datetime | None, at: datetime | None) -> None:
    """Do one job for one local date, or send the messages that are due. Safe to repeat."""
    now = _clock(at)
    if job == send_messages.JOB:
        click.echo(f"{job}: {_counted(send_messages.run(_mailer(at), now))}")
        return
    if day is None:
        raise click.UsageError("Say for which day: --date YYYY-MM-DD.")
    _refuse_untimely(job, day.date(), now())
    if job == autopay.JOB:
        report = autopay.run(_gateway(), day.date(), now, repeats=True)
    else:
        ended = end_of_day.run if job == end_of_day.JOB else end_of_day.run_month
        report = ended(day.date(), now, repeats=True)
    click.echo(f"{job} of {day:%Y-%m-%d}: {_counted(report)}")


@click.command("failpoints")
def list_failpoints() -> None:
    """List the named points where a crash is tested."""
    for name, meaning in failpoints.every().items():
        click.echo(f"{name:20} {meaning}")


COMMANDS = (tick, run_job, list_failpoints)


def _counted(report: Report | None) -> str:
    if report is None:
        return "another process is at it."
    return f"{report.done} done, {report.failed} failed."


def _refuse_untimely(job: str, day: date, now: datetime) -> None:
    with reading() as session:
        zone = settings.practice(session).timezone
    there = clock.local(now, zone)
    clock_words = f"It is {there:%Y-%m-%d %H:%M} in {zone}."
    if job == end_of_day.MONTH_JOB and day != periods.month_end(day):
        raise click.ClickException(f"{day} is not the last day of a month: that of its month is {periods.month_end(day)}.")
    if job in (end_of_day.JOB, end_of_day.MONTH_JOB) and day >= there.date():
        raise click.ClickException(f"{day} has not ended: it ends at 00:00 of the day after. {clock_words}")
    if job == autopay.JOB and not in_window(now, zone, day):
        raise click.ClickException(
            f"AutoPay of {day} charges only between 00:00 and {WINDOW_HOURS:02}:00 of {day} in {zone}. {clock_words}"
        )


def _clock(at: datetime | None) -> Clock:
    config: Config = current_app.config["CLINIC"]
    if at is not None and not config.may_move_clock:
        raise click.ClickException(
            "--at would charge real cards at a made-up time. It works with no STRIPE_SECRET_KEY, or with STRIPE_API_BASE set."
        )
    return clock.starting_at(at)


def _gateway() -> Gateway | None:
    return gateway_from(current_app.config["CLINIC"])


def _mailer(at: datetime | None) -> Mailer | None:
    # At a made-up time nobody is written to, but for a server on this machine.
    config: Config = current_app.config["CLINIC"]
    mailer = mailer_from(config.SMTP_URL, config.BASE_URL)
    return mailer if at is None or mailer is None or mailer.host in LOCAL_HOSTS else None
