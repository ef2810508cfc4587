"""The invented week of the gallery and its team day."""

from typing import Any

FIRST_MINUTE = 8 * 60
NOW = 11 * 60 + 42


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
        item(
            "11:00",
            "11:50",
            "Isolde Kattegat",
            "Therapy 50" + where,
            kind="stack",
            count="3/5",
            stmark="dot",
            st="Arrived 10:54",
        ),
        {"now": True},
        {"gap": "Free 1 h 10 min", "at": "11:50"},
        item("1:00", "1:50", "Wilhelmina Katsaros-Featherstonhaugh", "Therapy 50, first after leave", kind="phone"),
        item("2:00", "2:50", "Zadie Lindqvist", "Therapy 50" + where, kind="stack", count="1/5", cls="c1 w8"),
        item("2:00", "3:00", "Letter to referrer", "", p=5, kind="mute", st="Free", cls="free c9 w4", age=False),
        {"gap": "Free 1 h", "at": "3:00"},
        item(
            "4:00",
            "4:50",
            "Anselm Achterberg",
            "Therapy 50",
            cls="void",
            amt="$75",
            mark="ring",
            stmark="barred",
            st="Late cancelled, half fee",
        ),
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
        item(
            "11:00",
            "11:50",
            "Ilse Marchbanks",
            "Therapy 50",
            amt="$150",
            mark="ring",
            red=True,
            stmark="late",
            st="Card declined last night",
        ),
        item("12:00", "12:20", "Call school", "Activity", p=5, kind="mute"),
        item("1:00", "1:50", "Petra Vaszary", "Therapy 50", cls="void", amt="Cancelled"),
        item("2:00", "2:50", "Emeka Solberg", "Therapy 50", amt="$150", mark="check", kind="camera"),
        item(
            "3:00",
            "4:30",
            "Steady Ground",
            "Group 90",
            p=2,
            amt="6 of 8 paid",
            mark="half",
            kind="people",
            count="8",
            st="Attended 7, no show 1",
        ),
    ]
    thursday = [
        item("9:00", "9:50", "Juniper Aldous", "Therapy 50", kind="again"),
        item("10:00", "10:50", "Marisol Eikeland", "Therapy 50", kind="stack", count="5/5", st="Last session of package"),
        item(
            "11:00",
            "1:00",
            "Case review",
            "Pellworth Occupational Health",
            p=5,
            amt="$240",
            pencil=True,
            kind="mute",
            st="Activity, Busy",
        ),
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
            "number": number,
            "word": word,
            "entries": entries,
            "kind": kind,
            "booked": booked,
            "foot": foot,
            "sum": total,
            "count": len(entries) or None,
            "closed": shut if kind == "fold" else sides,
            "id": f"d-{number}",
            "name": f"{word} {number}",
        }
        for number, word, entries, kind, booked, foot, total in days
    ]
    return {
        "title": "15 – 21 November",
        "short": "15 – 21 Nov",
        "view": "Week",
        "whose": "Tamsin Oyelaran",
        "days": columns,
        "float": floating,
    }


def team() -> dict[str, Any]:
    """Give one day of four practitioners."""
    piet = [
        item("8:00", "8:45", "Orla Pettibone", "Physio 45, Rowan", p=6, amt="$110", mark="check", st="Attended"),
        item("8:45", "9:30", "Dag Wetherell", "Physio 45, Rowan", p=6, amt="$110", mark="check", st="Attended"),
        item("10:30", "11:00", "Rufus Ekström", "Review 30, Rowan", p=7, amt="$70", mark="ring"),
        item(
            "11:15",
            "12:00",
            "Maud Tregellas",
            "Physio 45, Rowan",
            p=6,
            kind="stack",
            count="2/10",
            stmark="dot",
            st="Arrived 11:09",
        ),
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
        item(
            "11:00",
            "11:50",
            "Philippa Nakagawa-Hale",
            "Diet review 50, Aspen",
            p=9,
            stmark="barred",
            st="No show? Booked 11:00",
        ),
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
            "who": who,
            "job": job,
            "entries": entries,
            "booked": booked,
            "sum": total,
            "foot": f"{len(entries)} sessions",
            "id": f"t-{number}",
            "kind": "cur" if not number else "",
            "count": len(entries),
            "closed": [(109, 12)],
            "name": who,
        }
        for number, (who, job, entries, booked, total) in enumerate(people)
    ]
    return {
        "title": "Wednesday 18 November",
        "short": "Wed 18 Nov",
        "view": "Team day",
        "whose": "All practitioners",
        "days": columns,
        "float": None,
    }
