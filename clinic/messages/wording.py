"""The wording of each kind of message: the usual one, the practice's own, and the words in braces that it may hold."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.kernel.errors import NotFoundError, RefusalError
from clinic.models.messages import MessageKind, MessageTemplate
from clinic.practice import audit, standing
from clinic.practice.permissions import Actor

CHANGED = "changed message wording"
SUBJECT_CHARS_MAX = 120
BODY_CHARS_MAX = 4_000
KINDS = {
    MessageKind.CONFIRMATION: "Confirmation",
    MessageKind.CHANGE: "Change",
    MessageKind.CANCELLATION: "Cancellation",
    MessageKind.REMINDER: "Reminder",
    MessageKind.CONFIRMATIONS: "Confirmation of several",
    MessageKind.CHANGES: "Change of several",
    MessageKind.CANCELLATIONS: "Cancellation of several",
}
# What no client is told of an appointment: what payers are written about money, the way into the portal, word to staff.
LETTERS = {
    MessageKind.INVOICE: "Invoice",
    MessageKind.STATEMENT: "Statement",
    MessageKind.RECEIPT: "Receipt",
    MessageKind.PAY_LINK: "Pay link",
    MessageKind.FAILED_PAYMENT: "Failed payment",
    MessageKind.CARD_EXPIRING: "Card about to expire",
    MessageKind.PACKAGE_EXPIRING: "Package about to expire",
    MessageKind.SIGN_IN: "Sign-in link",
    MessageKind.BOUGHT_ONLINE: "Package bought online",
    MessageKind.BY_CLIENT: "To staff: changed by a client",
    MessageKind.SOLD_ONLINE: "To staff: package sold online",
}
# What staff are written; its words are not the practice's to change.
STAFF = {MessageKind.TONIGHT: "Tonight", MessageKind.LAST_NIGHT: "Last night"}
NAMES = KINDS | LETTERS | STAFF
# What a message may name, and what it stands for.
PLACEHOLDERS = {
    "client": "the client’s name",
    "first_name": "their first name",
    "date": "the day, with its weekday",
    "time": "when it begins",
    "ends": "when it ends",
    "how": "in person, by phone or by video",
    "practitioner": "who gives the session",
    "location": "the location with its address",
    "practice": "the practice’s name",
    "phone": "the practice’s phone",
}
PLACEHOLDERS_OF_SEVERAL = {
    "client": "the client’s name",
    "first_name": "their first name",
    "count": "how many appointments",
    "dates": "all of them, each with day and time, and how, with whom and where",
    "date": "the first day, with its weekday",
    "practice": "the practice’s name",
    "phone": "the practice’s phone",
}
LETTER_PLACEHOLDERS = {
    "payer": "the payer’s name",
    "amount": "how much",
    "for": "the invoice, or all that is owed",
    "card": "the card’s last four digits",
    "date": "the day",
    "link": "the address to pay at",
    "practice": "the practice’s name",
    "phone": "the practice’s phone",
}
INVOICE_PLACEHOLDERS = {
    "payer": "the payer’s name",
    "what": "invoice or credit note",
    "number": "its number",
    "amount": "what it comes to",
    "date": "its day",
    "here": "that it is attached, or the link to it in the portal",
    "practice": "the practice’s name",
    "phone": "the practice’s phone",
}
STATEMENT_PLACEHOLDERS = {
    "payer": "the payer’s name",
    "date": "its first day",
    "until": "its last day",
    "amount": "what is owed at its end",
    "here": "that it is attached, or the link to it in the portal",
    "practice": "the practice’s name",
    "phone": "the practice’s phone",
}
PACKAGE_PLACEHOLDERS = {
    "client": "the client’s name",
    "first_name": "their first name",
    "package": "the package’s name",
    "count": "how many of its sessions are left",
    "date": "its last day",
    "practice": "the practice’s name",
    "phone": "the practice’s phone",
}
BOUGHT_PLACEHOLDERS = {
    "client": "the client’s name",
    "first_name": "their first name",
    "package": "the package’s name",
    "amount": "what was paid",
    "date": "the day",
    "link": "the address of the portal, where its sessions are booked",
    "practice": "the practice’s name",
    "phone": "the practice’s phone",
}
SIGN_IN_PLACEHOLDERS = {
    "link": "the address that opens the portal, once",
    "practice": "the practice’s name",
    "phone": "the practice’s phone",
}
BY_CLIENT_PLACEHOLDERS = {
    "client": "the client’s name",
    "did": "what they did: booked, moved or cancelled (late) this appointment",
    "date": "the day, with its weekday",
    "time": "when it begins",
    "ends": "when it ends",
    "practitioner": "who gives the session",
    "more": "when it was before; of a late cancellation, what the policy bills",
    "link": "the address of the appointment",
    "practice": "the practice’s name",
}
SOLD_PLACEHOLDERS = {
    "client": "the client’s name",
    "package": "the package’s name",
    "amount": "what was paid",
    "date": "the day",
    "practitioner": "with whom",
    "more": "that they are new here, or that it could not be sold",
    "link": "the address of what was bought online",
    "practice": "the practice’s name",
}
NEEDED = {
    MessageKind.INVOICE: ("{here}", "nobody finds the document"),
    MessageKind.STATEMENT: ("{here}", "nobody finds the document"),
    MessageKind.SIGN_IN: ("{link}", "nobody can sign in"),
}
LETTER_SUBJECT_PLACEHOLDERS = ("practice", "date", "what")
# A subject is read on lock screens by whoever is near: nothing in it says who, where or what for.
SUBJECT_PLACEHOLDERS = ("date", "time", "practice", "count")
_BRACES = re.compile(r"\{([^{}\n]*)\}")
_SIGNED = "\n\nIf you have a question, ask {practice}: {phone}\n"
_CHOSEN = "\nWhether you are written this is your choice, under Your account.\n"
_WHEN = "\n\n{date}\n{time} to {ends}, {how}\nWith {practitioner}\n{location}"


_OF_LETTER = {
    MessageKind.STATEMENT: STATEMENT_PLACEHOLDERS,
    MessageKind.PACKAGE_EXPIRING: PACKAGE_PLACEHOLDERS,
    MessageKind.INVOICE: INVOICE_PLACEHOLDERS,
    MessageKind.SIGN_IN: SIGN_IN_PLACEHOLDERS,
    MessageKind.BOUGHT_ONLINE: BOUGHT_PLACEHOLDERS,
    MessageKind.BY_CLIENT: BY_CLIENT_PLACEHOLDERS,
    MessageKind.SOLD_ONLINE: SOLD_PLACEHOLDERS,
}


@dataclass(frozen=True)
class Wording:
    """Hold subject and text of a kind of message, and whether it is sent."""

    kind: MessageKind
    subject: str
    body: str
    is_on: bool = True

    @property
    def word(self) -> str:
        """Return what staff call this kind."""
        return NAMES[self.kind]

    @property
    def placeholders(self) -> dict[str, str]:
        """Return what a message of this kind may name."""
        if self.kind not in KINDS:
            return _OF_LETTER.get(self.kind, LETTER_PLACEHOLDERS)
        return PLACEHOLDERS if self.kind is self.kind.of_one else PLACEHOLDERS_OF_SEVERAL

    @property
    def subject_placeholders(self) -> tuple[str, ...]:
        """Return what its subject may name."""
        if self.kind not in KINDS:
            return tuple(name for name in LETTER_SUBJECT_PLACEHOLDERS if name in self.placeholders)
        return tuple(name for name in SUBJECT_PLACEHOLDERS if name in self.placeholders)


USUAL = {
    wording.kind: wording
    for wording in (
        Wording(MessageKind.CONFIRMATION, "Your appointment on {date}",
                "Hello {first_name},\n\nyour appointment is booked:" + _WHEN + _SIGNED),
        Wording(MessageKind.CHANGE, "Your appointment has changed: {date}, {time}",
                "Hello {first_name},\n\nyour appointment has changed. It is now:" + _WHEN + _SIGNED),
        Wording(MessageKind.CANCELLATION, "Your appointment on {date} is cancelled",
                "Hello {first_name},\n\nthis appointment is cancelled:\n\n{date}\n{time}, with {practitioner}" + _SIGNED),
        Wording(MessageKind.REMINDER, "Your appointment on {date}, {time}",
                "Hello {first_name},\n\na reminder of your appointment:" + _WHEN + _SIGNED),
        Wording(MessageKind.CONFIRMATIONS, "Your appointments from {date}",
                "Hello {first_name},\n\nyour appointments are booked:\n\n{dates}" + _SIGNED),
        Wording(MessageKind.CHANGES, "Your appointments have changed",
                "Hello {first_name},\n\nthese appointments have changed. They are now:\n\n{dates}" + _SIGNED),
        Wording(MessageKind.CANCELLATIONS, "Appointments from {date} are cancelled",
                "Hello {first_name},\n\nthese appointments are cancelled:\n\n{dates}" + _SIGNED),
        Wording(MessageKind.INVOICE, "Your {what} from {practice}",
                "Hello {payer},\n\nthis is {what} {number} of {date}, for {amount}. {here}" + _SIGNED),
        Wording(MessageKind.STATEMENT, "Your statement from {practice}",
                "Hello {payer},\n\nthis is your statement from {date} to {until}. At its end {amount} is owed. {here}"
                + _SIGNED),
        Wording(MessageKind.RECEIPT, "Your receipt from {practice}",
                "Hello {payer},\n\nthank you. We received {amount} on {date}. The receipt is attached." + _SIGNED),
        Wording(MessageKind.PAY_LINK, "A bill from {practice}",
                "Hello {payer},\n\n{amount} is to be paid for {for}. You can pay by card here:\n\n{link}" + _SIGNED),
        Wording(MessageKind.FAILED_PAYMENT, "A payment to {practice} did not go through",
                "Hello {payer},\n\nwe could not charge {amount} to your card ending {card}. It will not be tried again by "
                "itself. Please pay here:\n\n{link}" + _SIGNED),
        Wording(MessageKind.CARD_EXPIRING, "Your card on file at {practice}",
                "Hello {payer},\n\nyour card ending {card}, which we keep for your payments, is valid until {date} only. "
                "Please give us another one before then." + _SIGNED),
        Wording(MessageKind.PACKAGE_EXPIRING, "Your package at {practice} is good through {date}",
                "Hello {first_name},\n\nyour package “{package}” has {count} left, for appointments through {date}. What is "
                "not used by then expires." + _SIGNED),
        Wording(MessageKind.BOUGHT_ONLINE, "Your purchase from {practice}",
                "Hello {first_name},\n\nthank you for “{package}”. {amount} was paid on {date}; the receipt comes separately. "
                "Its sessions are booked here; enter this e-mail address to sign in:\n\n{link}" + _SIGNED),
        Wording(MessageKind.SIGN_IN, "Your way in to {practice}",
                "Hello,\n\nthis link opens your page at {practice}, once, within 20 minutes:\n\n{link}\n\nIf you did not ask "
                "for it, leave it alone: nobody gets in without it." + _SIGNED),
        Wording(MessageKind.BY_CLIENT, "Changed by a client: {date}",
                "{client} {did}:\n\n{date}\n{time} to {ends}, with {practitioner}\n\n{more}\n\nSee it: {link}\n" + _CHOSEN),
        Wording(MessageKind.SOLD_ONLINE, "A package was bought online, {date}",
                "{client} bought “{package}” with {practitioner} on the online booking page and paid {amount}.\n\n{more}\n\n"
                "See it: {link}\n" + _CHOSEN),
    )
}  # fmt: skip


def of(session: Session, kind: MessageKind) -> Wording:
    """Return the practice's wording of a kind, or the usual one."""
    row = session.get(MessageTemplate, kind)
    return Wording(kind, row.subject, row.body, row.is_on) if row else USUAL[kind]


def is_on(session: Session, kind: MessageKind) -> bool:
    """Say whether the practice sends that kind; one that is not sent of a single appointment is not sent of several."""
    return of(session, kind).is_on and of(session, kind.of_one).is_on


def every(session: Session) -> list[Wording]:
    """Return the wording of every kind, in the order staff know them."""
    own = {row.kind: Wording(row.kind, row.subject, row.body, row.is_on) for row in session.scalars(select(MessageTemplate))}
    return [own.get(kind, USUAL[kind]) for kind in USUAL]


def kind_named(text: str) -> MessageKind:
    """Return the kind of that name.

    Raises:
        NotFoundError: there is none.
    """
    found = next((kind for kind in USUAL if kind.value == text), None)
    if found is None:
        raise NotFoundError("message kind")
    return found


def change(session: Session, who: Actor, wording: Wording, now: datetime, *, shown: str | None = None) -> None:
    """Keep the practice's own wording of a kind. What is queued already stays as written. Must run inside `writing()`.

    Raises:
        StaleError: someone changed it since it was opened (`shown`: the print of what stood then).
        RefusalError: subject or text is missing, or holds braces we cannot fill.
    """
    standing.refuse_stale(shown, standing.print_of(of(session, wording.kind)))
    check(wording)
    row = session.get(MessageTemplate, wording.kind) or MessageTemplate(kind=wording.kind)
    row.subject, row.body, row.is_on = wording.subject, wording.body, wording.is_on
    session.add(row)
    audit.record(session, who, CHANGED, "practice", 1, now, kind=wording.kind.value, is_on=wording.is_on)


def check(wording: Wording) -> None:
    """Refuse a wording that would send braces, or more than a subject may say.

    Raises:
        RefusalError: it names the field and the word in braces.
    """
    for field, text, known, most in (
        ("subject", wording.subject, wording.subject_placeholders, SUBJECT_CHARS_MAX),
        ("body", wording.body, tuple(wording.placeholders), BODY_CHARS_MAX),
    ):
        if not text.strip():
            raise RefusalError("Enter some words.", field=field)
        if len(text) > most:
            raise RefusalError(f"At most {most} characters.", field=field)
        offered = ", ".join(f"{{{name}}}" for name in known)
        for name in _BRACES.findall(text):
            if field == "subject" and name in wording.placeholders and name not in known:
                raise RefusalError(f"{{{name}}} may not stand in a subject, which others can see. It may hold {offered}.",
                                   field=field)  # fmt: skip
            if name not in known:
                raise RefusalError(f"{{{name}}} is not known. Known are {offered}.", field=field)
        if {"{", "}"} & set(_BRACES.sub("", text)):
            raise RefusalError("A brace stands alone. Write words to fill in like {date}.", field=field)
    needed, why = NEEDED.get(wording.kind, ("", ""))
    if needed not in wording.body:
        raise RefusalError(f"Without {needed} {why}.", field="body")
    if "\n" in wording.subject:
        raise RefusalError("A subject is one line.", field="subject")


def filled(text: str, values: Mapping[str, str]) -> str:
    """Put the values into the words in braces; a value's own braces stay as they are."""
    return _BRACES.sub(lambda found: values.get(found[1], found[0]), text)
