"""Many PDFs as one file, a piece at a time: a zip, or one PDF to print."""

import io
import zipfile
from collections.abc import Iterable, Iterator
from datetime import datetime
from tempfile import TemporaryFile

from pypdf import PdfWriter

from clinic.billing.document_making import Part

PIECE_BYTES = 65_536
TIDIED_EACH = 100  # documents after which what is alike in them, fonts and the logo, is kept once


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
    """Yield one PDF of all the documents' pages, in order, with a bookmark each.

    It is put together before the first piece: memory holds every page, about 75 MB for 500 documents.
    """
    book = PdfWriter()
    for count, part in enumerate(parts, start=1):
        book.append(io.BytesIO(part.pdf), outline_item=part.name.rpartition(".")[0], import_outline=False)
        if count % TIDIED_EACH == 0:
            book.compress_identical_objects()
    book.compress_identical_objects()
    with TemporaryFile() as written:
        book.write(written)
        written.seek(0)
        while piece := written.read(PIECE_BYTES):
            yield piece
