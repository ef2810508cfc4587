"""The receipts of this minute: who paid by a link is sent one by itself."""

from clinic.billing import receipts
from clinic.billing.paper import Paper, UnprintableError
from clinic.jobs.runs import Clock
from clinic.kernel.database import reading, writing
from clinic.practice.permissions import CLOCK


def run(paper: Paper, now: Clock) -> None:
    """Queue the receipts of payments by link, whoever told of the payment first. Safe to run twice, at once or late."""
    with reading() as session:
        payment_ids = receipts.unsent(session, now())
    for payment_id in payment_ids:
        try:
            key, _, name = receipts.pdf(reading, writing, paper, CLOCK, payment_id, now())
            document = (key, name)
        except UnprintableError:
            document = None
        with writing() as session:
            receipts.send_by_itself(session, payment_id, document, now())
