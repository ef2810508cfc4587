"""The logo: a small picture told by its content, at the head of every document; whatever else is sent changes nothing."""

import io
import re
import struct
import zlib

import pypdf
import pytest
from PIL import Image
from sqlalchemy import func, select

from clinic.billing import documents, invoices, payments
from clinic.billing.lines import NewLine
from clinic.kernel.database import reading, writing
from clinic.models.billing import StoredDocument
from clinic.models.money import Method
from clinic.models.practice import Logo, Practice
from clinic.office import verify
from clinic.practice import logo
from tests.cast import NOW
from tests.views.test_settings import PAGE as FIELDS

PAGE = "/settings/client-billing/documents"
WHOLE = FIELDS | {"seen_number": "1"}


def _picture(kind="PNG", mode="RGB", size=(120, 40), **how):
    written = io.BytesIO()
    Image.new(mode, size).save(written, kind, **how)
    return written.getvalue()


def _bomb():
    """Make a PNG whose head claims what its few bytes would swell to."""
    head = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(b"\0" * 100_000)), (b"IEND", b""))
    made = (struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(made)


def _sent(olga, image, name="logo.png", **other):
    return olga.post(PAGE, data=WHOLE | other | {"logo": (io.BytesIO(image), name)}, content_type="multipart/form-data")


def _issued(write, cast):
    with write() as session:
        made = invoices.draft(session, cast.olga, payer_id=cast.cleo_payer_id, client_id=cast.cleo_id, now=NOW)
        invoices.add_line(session, made, NewLine("Letter", 2_000))
        invoices.issue(session, cast.olga, made, NOW)
        paid = payments.record(
            session, cast.olga, payer_id=cast.cleo_payer_id, method=Method.CASH, amount_cents=500, invoice_id=made.id, now=NOW
        )
        return made.id, paid.id


def _pictures(pdf):
    return [len(page.images) for page in pypdf.PdfReader(io.BytesIO(pdf)).pages]


def test_it_stands_at_the_head_of_issued_invoices_and_receipts_until_it_is_removed(as_, cast, rows, write):
    olga, pat = as_("olga"), as_("pat")
    invoice_id, payment_id = _issued(write, cast)
    papers = [f"/invoices/{invoice_id}/pdf", f"/payments/{payment_id}/pdf"]
    screens = [f"/invoices/{invoice_id}", f"/invoices/{invoice_id}/print", f"/payments/{payment_id}/print"]
    assert olga.get("/invoices/logo").status_code == 404
    assert [_pictures(olga.get(paper).data) for paper in papers] == [[0], [0]]
    assert not any('class="logo"' in olga.get(screen).text for screen in screens)

    first, second = _picture(), _picture("JPEG", "CMYK", (300, 300))
    for image, mimetype in ((first, "image/png"), (second, "image/jpeg"), (second, "image/jpeg")):
        assert _sent(olga, image, "whatever.exe").headers["Location"] == PAGE
        shown = pat.get("/invoices/logo?v=1")
        assert (shown.data, shown.mimetype) == (image, mimetype)
        assert shown.headers["X-Content-Type-Options"] == "nosniff"
        assert [_pictures(olga.get(paper).data) for paper in papers] == [[1], [1]]
        assert all('class="logo"' in olga.get(screen).text for screen in screens)
    with rows() as session:
        assert session.scalar(select(func.count()).select_from(Logo)) == 1  # the one before is gone
        assert session.scalar(select(func.count()).select_from(StoredDocument)) == 6  # two papers: without, first, second
        assert session.get(Practice, 1).logo_sha256 == session.scalars(select(Logo.sha256)).one()
        assert list(verify.findings(session)) == []

    assert "Remove the logo" in olga.get(PAGE).text
    assert _sent(olga, first, removes_logo="y").status_code == 422
    for _ in range(2):
        assert olga.post(PAGE, data=WHOLE | {"removes_logo": "y"}).status_code == 303
    assert olga.get("/invoices/logo").status_code == 404
    assert _pictures(olga.get(papers[0]).data) == [0]
    assert "Remove the logo" not in olga.get(PAGE).text
    with rows() as session:
        assert session.scalar(select(func.count()).select_from(Logo)) == 0
        assert list(verify.findings(session)) == []


def test_whatever_is_no_small_picture_is_refused_by_name_and_the_one_before_stays(as_, rows):
    olga = as_("olga")
    good = _picture()
    _sent(olga, good)
    noise = Image.effect_noise((600, 600), 90)
    large = io.BytesIO()
    noise.save(large, "PNG")
    for image, words in (
        (b"", "Choose a picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "Choose a picture"),
        (b"%PDF-1.7 rubbish", "Choose a picture"),
        (_picture("GIF", "L"), "Choose a picture"),
        (_picture("WEBP"), "Choose a picture"),
        (good[: len(good) // 2], "Choose a picture"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 500, "Choose a picture"),
        (_picture("JPEG", size=(400, 400), quality=90)[:400], "Choose a picture"),
        (_bomb(), "16 to 2,000 pixels"),
        (_picture(size=(2_001, 40)), "16 to 2,000 pixels. This one has 2,001 × 40."),
        (_picture(size=(120, 15)), "16 to 2,000 pixels"),
        (large.getvalue(), "At most 200 KB"),
        (b"\xff\xd8" + b"x" * (3 << 20), "At most 200 KB. This one has 3073 KB."),
    ):
        answer = _sent(olga, image)
        assert (answer.status_code, words in answer.text) == (422, True), (image[:20], words)
        assert 'id="logo-err"' in answer.text
        assert 'aria-invalid="true"' in answer.text
    assert _sent(olga, b"x" * (13 << 20)).status_code == 413
    for data in ({"logo": "words where a file should be"}, {"kept_logo": "words"}, {"kept_logo": "d29yZHM="}):
        assert olga.post(PAGE, data=WHOLE | data).status_code == 422
    assert olga.get("/invoices/logo").data == good
    with rows() as session:
        assert session.scalar(select(func.count()).select_from(Logo)) == 1


# The page is one form. Sent with a due date that cannot be, neither what was typed nor the picture is lost.
def test_a_picture_that_comes_with_a_page_that_is_refused_is_kept_and_saved_with_it(as_, rows):
    olga, image = as_("olga"), _picture()
    [form] = re.findall(r"<main.*</main>", olga.get(PAGE).text, re.DOTALL)
    assert form.count("<form") == form.count('enctype="multipart/form-data"') == 1
    assert form.count(">Save</button>") == 1
    refused = _sent(olga, image, due_days="soon", document_footer="Thank you & goodbye")
    assert refused.status_code == 422
    assert "Thank you &amp; goodbye" in refused.text
    assert "The picture you chose is kept" in refused.text
    assert olga.get("/invoices/logo").status_code == 404
    [kept] = re.findall(r'name="kept_logo" type="hidden" value="([^"]+)"', refused.text)
    empty = {"logo": (io.BytesIO(b""), "")}  # what a browser sends of a file nobody chose
    data = WHOLE | {"document_footer": "Thank you & goodbye", "kept_logo": kept} | empty
    assert olga.post(PAGE, data=data, content_type="multipart/form-data").status_code == 303
    assert olga.get("/invoices/logo").data == image
    with rows() as session:
        assert session.get(Practice, 1).document_footer == "Thank you & goodbye"


def test_verify_names_a_picture_that_was_exchanged_underneath(session, cast):
    logo.replace(session, cast.olga, logo.looked_at(_picture()), NOW)
    assert list(verify.findings(session)) == []
    logo.shown(session).image = _picture(size=(30, 30))
    session.flush()
    assert list(verify.findings(session)) == ["The logo is not the picture that was taken."]


@pytest.mark.parametrize(("kind", "mode"), [("PNG", mode) for mode in ("1", "L", "LA", "P", "RGBA", "I;16")] + [("JPEG", "L")])
def test_every_kind_that_is_taken_can_be_printed(app, cast, write, kind, mode):
    invoice_id, _ = _issued(write, cast)
    with write() as session:
        logo.replace(session, cast.olga, logo.looked_at(_picture(kind, mode, (400, 17))), NOW)
    with app.app_context():
        pdf, _ = documents.invoice_pdf(reading, writing, app.extensions["paper"], cast.olga, invoice_id, NOW)
    assert _pictures(pdf) == [1]
