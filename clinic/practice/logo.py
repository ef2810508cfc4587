"""The practice's logo: a small PNG or JPEG, told by its content, that stands at the head of every document."""

from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from io import BytesIO

from sqlalchemy.orm import Session

from clinic.kernel.errors import NotFoundError, RefusalError
from clinic.models.practice import Logo
from clinic.practice import audit, settings
from clinic.practice.permissions import Actor

BYTES_MAX = 200 * 1024
SIDE_PX_MIN, SIDE_PX_MAX = 16, 2_000
PAPER_WIDTH_PT, PAPER_HEIGHT_PT = 170, 48
TYPES = {"PNG": "image/png", "JPEG": "image/jpeg"}
SIDES = f"Each side may have {SIDE_PX_MIN} to {SIDE_PX_MAX:,} pixels."
CHANGED, REMOVED = "changed logo", "removed logo"
NO_PICTURE = "Choose a picture: a PNG or a JPEG."


@dataclass(frozen=True)
class Picture:
    """Be a picture that was read to its end, and may be the logo."""

    image: bytes
    mimetype: str
    width_px: int
    height_px: int


@dataclass(frozen=True)
class Printed:
    """Be the logo as paper wants it: the picture in words, and its size in points."""

    uri: str
    width_pt: int
    height_pt: int


def replace(session: Session, who: Actor, picture: Picture, now: datetime) -> None:
    """Put a picture at the head of every document, in the place of the one before. Must run inside `writing()`."""
    practice, key = settings.practice(session), sha256(picture.image).hexdigest()
    if practice.logo_sha256 == key:
        return
    _take_down(session)
    session.add(Logo(sha256=key, created_at=now, **vars(picture)))
    session.flush()
    practice.logo_sha256 = key
    audit.record(session, who, CHANGED, "practice", practice.id, now, sha256=key)


def remove(session: Session, who: Actor, now: datetime) -> None:
    """Let documents go without a logo. Safe to repeat. Must run inside `writing()`."""
    practice = settings.practice(session)
    if practice.logo_sha256 is not None:
        _take_down(session)
        audit.record(session, who, REMOVED, "practice", practice.id, now)


def shown(session: Session) -> Logo:
    """Return the logo.

    Raises:
        NotFoundError: the practice has none.
    """
    key = settings.practice(session).logo_sha256
    if key is None:
        raise NotFoundError("logo")
    return session.get_one(Logo, key)


def printed(session: Session) -> Printed | None:
    """Return the logo for paper, no larger than its corner there; None: the practice has none."""
    if settings.practice(session).logo_sha256 is None:
        return None
    logo = shown(session)
    scale = min(PAPER_WIDTH_PT / logo.width_px, PAPER_HEIGHT_PT / logo.height_px)
    uri = f"data:{logo.mimetype};base64,{b64encode(logo.image).decode()}"
    return Printed(uri, max(int(logo.width_px * scale), 1), max(int(logo.height_px * scale), 1))


def _take_down(session: Session) -> None:
    practice = settings.practice(session)
    before, practice.logo_sha256 = practice.logo_sha256, None
    session.flush()
    if before is not None:
        session.delete(session.get_one(Logo, before))
        session.flush()


def looked_at(image: bytes) -> Picture:
    """Return the picture those bytes are. Call it with no door open: it takes a while.

    Raises:
        RefusalError: it is no PNG or JPEG, too large, or cannot be read to its end.
    """
    # Imported here: most processes never look at a picture.
    from PIL import Image

    if not image:
        raise RefusalError(NO_PICTURE, field="logo")
    if len(image) > BYTES_MAX:
        raise RefusalError(f"At most {BYTES_MAX // 1024} KB. This one has {-(-len(image) // 1024)} KB.", field="logo")
    try:
        with Image.open(BytesIO(image), formats=list(TYPES)) as picture:
            mimetype, (width, height) = TYPES[picture.format or ""], picture.size
            _hold_to_size(width, height)
            picture.load()
    except RefusalError:
        raise
    except Image.DecompressionBombError:
        raise RefusalError(SIDES, field="logo") from None
    except Exception:  # noqa: BLE001 - whatever is wrong with the bytes, they are no picture that can be printed
        raise RefusalError(NO_PICTURE, field="logo") from None
    return Picture(image, mimetype, width, height)


def _hold_to_size(width: int, height: int) -> None:
    if not SIDE_PX_MIN <= min(width, height) <= max(width, height) <= SIDE_PX_MAX:
        raise RefusalError(f"{SIDES} This one has {width:,} × {height:,}.", field="logo")
