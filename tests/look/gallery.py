"""Renders the gallery's pages with invented data, so that the look can be seen without a database."""

from datetime import date
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup
from wtforms import (
    BooleanField,
    DateField,
    Form,
    HiddenField,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
    TimeField,
)

from tests.look import schedule

ROOT = Path(__file__).resolve().parent.parent.parent
STATIC = ROOT / "clinic" / "static"
ICONS = [line.split(" ")[0] for line in (STATIC / "css" / "icons.txt").read_text().splitlines()]


class Booking(Form):
    once = HiddenField(default="one-time")
    type = SelectField("Appointment type", choices=["Therapy 50", "Activity: Case review"])
    client = StringField("Client or group", default="Isolde Kattegat")
    start = StringField("Start", default="3:00 pm")
    minutes = StringField("Minutes")
    ends = StringField("Ends")
    fee = SelectField("Fee", choices=["Therapy 50, $150"])
    bill_to = SelectField("Bill to", choices=["Isolde Kattegat", "Pellworth Occupational Health"])
    how = SelectField("How", choices=["In person", "Phone", "Video"])
    room = SelectField("Room", choices=["Larch", "Rowan"])
    busy = RadioField("This time in the diary is", choices=["Busy", "Free"], default="Busy")
    no_package = BooleanField("Do not use the package")


class Line(Form):
    date = DateField("Date", default=date(2026, 11, 25))
    add = RadioField("Add appointment", choices=["Yes", "Unassigned"], default="Yes")
    time = TimeField("Time")
    minutes = StringField("Duration, optional")


class Settings(Form):
    start = RadioField("Begin", choices=["From today", "Those too"], default="From today")
    start2 = RadioField("A receipt goes", choices=["At once", "At night", "Never"], default="At once")
    due = StringField("Due after, days", default="14")
    overdue = StringField("Overdue notice after, days", default="abc")
    description = StringField("Default description", default="Session on {date} with {practitioner}")
    footer = TextAreaField("Footer", default="Thank you. Sessions cancelled late are charged at half the fee.")
    told = BooleanField("Tell the client", default=True)


def forms() -> dict[str, Form]:
    """Give the forms as they stand after a refusal, where a refusal is shown."""
    clash, line, settings = Booking(prefix="clash-"), Line(), Settings()
    clash.start.errors = ["Taken until 2:50"]
    line.time.errors = ["Taken"]
    settings.overdue.errors = ["A number of days, 0 to 90"]
    return {"booking": Booking(), "clash": clash, "line": line, "settings": settings}


def tabs(words: str, current: str) -> list[dict[str, Any]]:
    """Give tabs, one of them current."""
    return [{"label": word, "url": "#", "current": word == current} for word in words.split(", ")]


def pages() -> dict[str, tuple[str, dict[str, Any], str]]:
    """Give every page: its template, its data, the word of the top bar it stands under."""
    lines = [
        {"date": "Wed 4 Nov 2026", "mark": "check", "word": "Used"},
        {"date": "Wed 11 Nov 2026", "mark": "check", "word": "Used"},
        {"date": "Wed 18 Nov 2026", "mark": "dot", "word": "Booked 11:00"},
        {"lit": True},
        {},
    ]
    paid = [("Subtotal", 15000), ("Tax", 0), ("Total", 15000), ("Paid 18 November, Online card", -15000), ("Balance", 0)]
    unpaid = [("Subtotal", 15000), ("Tax", 0), ("Total", 15000), ("Balance", 15000)]
    work = [
        ("Noor Halvorsen", "Noor Halvorsen", "1 session, 18 Nov", "AutoPay off", 15000),
        (
            "Pellworth Occupational Health and Return-to-Work Services",
            "Wilhelmina Katsaros-Featherstonhaugh",
            "2 activities",
            "Then e-mailed, claim PW-55810",
            24000,
        ),
    ]
    tonight: dict[str, Any] = {
        "show": "tonight",
        "work": work,
        "tabs": tabs("All invoices, Billing, Tonight, Last night, Payments by day", "Tonight"),
    }
    tonight["page"] = {"first": 1, "last": 2, "total": 14, "previous_url": None, "next_url": "#next"}
    invoices = [
        ("2026-1151", "4 Nov 2026", "Therapy 50", "Unpaid", None, 15000, 15000),
        ("2026-1098", "14 Oct 2026", "Therapy 50, no show", "Paid", None, 7500, 0),
        ("2026-1122", "28 Oct 2026", "Case review, letter", "Part paid", None, 18000, 6000),
        ("2026-1003", "30 Sep 2026", "Case review", "Overdue", "Overdue 35 days", 12000, 12000),
        ("CN-0027", "1 Sep 2026", "Credit note for 2026-0962", "Credited", None, -15000, 0),
        ("Draft", "18 Nov 2026", "Letter to referrer", "Draft", None, 12000, 12000),
    ]
    client: dict[str, Any] = {
        "show": "client",
        "invoices": invoices,
        "tabs": tabs("Overview, Appointments, Billing, Packages, Billing documents, Messages", "Billing"),
    }
    client["overdue"] = Markup('3 invoices, <span class="red">1 overdue</span>')
    client["put"] = Markup('<a href="#put">Put on an invoice</a>')
    client["create"] = Markup('1 session. <a href="#create">Create Invoice</a>')
    return {
        "week": ("week.html.j2", schedule.week(), "Schedule"),
        "form": ("week.html.j2", schedule.week("form"), "Schedule"),
        "clash": ("week.html.j2", schedule.week("clash"), "Schedule"),
        "flyout": ("week.html.j2", schedule.week("flyout"), "Schedule"),
        "waiting": ("week.html.j2", schedule.week("waiting"), "Schedule"),
        "live": ("week.html.j2", {**schedule.week(), "live": True}, "Schedule"),
        "team": ("week.html.j2", schedule.team(), "Schedule"),
        "package": ("invoice.html.j2", {"package": True, "lines": lines}, "Invoices"),
        "unpaid": ("invoice.html.j2", {"sums": unpaid, "chosen": True}, "Invoices"),
        "paid": ("invoice.html.j2", {"sums": paid, "paid": True}, "Invoices"),
        "tonight": ("pages.html.j2", tonight, "Invoices"),
        "client": ("pages.html.j2", client, "Clients"),
        "settings": ("pages.html.j2", {"show": "settings"}, "Settings"),
        "parts": ("pages.html.j2", {"show": "parts", "icons": ICONS}, "Settings"),
        "error": ("errors/page.html", {}, ""),
    }


def money(cents: int) -> str:
    """Print an amount as the pictures do."""
    dollars, rest = divmod(abs(cents), 100)
    return f"{'− ' if cents < 0 else ''}${dollars:,}.{rest:02d}"


def partial(name: str) -> str:
    """Render what htmx asks for: the in-line form or the flyout alone."""
    place = environment().get_template("place.html.j2")
    module = environment().get_template("_macros.html").make_module()
    return place.render(m=module, data={"float": name}, forms=forms())


def environment() -> Environment:
    """Give the product's templates and the gallery's, with stand-ins for what the app provides."""
    loader = FileSystemLoader([ROOT / "clinic" / "templates", ROOT / "tests" / "look"])
    env = Environment(loader=loader, autoescape=True)
    env.globals.update(asset=lambda path: f"/static/{path}", csrf_token=lambda: "token")
    env.filters["money"] = money
    return env


def render(name: str, theme: str = "light") -> str:
    """Render one page of the gallery as the product would."""
    template, data, word = pages()[name]
    alarm = {
        "title": "Last night did not run.",
        "words": "It catches up by itself.",
        "url": "#jobs",
        "link": "Status of the jobs",
    }
    context = {
        "title": "Nothing here",
        "words": "There is no such page, or it belongs to someone else.",
        "practice_name": "Quillmere",
        "nav": tabs("Schedule, Clients, Invoices, Packages, Reports, Settings", word),
        "nav_search_url": "#find",
        "search": "",
        "tonight": {"url": "#tonight", "count": 14},
        "initials": "TO",
        "user_name": "Tamsin Oyelaran",
        "sign_out_url": "#out",
        "alarm": alarm if name == "parts" else None,
        "theme": theme,
        "forms": forms(),
        "data": data,
        "flashes": [{"words": "Charged $150.00 to card ending 4242.", "url": "#print", "link": "Print"}]
        if name == "paid"
        else [],
    }
    return environment().get_template(template).render(**context)
