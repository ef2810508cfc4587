"""The house holds: floors, the order of the areas, who may ask the time, who may divide, and how long things get."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CLINIC = ROOT / "clinic"
TEMPLATES = CLINIC / "templates"

AREAS = ("practice", "messages", "people", "billing", "calendar", "office")  # each may use those before it
HTTP = {
    "flask",
    "werkzeug",
    "flask_login",
    "flask_wtf",
    "flask_sqlalchemy",
    "flask_migrate",
    "flask_compress",
    "htmx_flask",
    "wtforms",
    "jinja2",
}
TOP = {"", "cli", "config", "extensions", "startup", "demo"}  # the top floor: knows everything, holds no rules
SETTINGS = {"config", "extensions"}  # values and bound objects that floor 4 reads from the top
# What each room may know of ours. Its own room always; whatever is not listed never.
MAY_KNOW: dict[str, set[str]] = {
    "kernel": set(),
    "models": {"kernel"},
    **{area: {"kernel", "models", *AREAS[:at]} for at, area in enumerate(AREAS)},
    "forms": {"kernel", "models", *AREAS},
    "views": {"kernel", "models", *AREAS, "forms", *SETTINGS},
    "jobs": {"kernel", "models", *AREAS, *SETTINGS},
}
# What each room never imports from outside.
NEVER: dict[str, set[str]] = {
    "kernel": HTTP,
    "models": HTTP,
    **{area: HTTP - {"jinja2"} for area in AREAS},  # documents and messages render through a plain environment
    "forms": {"sqlalchemy", "flask_sqlalchemy", "jinja2"},
    "views": {"sqlalchemy", "flask_sqlalchemy"},
    "jobs": HTTP,
}
EXCEPTIONS = {("clinic/kernel/database.py", "flask_sqlalchemy")}
FILE_LINES_MAX, FUNCTION_LINES_MAX, VIEW_LINES_MAX = 400, 50, 25
NAMELESS = {"utils", "util", "helpers", "helper", "services", "service", "common", "misc", "tools"}
ASKS_TIME = {
    ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"), ("time", "time"),
    ("time", "time_ns"), ("time", "localtime"), ("time", "gmtime"), ("func", "now"), ("func", "current_timestamp"),
}  # fmt: skip
TOUCHES_ROWS = {"get", "execute", "scalar", "scalars", "add", "add_all", "delete", "flush", "merge", "query", "refresh"}
HX_ALLOWED = {
    "hx-get", "hx-post", "hx-target", "hx-swap", "hx-trigger", "hx-include", "hx-indicator", "hx-disabled-elt", "hx-swap-oob",
    "hx-headers",
}  # fmt: skip

Rule = Callable[[str, str], Iterator[str]]


def room_of(path: str) -> str:
    """Return the room a file of ours is in: clinic/billing/fees.py is in billing, clinic/cli.py in cli."""
    parts = Path(path).with_suffix("").parts[1:]
    if parts == ("__init__",):
        return ""
    return "cli" if parts[0].startswith("cli_") else parts[0]


def imports(path: str, source: str) -> Iterator[tuple[int, str]]:
    """Yield every imported module with its line, whatever names it was imported under."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.module == "sqlalchemy.orm" and [alias.name for alias in node.names] == ["Session"]:
                continue  # the type of what a door gives
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            yield node.lineno, node.module or ""
            # `from clinic import billing` names a room too.
            if node.module == "clinic":
                yield from ((node.lineno, f"clinic.{alias.name}") for alias in node.names)


def wrong_floor(path: str, source: str) -> Iterator[str]:
    """Find imports that point up, sideways, or out of the house where they may not."""
    room = room_of(path)
    if room in TOP:
        return
    for line, name in imports(path, source):
        top, _, rest = name.partition(".")
        if top == "clinic" and rest:
            there = rest.partition(".")[0]
            if there != room and there not in MAY_KNOW[room]:
                yield f"{path}:{line} {room} imports {name}"
        elif top in NEVER[room] and (path, top) not in EXCEPTIONS:
            yield f"{path}:{line} {room} imports {name}"


def doors_and_commits(path: str, source: str) -> Iterator[str]:
    """Find an area that opens a door, anyone who commits, and a view that touches rows."""
    room = room_of(path)
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = (
            node.func.id if isinstance(node.func, ast.Name) else node.func.attr if isinstance(node.func, ast.Attribute) else ""
        )
        owner = node.func.value.id if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name) else ""
        if room in AREAS and name in ("writing", "reading"):
            yield f"{path}:{node.lineno} opens a door"
        if owner == "session" and name in ("commit", "rollback") and path != "clinic/kernel/database.py":
            yield f"{path}:{node.lineno} ends a transaction"
        if room in ("views", "forms") and owner == "session" and name in TOUCHES_ROWS:
            yield f"{path}:{node.lineno} touches rows"


def asks_time(path: str, source: str) -> Iterator[str]:
    """Find who asks the time. The stand-in for Stripe is outside the house and has a clock of its own."""
    if path == "clinic/kernel/clock.py" or path.startswith("clinic/demo/stripe_"):
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            owner = node.value.id if isinstance(node.value, ast.Name) else getattr(node.value, "attr", "")
            if (owner, node.attr) in ASKS_TIME:
                yield f"{path}:{node.lineno} {owner}.{node.attr}"


def divides_money(path: str, source: str) -> Iterator[str]:
    """Find amounts that are divided outside money.py, by whatever sign."""
    if path == "clinic/kernel/money.py":
        return
    for node in ast.walk(ast.parse(source)):
        parts: list[ast.AST] = []
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div | ast.FloorDiv | ast.Mod):
            parts = [node.left, node.right]
        elif isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Div | ast.FloorDiv | ast.Mod):
            parts = [node.target, node.value]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("divmod", "round", "float"):
            parts = list(node.args)
        if isinstance(node, ast.BinOp) and isinstance(node.left, ast.Constant) and isinstance(node.left.value, str):
            continue  # "…%s" % amount prints
        if any(_is_amount(part) for part in parts):
            yield f"{path}:{node.lineno} divides an amount"  # type: ignore[attr-defined]


def _is_amount(part: ast.AST) -> bool:
    names = (n.id if isinstance(n, ast.Name) else n.attr if isinstance(n, ast.Attribute) else "" for n in ast.walk(part))
    return any(name.endswith("_cents") or name == "cents" for name in names)


def too_long(path: str, source: str) -> Iterator[str]:
    """Find files, functions and views that outgrew their lid: a noun is missing."""
    lines = source.count("\n")
    if lines > FILE_LINES_MAX:
        yield f"{path} has {lines} lines"
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        length = (node.end_lineno or node.lineno) - node.lineno + 1
        is_route = path.startswith("clinic/views/") and any("bp." in ast.unparse(mark) for mark in node.decorator_list)
        most = VIEW_LINES_MAX if is_route else FUNCTION_LINES_MAX
        if length > most:
            yield f"{path}:{node.lineno} {node.name} has {length} lines"


def nameless(path: str, _source: str) -> Iterator[str]:
    """Find modules named after nothing."""
    if NAMELESS & set(Path(path).with_suffix("").parts):
        yield path


def loose_models(path: str, source: str) -> Iterator[str]:
    """Find models off the house's base, and relations that would query by themselves."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "db.Model":
            yield f"{path}:{node.lineno} db.Model"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "relationship":
            lazy = next((word.value for word in node.keywords if word.arg == "lazy"), None)
            if not (isinstance(lazy, ast.Constant) and lazy.value == "raise"):
                yield f"{path}:{node.lineno} a relation is not lazy='raise'"


def loose_template(path: str, source: str) -> Iterator[str]:
    """Find what the content security policy would block, what the rulebook of htmx here lacks, and a missing first line."""
    if not source.startswith(("{#-", "{#")):
        yield f"{path} does not begin with what it needs"
    is_paper = path.startswith("clinic/templates/paper/")  # rendered to PDF, never by a browser
    for number, line in enumerate(source.splitlines(), 1):
        where = f"{path}:{number}"
        if not is_paper and re.search(r"\sstyle\s*=|<style\b", line, re.IGNORECASE):
            yield f"{where} inline style"
        if re.search(r"<script\b(?![^>]*\ssrc=)", line, re.IGNORECASE):
            yield f"{where} inline script"
        if re.search(r"\son[a-z]+\s*=\s*[\"']|javascript:", line, re.IGNORECASE):
            yield f"{where} inline handler"
        for name in re.findall(r"\s(hx-[a-z-]+)", line):
            if name not in HX_ALLOWED:
                yield f"{where} {name}"


RULES: tuple[Rule, ...] = (wrong_floor, doors_and_commits, asks_time, divides_money, too_long, nameless, loose_models)


def modules() -> list[Path]:
    """List our own modules."""
    return sorted(path for path in CLINIC.rglob("*.py") if "__pycache__" not in path.parts)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps_its(rule: Rule):
    found = [wrong for path in modules() for wrong in rule(str(path.relative_to(ROOT)), path.read_text())]
    assert found == []


def test_templates_hold_nothing_that_the_policy_blocks_and_say_what_they_need():
    paths = sorted(path for path in TEMPLATES.rglob("*") if path.is_file())
    assert [wrong for path in paths for wrong in loose_template(str(path.relative_to(ROOT)), path.read_text())] == []


def test_every_file_is_in_a_room_that_has_rules():
    assert {room_of(str(path.relative_to(ROOT))) for path in modules()} - TOP - set(MAY_KNOW) - {"static", "templates"} == set()


# Each rule is shown one line it must find and one it must let pass.
@pytest.mark.parametrize(
    ("rule", "path", "wrong", "right"),
    [
        (wrong_floor, "clinic/kernel/money.py", "from clinic.models import billing", "import re"),
        (wrong_floor, "clinic/kernel/clock.py", "from flask_sqlalchemy import SQLAlchemy", "from clinic.kernel import errors"),
        (wrong_floor, "clinic/models/people.py", "from flask import g", "from clinic.kernel.database import Base"),
        (wrong_floor, "clinic/models/people.py", "from clinic.practice import audit", "import clinic.models"),
        (wrong_floor, "clinic/practice/audit.py", "from clinic.people import accounts", "from clinic.models import practice"),
        (wrong_floor, "clinic/people/clients.py", "from clinic import billing", "from clinic.practice import audit"),
        (wrong_floor, "clinic/billing/fees.py", "from clinic.calendar import booking", "from clinic.people import clients"),
        (wrong_floor, "clinic/billing/fees.py", "def f():\n    import flask", "import jinja2"),
        (wrong_floor, "clinic/calendar/booking.py", "from clinic.office import reports", "from clinic.billing import fees"),
        (wrong_floor, "clinic/views/fees.py", "from sqlalchemy import select", "from clinic.billing import fees"),
        (wrong_floor, "clinic/views/a.py", "from sqlalchemy.orm import Session, aliased", "from sqlalchemy.orm import Session"),
        (wrong_floor, "clinic/views/fees.py", "from clinic.jobs import end_of_day", "from clinic.forms.fees import FeeForm"),
        (wrong_floor, "clinic/forms/fees.py", "from clinic.views import answer", "from flask import g"),
        (wrong_floor, "clinic/jobs/autopay.py", "from clinic.views import frame", "from clinic.billing import autopay"),
        (wrong_floor, "clinic/jobs/autopay.py", "from flask import current_app", "import apscheduler"),
        (doors_and_commits, "clinic/billing/fees.py", "with writing() as s: pass", "fees.add(session)"),
        (doors_and_commits, "clinic/jobs/autopay.py", "session.commit()", "with writing() as s: pass"),
        (doors_and_commits, "clinic/views/fees.py", "session.get(Fee, 1)", "fees.fee_for(session, 1)"),
        (asks_time, "clinic/billing/fees.py", "datetime.now(UTC)", "clock.now()"),
        (asks_time, "clinic/billing/fees.py", "datetime.date.today()", "issue.date"),
        (asks_time, "clinic/models/people.py", "x = mapped_column(default=datetime.utcnow)", "x = mapped_column()"),
        (asks_time, "clinic/jobs/scheduler.py", "time.time()", "time.monotonic()"),
        (divides_money, "clinic/billing/fees.py", "fee.amount_cents // 2", "minutes // 2"),
        (divides_money, "clinic/billing/fees.py", "total_cents /= 3", "total_cents -= 3"),
        (divides_money, "clinic/billing/fees.py", "x = round(price_cents * 0.1)", "x = money.share_of(price_cents, 1000)"),
        (divides_money, "clinic/billing/fees.py", "x = (a.net_cents + b) / n", "x = a.net_cents + b"),
        (too_long, "clinic/billing/fees.py", "x = 1\n" * 401, "x = 1\n" * 400),
        (too_long, "clinic/billing/fees.py", "def f():\n" + "    x = 1\n" * 50, "def f():\n" + "    x = 1\n" * 49),
        (too_long, "clinic/views/fees.py", "@bp.get('/')\ndef f():\n" + "    x = 1\n" * 25, "def f():\n" + "    x = 1\n" * 25),
        (nameless, "clinic/billing/utils.py", "", ""),
        (loose_models, "clinic/models/people.py", "class A(db.Model): pass", "class A(Base): pass"),
        (loose_models, "clinic/models/people.py", "x = relationship()", "x = relationship(lazy='raise')"),
        (loose_models, "clinic/models/people.py", "x = relationship(lazy='joined')", "x = relationship(lazy='raise')"),
        (loose_template, "clinic/templates/a.html", "<p>", "{#- Needs nothing. -#}<p>"),
        (loose_template, "clinic/templates/a.html", "{#- -#}<p style='a'>", "{#- -#}<p class='style'>"),
        (loose_template, "clinic/templates/a.html", "{#- -#}<script>x()</script>", "{#- -#}<script src='x' defer></script>"),
        (loose_template, "clinic/templates/a.html", "{#- -#}<p hx-on:click='x'>", "{#- -#}<p hx-get='x'>"),
        (loose_template, "clinic/templates/a.html", "{#- -#}<p onclick='x'>", "{#- -#}<p data-on='x'>"),
    ],
)  # fmt: skip
def test_a_rule_finds_what_is_wrong_and_lets_what_is_right_pass(rule: Rule, path: str, wrong: str, right: str):
    assert list(rule(path, wrong)) != []
    assert list(rule(path if rule is not nameless else "clinic/billing/fees.py", right)) == []
