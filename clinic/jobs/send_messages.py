"""The messages of this minute: reminders that are due are written, then everything whose time has come is sent."""

import logging
from collections.abc import Sequence

from clinic.jobs.runs import Clock, Report
from clinic.kernel.database import reading, writing
from clinic.messages import delivery, outbox
from clinic.messages.smtp import Mailer, UndeliveredError
from clinic.models.messages import MessageKind

JOB = "messages"
log = logging.getLogger("clinic.jobs")


def run(mailer: Mailer | None, now: Clock) -> Report:
    """Send what is due, one message a transaction before and one after. Safe to run twice, at once or late.

    Without a mail server nothing is claimed: the outbox keeps what would have been sent. A message may arrive twice when the
    process dies between sending it and writing that down, never not at all.
    """
    with writing() as session:
        outbox.remind(session, now())
    if mailer is None:
        return Report()
    with reading() as session:
        message_ids = delivery.due_ids(session, now())
    return _send(mailer, message_ids, now)


def run_links(mailer: Mailer, now: Clock) -> Report:
    """Send the sign-in links that wait, between two ticks: whoever asked for one stands at the door. Safe like `run`."""
    with reading() as session:
        message_ids = delivery.due_ids(session, now(), MessageKind.SIGN_IN)
    return _send(mailer, message_ids, now)


def _send(mailer: Mailer, message_ids: Sequence[int], now: Clock) -> Report:
    done = failed = 0
    for message_id in message_ids:
        with writing() as session:
            outgoing = delivery.claim(session, message_id, now())
        if outgoing is None:
            continue
        error, is_final, is_general = "", False, False
        try:
            mailer.send(outgoing)
        except UndeliveredError as undelivered:
            error, is_final, is_general = undelivered.words, undelivered.is_final, undelivered.is_general
        except Exception as unknown:  # noqa: BLE001 - one bad message never holds up the others
            error = f"Something went wrong ({type(unknown).__name__})."
            log.error("message %s failed: %s", message_id, type(unknown).__name__)
        with writing() as session:
            delivery.settle(session, message_id, now(), error=error, is_final=is_final)
        done, failed = done + (not error), failed + bool(error)
        if is_general:
            break  # the others keep their tries, and a server that does not answer never holds up the night's charges
    return Report(done, failed)
