"""The two commands of the README, the pins and the files a server is set up from."""

import os
import re
import socket
import subprocess
from pathlib import Path

import pytest

from clinic.config import Config

ROOT = Path(__file__).parents[2]
SHELL = ["script/demo", "script/test", "script/_environment.sh", ".ci/run"]
COMMANDS = ["script/demo", "script/test", "script/build-css", "script/new-migration", ".ci/run"]


def _run(*command, **environment):
    bare = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run(
        command, cwd=ROOT, env=bare, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=60
    )


@pytest.mark.parametrize("script", SHELL)
def test_the_shell_can_read_every_script(script):
    done = _run("bash", "-n", script)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("script", COMMANDS)
def test_every_command_can_be_run(script):
    assert os.access(ROOT / script, os.X_OK)


def test_the_demo_explains_itself_and_refuses_what_it_does_not_know():
    shown = _run("script/demo", "--help")
    assert shown.returncode == 0
    assert "--fresh" in shown.stdout
    assert _run("script/demo", "--nonsense").returncode == 2
    wrong = _run("script/demo", PORT="eighty")
    assert wrong.returncode == 1
    assert "PORT must be a number" in wrong.stderr


def test_the_demo_says_when_its_port_is_taken():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = _run("script/demo", PORT=str(port))
        assert (refused.returncode, f"Port {port} is taken" in refused.stderr) == (1, True)
        beside = _run("script/demo", PORT=str(port - 1))
        assert (beside.returncode, f"Port {port} is taken" in beside.stderr) == (1, True)


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-dev.txt"])
def test_every_package_is_pinned(file):
    lines = [line.split("#")[0].strip() for line in (ROOT / file).read_text().splitlines()]
    for line in filter(None, lines):
        assert re.fullmatch(r"-r requirements\.txt|[\w.\-]+(\[\w+\])?==[\w.]+(; python_version < \"[\d.]+\")?", line), line


def test_the_packages_the_owner_chose_are_there_and_svg_needs_no_compiler():
    pins = {line.split("==")[0].split("[")[0].lower(): line for line in (ROOT / "requirements.txt").read_text().splitlines()}
    chosen = {"flask", "flask-sqlalchemy", "flask-login", "htmx-flask", "wtforms", "flask-wtf", "apscheduler", "xhtml2pdf"}
    assert chosen <= set(pins)
    assert re.fullmatch(r"svglib==2\.[1-9]\d*\.\d+", pins["svglib"])
    assert "pycairo" not in pins


def test_the_readme_names_both_commands_the_accounts_and_every_variable():
    readme = (ROOT / "README.md").read_text()
    for words in ("script/demo", "script/test", "clinic-demo-2026", "flask backup", "flask restore", "flask db upgrade"):
        assert words in readme
    for account in ("owner", "frontdesk", "practitioner", "biller"):
        assert f"{account}@demo.example" in readme
    for name in Config.__dataclass_fields__:
        assert f"`{name}`" in readme, name


def test_the_accounts_the_demo_prints_are_the_readmes():
    accounts = re.compile(r"\w+@demo\.example")
    assert set(accounts.findall((ROOT / "script/demo").read_text())) == set(accounts.findall((ROOT / "README.md").read_text()))


@pytest.mark.parametrize("file", ["script/demo", "deploy/clinic.service", "README.md"])
def test_the_server_has_threads_and_no_control_socket(file):
    text = (ROOT / file).read_text()
    assert "gthread" in text
    assert "--no-control-socket" in text
