"""What is shipped to the browser is what was built, and the library is the one that was reviewed."""

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import brotli
import pytest

ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "clinic" / "static"
HTMX_SHA256 = "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"
STYLESHEET_BYTES_MAX = 9_500
SCRIPT_LINES_MAX = 220


@pytest.mark.parametrize("sheet", ["clinic.css", "pages.css"])
def test_a_stylesheet_is_what_its_parts_build(sheet: str) -> None:
    built = subprocess.run([sys.executable, ROOT / "script" / "build-css", "--stdout", sheet], capture_output=True, check=True)
    assert (STATIC / sheet).read_bytes() == built.stdout, "run script/build-css and commit the result"


def test_the_stylesheet_stays_light() -> None:
    assert len(brotli.compress((STATIC / "clinic.css").read_bytes())) <= STYLESHEET_BYTES_MAX


def test_htmx_is_the_reviewed_file() -> None:
    assert hashlib.sha256((STATIC / "vendor" / "htmx-2.0.11.min.js").read_bytes()).hexdigest() == HTMX_SHA256


def test_our_own_script_stays_short() -> None:
    assert len((STATIC / "clinic.js").read_text().splitlines()) <= SCRIPT_LINES_MAX


def test_no_template_carries_a_script_a_style_or_a_handler() -> None:
    inline = re.compile(r"<style|\sstyle=|\shx-on|\son[a-z]+=|<script(?![^>]*\ssrc=)|javascript:", re.IGNORECASE)
    templates = [*(ROOT / "clinic" / "templates").rglob("*.html"), *(ROOT / "tests" / "look").glob("*.j2")]
    screens = [path for path in templates if "paper" not in path.parts and "messages" not in path.parts]
    assert screens
    assert [path.name for path in screens if inline.search(path.read_text())] == []


def test_every_row_span_and_lane_of_a_day_has_its_class() -> None:
    css = (STATIC / "clinic.css").read_text()
    for letter, count in {"r": 288, "s": 144, "c": 12, "w": 12}.items():
        assert {int(n) for n in re.findall(rf"\.{letter}(\d+)\{{--{letter}", css)} == set(range(1, count + 1))
