"""Paper: documents rendered through plain Jinja and xhtml2pdf, with the house's own fonts and nothing from outside."""

import io
import logging
import unicodedata
from collections.abc import Mapping
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, meta, pass_context
from jinja2.runtime import Context

from clinic.kernel import locales, money
from clinic.kernel.errors import RefusalError

RENDER_SECONDS_MAX = 20
LONG_SECONDS_MAX = 60  # of a document of a thousand lines, on a server that is busy with others
WORD_CHARS_MAX = 26
logger = logging.getLogger(__name__)


class UnprintableError(RefusalError):
    """Say that one document could not be made into a PDF; everything else goes on."""


class Paper:
    """Render documents. Made once at start and handed to whoever prints: a view or a job."""

    def __init__(self, templates: Path, fonts: Path) -> None:
        self.templates, self.fonts = templates, fonts
        self.environment = Environment(
            loader=FileSystemLoader(templates), autoescape=True, trim_blocks=True, lstrip_blocks=True, auto_reload=False
        )
        self.environment.filters |= {
            "money": _money,
            "percent": money.percent,
            "day": _day,
            "day_long": _day_long,
            "breakable": breakable,
        }

    def version(self, template: str) -> str:
        """Return the hash of the template and of its parts: a stored PDF is of one version."""
        loader = self.environment.loader
        assert loader is not None
        source = loader.get_source(self.environment, template)[0]
        parts = sorted(part for part in meta.find_referenced_templates(self.environment.parse(source)) if part)
        whole = source + "".join(loader.get_source(self.environment, part)[0] for part in parts)
        return sha256(whole.encode()).hexdigest()

    def html(self, template: str, context: Mapping[str, Any]) -> str:
        """Return the document as the HTML that is made into a PDF. The context names a `house`."""
        return self.environment.get_template(template).render(fonts=self.fonts, **context)

    def pdf(self, template: str, context: Mapping[str, Any], *, seconds: int = RENDER_SECONDS_MAX) -> bytes:
        """Return the document as a PDF. Call it with no door open: it takes a tenth of a second and more.

        Raises:
            UnprintableError: the document could not be made.
        """
        # Imported here: it takes a third of a second, and most processes never print.
        from xhtml2pdf import pisa
        from xhtml2pdf.files import ResourceAccessPolicy

        policy = ResourceAccessPolicy.server(str(self.fonts), allow_remote=False, max_render_seconds=seconds)
        written = io.BytesIO()
        try:
            status = pisa.CreatePDF(self.html(template, context), dest=written, encoding="utf-8", resource_policy=policy)
        except Exception as error:  # noqa: BLE001 - whatever a strange name does to the renderer fails this document alone
            logger.warning("a document could not be rendered: %s", type(error).__name__)
            raise UnprintableError(_SORRY) from None
        if status.err:
            raise UnprintableError(_SORRY)
        return written.getvalue()


def breakable(text: str, most: int = WORD_CHARS_MAX) -> str:
    """Return the text with blanks inside words that are too long: xhtml2pdf breaks lines nowhere else."""
    return " ".join(_in_pieces(word, most) if _width(word) > most else word for word in text.split(" "))


def _width(word: str) -> int:
    # A Chinese, Japanese or Korean sign is as wide as two letters.
    return sum(2 if unicodedata.east_asian_width(char) in ("W", "F") else 1 for char in word)


def _in_pieces(word: str, most: int) -> str:
    pieces = word.replace("-", "- ").split(" ")
    return " ".join(part for piece in pieces for part in _cut(piece, most))


def _cut(piece: str, most: int) -> list[str]:
    parts, wide = [""], 0
    for char in piece:
        wide += _width(char)
        if wide > most:
            parts.append("")
            wide = _width(char)
        parts[-1] += char
    return parts


@pass_context
def _money(context: Context, cents: int) -> str:
    words: str = context["house"].money(cents)
    return words


@pass_context
def _day(context: Context, value: date) -> str:
    return locales.day(value, context["house"].locale)


@pass_context
def _day_long(context: Context, value: date) -> str:
    return locales.day(value, context["house"].locale, long=True)


_SORRY = (
    "This document could not be made into a PDF. Print it from your browser instead, and tell whoever looks after this server."
)
