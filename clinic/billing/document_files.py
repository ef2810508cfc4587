"""Many PDFs as one file, a piece at a time: one PDF to print, or a zip. Memory holds one document, however many there are."""

import io
import zipfile
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from pypdf import PdfReader
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject, NameObject, PdfObject, StreamObject

from clinic.billing.document_making import Part

CATALOG, PAGES = 1, 2  # the numbers of the first two objects, written last
HEAD = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"


class _Written:
    """Collect what a writer that knows no pieces writes, and give it away piece by piece."""

    def __init__(self) -> None:
        self._held = io.BytesIO()
        self._given = 0

    def write(self, data: bytes) -> int:
        """Take some bytes."""
        return self._held.write(data)

    def flush(self) -> None:
        """Do nothing: nothing is behind it."""

    def tell(self) -> int:
        """Return how many bytes were written in all."""
        return self._given + self._held.tell()

    def take(self) -> bytes:
        """Give away what was written since."""
        piece = self._held.getvalue()
        self._given += len(piece)
        self._held = io.BytesIO()
        return piece


def zipped(parts: Iterable[Part], made_at: datetime) -> Iterator[bytes]:
    """Yield a zip of the documents, one file each."""
    written = _Written()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload]
        for part in parts:
            entry = zipfile.ZipInfo(part.name, made_at.timetuple()[:6])
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
            archive.writestr(entry, part.pdf)
            yield written.take()
    yield written.take()


def merged(parts: Iterable[Part]) -> Iterator[bytes]:
    """Yield one PDF of all the documents' pages, in order, with a bookmark each."""
    book = _Book()
    for part in parts:
        book.add(part)
        yield book.written.take()
    book.close()
    yield book.written.take()


@dataclass(frozen=True)
class _Tree:
    """Be one document's page tree: its number, how many pages, the first of them, and what the document is called."""

    number: int
    pages: int
    first: int
    name: str


class _Book:
    """Write PDFs behind one another into one: their objects under new numbers, their page trees under one root."""

    def __init__(self) -> None:
        self.written = _Written()
        self.written.write(HEAD)
        self._offsets = array("Q", (0, 0, 0))  # by number; 0: not written yet, and number 0 is nobody's
        self._trees: list[_Tree] = []
        self._alike: dict[bytes, int] = {}  # pictures and fonts that stand in many documents are written once

    def add(self, part: Part) -> None:
        """Write one document's objects."""
        reader = PdfReader(io.BytesIO(part.pdf))
        root = reader.trailer["/Root"]
        assert isinstance(root, DictionaryObject)
        tree = root.raw_get("/Pages")
        count, first = len(reader.pages), reader.pages[0].indirect_reference
        assert first is not None
        found = _reachable(tree)
        numbers = {
            old: self._once(value) for old, value in found.items() if isinstance(value, StreamObject) and not _points(value)
        }
        left = [old for old in found if old not in numbers]
        numbers |= {old: self._number() for old in left}
        for old in left:
            _renumber(found[old], numbers)
            if old == tree.idnum:
                found[old][NameObject("/Parent")] = IndirectObject(PAGES, 0, None)
            self._put(numbers[old], _serialised(found[old]))
        self._trees.append(_Tree(numbers[tree.idnum], count, numbers[first.idnum], part.name.rpartition(".")[0]))

    def close(self) -> None:
        """Write the root of all page trees, the bookmarks, the catalogue and the table of where everything stands."""
        outline = self._number()
        marks = [self._number() for _ in self._trees]
        kids = b" ".join(b"%d 0 R" % tree.number for tree in self._trees)
        count = sum(tree.pages for tree in self._trees)
        self._put(PAGES, b"<< /Type /Pages /Count %d /Kids [%s] >>" % (count, kids))
        for at, (mark, tree) in enumerate(zip(marks, self._trees, strict=True)):
            beside = b"".join(
                b" /%s %d 0 R" % (name, marks[there])
                for name, there in ((b"Prev", at - 1), (b"Next", at + 1))
                if 0 <= there < len(marks)
            )
            title = tree.name.encode("ascii", "replace")  # letters, digits and hyphens (`documents.file_name`)
            self._put(mark, b"<< /Title (%s) /Parent %d 0 R /Dest [%d 0 R /Fit]%s >>" % (title, outline, tree.first, beside))
        ends = b" /First %d 0 R /Last %d 0 R" % (marks[0], marks[-1]) if marks else b""
        self._put(outline, b"<< /Type /Outlines /Count %d%s >>" % (len(marks), ends))
        self._put(CATALOG, b"<< /Type /Catalog /Pages %d 0 R /Outlines %d 0 R >>" % (PAGES, outline))
        begins = self.written.tell()
        self.written.write(b"xref\n0 %d\n0000000000 65535 f \n" % len(self._offsets))
        for offset in self._offsets[1:]:
            self.written.write(b"%010d 00000 n \n" % offset)
        self.written.write(b"trailer\n<< /Size %d /Root %d 0 R >>\n" % (len(self._offsets), CATALOG))
        self.written.write(b"startxref\n%d\n%%%%EOF\n" % begins)

    def _once(self, value: PdfObject) -> int:
        content = _serialised(value)
        key = sha256(content).digest()
        if key not in self._alike:
            self._alike[key] = self._number()
            self._put(self._alike[key], content)
        return self._alike[key]

    def _number(self) -> int:
        self._offsets.append(0)
        return len(self._offsets) - 1

    def _put(self, number: int, content: bytes) -> None:
        self._offsets[number] = self.written.tell()
        self.written.write(b"%d 0 obj\n%s\nendobj\n" % (number, content))


def _reachable(tree: IndirectObject) -> dict[int, Any]:
    """Return every object that the page tree needs, by its number."""
    found: dict[int, Any] = {}
    waiting = [tree]
    while waiting:
        reference = waiting.pop()
        if reference.idnum not in found:
            found[reference.idnum] = value = reference.get_object()
            waiting += _points(value)
    return found


def _points(value: Any) -> list[IndirectObject]:
    """List the references in an object."""
    if isinstance(value, IndirectObject):
        return [value]
    inside = value.values() if isinstance(value, DictionaryObject) else value if isinstance(value, ArrayObject) else ()
    return [reference for each in inside for reference in _points(each)]


def _renumber(value: Any, numbers: dict[int, int]) -> None:
    """Make the references in an object lead to the new numbers."""
    places = (
        value.items() if isinstance(value, DictionaryObject) else enumerate(value) if isinstance(value, ArrayObject) else ()
    )
    for place, each in list(places):
        if isinstance(each, IndirectObject):
            value[place] = IndirectObject(numbers[each.idnum], 0, None)
        else:
            _renumber(each, numbers)


def _serialised(value: PdfObject) -> bytes:
    written = io.BytesIO()
    value.write_to_stream(written)
    return written.getvalue()
