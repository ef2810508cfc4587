"""Sessions as booking leaves them, for tests about billing: an item, the attendee with its copied fee, the share to bill."""

from datetime import datetime, timedelta
from itertools import count

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.models.billing import Fee, Share
from clinic.models.calendar import Attendee, Item, ItemKind, Status
from clinic.models.people import Client
from tests.cast import NOW, Cast

YESTERDAY = NOW - timedelta(days=1)
_days = count(1)


def given_session(
    session: Session,
    cast: Cast,
    *,
    client_id: int | None = None,
    payer_id: int | None = None,
    fee_cents: int | None = None,
    status: Status = Status.ATTENDED,
    starts_at: datetime | None = None,
    practitioner_id: int | None = None,
    description: str | None = None,
    parts: dict[int, int] | None = None,
) -> Share:
    """Put one session in the calendar, by default Cleo's with Pat on a day of its own, and return its (first) share.

    `parts` splits the fee: payer id to cents.
    """
    starts_at = starts_at or YESTERDAY - timedelta(days=next(_days) % 2000)
    fee = session.get_one(Fee, cast.therapy_fee_id)
    cents = fee.amount_cents if fee_cents is None else fee_cents
    client = session.get_one(Client, client_id or cast.cleo_id)
    item = Item(
        kind=ItemKind.APPOINTMENT, type_id=cast.therapy_id, practitioner_id=practitioner_id or cast.pat_id,
        location_id=cast.harbour_id, starts_at=starts_at, ends_at=starts_at + timedelta(minutes=50), is_blocking=False,
        created_at=NOW, changed_at=NOW,
    )  # fmt: skip
    session.add(item)
    session.flush()
    attendee = Attendee(
        item_id=item.id, client_id=client.id, status=status, status_at=NOW, fee_id=fee.id, fee_code=fee.code,
        fee_description=fee.description if description is None else description, fee_cents=cents, billing_changed_at=NOW,
    )  # fmt: skip
    session.add(attendee)
    session.flush()
    split = parts or {payer_id or client.default_payer_id: cents}
    session.add_all(
        Share(attendee_id=attendee.id, position=at, payer_id=who, amount_cents=part)
        for at, (who, part) in enumerate(split.items())
    )
    session.flush()
    return session.scalars(select(Share).where(Share.attendee_id == attendee.id).order_by(Share.position)).first() or Share()
