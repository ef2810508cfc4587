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

ROOT = Path(__file__).resolve().parent.parent.parent
STATIC = ROOT / "clinic" / "static"
ICONS = [line.split(" ")[0] for line in (STATIC / "css" / "icons.txt").read_text().splitlines()]
FIRST_MINUTE = 8 * 60
NOW = 11 * 60 + 42


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


def item(at: str, to: str, name: str, what: str, **more: Any) -> dict[str, Any]:
    """Give an item: its place from its times, its age from now."""

    def minute(words: str) -> int:
        hour, rest = words.split(":")
        return (int(hour) + 12 * (int(hour) < 8)) * 60 + int(rest)

    starts, ends = minute(at), minute(to)
    rows = (ends - starts) // 5
    words = [more.pop("cls", "")]
    if more.pop("age", True):
        words.append("past" if ends <= NOW else "live" if starts <= NOW else "")
    words.append("one" if rows < 5 else "two" if rows < 7 else "")
    place = {"r": (starts - FIRST_MINUTE) // 5 + 1, "s": rows}
    whole = {"id": f"{name}-{at}".replace(" ", "-").replace(":", ""), "at": at, "to": to, "name": name, "what": what}
    return {"p": 1, **whole, **place, "cls": " ".join(word for word in words if word), **more}


def aged(entries: list[dict[str, Any]], age: str) -> list[dict[str, Any]]:
    """Make every item of another day past or coming."""
    for entry in entries:
        kept = [word for word in entry.get("cls", "").split() if word not in ("past", "live")]
        entry["cls"] = " ".join([*kept, age]) if "name" in entry else ""
    return entries


def wednesday(where: str = "") -> list[dict[str, Any]]:
    """Give the day the pictures show, in time order."""
    return [
        item("9:00", "9:50", "Wren Castellane", "Intake 50" + where, p=4, amt="$180", mark="check", st="Attended"),
        item("10:00", "10:50", "Noor Halvorsen", "Therapy 50" + where, amt="$150", pencil=True, st="Attended"),
        item("11:00", "11:50", "Isolde Kattegat", "Therapy 50" + where, kind="stack", count="3/5", stmark="dot", st="Arrived 10:54"),
        {"now": True},
        {"gap": "Free 1 h 10 min", "at": "11:50"},
        item("1:00", "1:50", "Wilhelmina Katsaros-Featherstonhaugh", "Therapy 50, first after leave", kind="phone"),
        item("2:00", "2:50", "Zadie Lindqvist", "Therapy 50" + where, kind="stack", count="1/5", cls="c1 w8"),
        item("2:00", "3:00", "Letter to referrer", "", p=5, kind="mute", st="Free", cls="free c9 w4", age=False),
        {"gap": "Free 1 h", "at": "3:00"},
        item("4:00", "4:50", "Anselm Achterberg", "Therapy 50", cls="void", amt="$75", mark="ring", stmark="barred", st="Late cancelled, half fee"),
    ]


def week(floating: str | None = None) -> dict[str, Any]:
    """Give the week of the pictures, perhaps with one float in it."""
    monday = [
        item("9:00", "9:50", "Juniper Aldous", "Therapy 50", amt="$150", mark="check"),
        item("10:00", "10:50", "Caspian Thornbury", "Therapy 50", kind="stack", count="4/5"),
        item("11:00", "11:50", "Odalys Brandt", "Therapy 50", amt="$150", mark="ring", kind="camera"),
        item("1:00", "2:20", "Ferrante and Lowe", "Couple 80", p=3, amt="$220", mark="check", kind="people", count="2"),
        item("2:30", "3:20", "Bertil Amankwah", "Therapy 50", amt="$75", mark="ring", stmark="barred", st="No show, half fee"),
        item("3:30", "4:20", "Sunniva Pell", "Therapy 50", amt="$150", mark="check", cls="c1 w8"),
        item("3:30", "4:00", "Report", "", p=5, kind="mute", cls="free c9 w4"),
    ]
    tuesday = [
        item("9:00", "9:50", "Teodor Mbanefo", "Therapy 50", amt="$150", mark="check"),
        item("10:00", "10:50", "Lark Osei-Dunmore", "Therapy 50", kind="stack", count="2/10"),
        item("11:00", "11:50", "Ilse Marchbanks", "Therapy 50", amt="$150", mark="ring", red=True, stmark="late", st="Card declined last night"),
        item("12:00", "12:20", "Call school", "Activity", p=5, kind="mute"),
        item("1:00", "1:50", "Petra Vaszary", "Therapy 50", cls="void", amt="Cancelled"),
        item("2:00", "2:50", "Emeka Solberg", "Therapy 50", amt="$150", mark="check", kind="camera"),
        item("3:00", "4:30", "Steady Ground", "Group 90", p=2, amt="6 of 8 paid", mark="half", kind="people", count="8", st="Attended 7, no show 1"),
    ]
    thursday = [
        item("9:00", "9:50", "Juniper Aldous", "Therapy 50", kind="again"),
        item("10:00", "10:50", "Marisol Eikeland", "Therapy 50", kind="stack", count="5/5", st="Last session of package"),
        item("11:00", "1:00", "Case review", "Pellworth Occupational Health", p=5, amt="$240", pencil=True, kind="mute", st="Activity, Busy"),
        item("2:00", "3:20", "Ferrante and Lowe", "Couple 80", p=3, kind="people", count="2"),
        item("3:30", "4:20", "Teodor Mbanefo", "Therapy 50", kind="again", red=True, stmark="late", st="Owes $302"),
    ]
    friday = [
        item("9:00", "9:50", "Odalys Brandt", "Therapy 50", kind="camera"),
        item("10:00", "10:50", "Caspian Thornbury", "Therapy 50", kind="stack", count="5/5"),
        {"off": "Time off: training", "r": 49, "s": 60},
    ]
    today = wednesday()
    if floating:
        after = {"flyout": 2, "waiting": 2, "clash": 6, "form": 9}[floating]
        today.insert(after, {"place": True})
        if floating == "clash":
            today[7]["cls"] = today[7].get("cls", "") + " clash" if "name" in today[7] else ""
            today[5]["cls"] += ""
            for entry in today:
                if entry.get("name") == "Zadie Lindqvist":
                    entry["cls"] += "" if "clash" in entry["cls"] else " clash"
        elif floating != "form":
            today[1]["cls"] += " sel"
    shut, sides = [(1, 120)], [(1, 12), (109, 12)]
    days = [
        ("15", "Sun", [], "fold", "", "Closed", ""),
        ("16", "Mon", aged(monday, "past"), "", "5.5 h", "6 sessions", "$745.00"),
        ("17", "Tue", aged(tuesday, "past"), "", "4.8 h", "5 sessions", "$810.00"),
        ("18", "Wed", today, "today cur", "4.2 h", "5 sessions", "$255.00"),
        ("19", "Thu", aged(thursday, ""), "", "3.8 h", "4 sessions", ""),
        ("20", "Fri", aged(friday, ""), "", "1.7 h", "2 sessions", ""),
        ("21", "Sat", [], "fold", "", "", "$1,810.00"),
    ]
    columns = [
        {
            "number": number, "word": word, "entries": entries, "kind": kind, "booked": booked, "foot": foot, "sum": total,
            "count": len(entries) or None, "closed": shut if kind == "fold" else sides, "id": f"d-{number}", "name": f"{word} {number}",
        }
        for number, word, entries, kind, booked, foot, total in days
    ]  # fmt: skip
    return {"title": "15 – 21 November", "short": "15 – 21 Nov", "view": "Week", "whose": "Tamsin Oyelaran", "days": columns, "float": floating}


def team() -> dict[str, Any]:
    """Give one day of four practitioners."""
    piet = [
        item("8:00", "8:45", "Orla Pettibone", "Physio 45, Rowan", p=6, amt="$110", mark="check", st="Attended"),
        item("8:45", "9:30", "Dag Wetherell", "Physio 45, Rowan", p=6, amt="$110", mark="check", st="Attended"),
        item("10:30", "11:00", "Rufus Ekström", "Review 30, Rowan", p=7, amt="$70", mark="ring"),
        item("11:15", "12:00", "Maud Tregellas", "Physio 45, Rowan", p=6, kind="stack", count="2/10", stmark="dot", st="Arrived 11:09"),
        {"now": True},
        item("1:30", "2:15", "Hester Vanterpool", "Physio 45, Rowan", p=6, red=True, stmark="late", st="Owes $220 from before"),
    ]
    rosalba = [
        item("11:00", "11:50", "Silas Okonjo-Reyes", "Therapy 50", amt="$150", mark="ring", kind="camera"),
        {"now": True},
        item("1:30", "3:00", "Parents’ evening group", "Group 90, Hall", p=2, kind="people", count="12"),
        item("3:30", "4:20", "Ines Lindgren-Moss", "Therapy 50", cls="void c1 w6"),
        item("3:30", "4:20", "Agnes Thistlewood", "Therapy 50", cls="c7 w6"),
    ]
    hideo = [
        item("9:00", "10:00", "Supervision", "Free-form, Busy", p=0),
        item("11:00", "11:50", "Philippa Nakagawa-Hale", "Diet review 50, Aspen", p=9, stmark="barred", st="No show? Booked 11:00"),
        {"now": True},
        {"off": "Time off from 1:00", "r": 61, "s": 60},
    ]
    people = [
        ("Tamsin Oyelaran", "Psychologist", wednesday(", Larch"), "4.2 h", "$255.00"),
        ("Piet Vandermolen", "Physiotherapist", piet, "5.8 h", "$290.00"),
        ("Rosalba Quist-Anderssen", "Family therapist", rosalba, "4 h", "$150.00"),
        ("Hideo Brannigan", "Dietitian", hideo, "1.7 h", ""),
    ]
    columns = [
        {
            "who": who, "job": job, "entries": entries, "booked": booked, "sum": total, "foot": f"{len(entries)} sessions", "id": f"t-{number}",
            "kind": "cur" if not number else "", "count": len(entries), "closed": [(109, 12)], "name": who,
        }
        for number, (who, job, entries, booked, total) in enumerate(people)
    ]  # fmt: skip
    return {"title": "Wednesday 18 November", "short": "Wed 18 Nov", "view": "Team day", "whose": "All practitioners", "days": columns, "float": None}


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
        ("Pellworth Occupational Health and Return-to-Work Services", "Wilhelmina Katsaros-Featherstonhaugh", "2 activities", "Then e-mailed, claim PW-55810", 24000),
    ]
    tonight = {"show": "tonight", "work": work, "tabs": tabs("All invoices, Billing, Tonight, Last night, Payments by day", "Tonight")}
    tonight["page"] = {"first": 1, "last": 2, "total": 14, "previous_url": None, "next_url": "#next"}
    invoices = [
        ("2026-1151", "4 Nov 2026", "Therapy 50", "Unpaid", None, 15000, 15000),
        ("2026-1098", "14 Oct 2026", "Therapy 50, no show", "Paid", None, 7500, 0),
        ("2026-1122", "28 Oct 2026", "Case review, letter", "Part paid", None, 18000, 6000),
        ("2026-1003", "30 Sep 2026", "Case review", "Overdue", "Overdue 35 days", 12000, 12000),
        ("CN-0027", "1 Sep 2026", "Credit note for 2026-0962", "Credited", None, -15000, 0),
        ("Draft", "18 Nov 2026", "Letter to referrer", "Draft", None, 12000, 12000),
    ]
    client = {"show": "client", "invoices": invoices, "tabs": tabs("Overview, Appointments, Billing, Packages, Billing documents, Messages", "Billing")}
    client["overdue"] = Markup('3 invoices, <span class="red">1 overdue</span>')
    client["put"] = Markup('<a href="#put">Put on an invoice</a>')
    client["create"] = Markup('1 session. <a href="#create">Create Invoice</a>')
    return {
        "week": ("week.html.j2", week(), "Schedule"),
        "form": ("week.html.j2", week("form"), "Schedule"),
        "clash": ("week.html.j2", week("clash"), "Schedule"),
        "flyout": ("week.html.j2", week("flyout"), "Schedule"),
        "waiting": ("week.html.j2", week("waiting"), "Schedule"),
        "team": ("week.html.j2", team(), "Schedule"),
        "package": ("invoice.html.j2", {"package": True, "lines": lines}, "Invoices"),
        "unpaid": ("invoice.html.j2", {"sums": unpaid, "chosen": True}, "Invoices"),
        "paid": ("invoice.html.j2", {"sums": paid, "paid": True}, "Invoices"),
        "tonight": ("pages.html.j2", tonight, "Invoices"),
        "client": ("pages.html.j2", client, "Clients"),
        "settings": ("pages.html.j2", {"show": "settings"}, "Settings"),
        "parts": ("pages.html.j2", {"show": "parts", "icons": ICONS}, "Settings"),
        "error": ("errors/404.html", {}, ""),
    }


def money(cents: int) -> str:
    """Print an amount as the pictures do."""
    dollars, rest = divmod(abs(cents), 100)
    return f"{'− ' if cents < 0 else ''}${dollars:,}.{rest:02d}"


def render(name: str, theme: str = "light") -> str:
    """Render one page of the gallery as the product would."""
    template, data, word = pages()[name]
    loader = FileSystemLoader([ROOT / "clinic" / "templates", ROOT / "tests" / "look"])
    env = Environment(loader=loader, autoescape=True)
    env.globals.update(asset=lambda path: f"/static/{path}", csrf_token=lambda: "token")
    env.filters["money"] = money
    alarm = {"title": "Last night did not run.", "words": "It catches up by itself.", "url": "#jobs", "link": "Status of the jobs"}
    context = {
        "practice_name": "Quillmere", "nav": tabs("Schedule, Clients, Invoices, Packages, Reports, Settings", word), "nav_search_url": "#find",
        "search": "", "tonight": {"url": "#tonight", "count": 14}, "initials": "TO", "user_name": "Tamsin Oyelaran", "sign_out_url": "#out",
        "alarm": alarm if name == "parts" else None, "theme": theme, "forms": forms(), "data": data,
        "flashes": [{"words": "Charged $150.00 to card ending 4242.", "url": "#print", "link": "Print"}] if name == "paid" else [],
    }  # fmt: skip
    return env.get_template(template).render(**context)
