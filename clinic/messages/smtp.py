"""The mail server: one message over one connection, and in plain words why it would not go."""

import smtplib
import ssl
from dataclasses import dataclass, replace
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr
from urllib.parse import unquote, urlsplit

from clinic.messages.delivery import Outgoing
from clinic.messages.letters import HERE

TIMEOUT_SECONDS = 20
PORTS = {"smtp": 587, "smtps": 465}
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
PERMANENT = 500  # 5xx: trying again cannot help


class UndeliveredError(Exception):
    """Say that a message did not go. `words` never quote the server, whose answer may hold an address.

    Args:
        is_final: trying again cannot help.
        is_general: no other message would go either just now.
    """

    def __init__(self, words: str, *, is_final: bool = False, is_general: bool = False) -> None:
        super().__init__(words)
        self.words = words
        self.is_final = is_final
        self.is_general = is_general


@dataclass(frozen=True)
class Mailer:
    """Send through one mail server. `smtp://` takes STARTTLS, `smtps://` TLS from the start."""

    host: str
    port: int
    user: str = ""
    password: str = ""
    is_tls: bool = False
    trusts: ssl.SSLContext | None = None  # which certificates are good; None: the machine's own
    here: str = ""  # this server's own address, which links in letters begin with

    def send(self, outgoing: Outgoing) -> None:
        """Hand one message to the server.

        Raises:
            UndeliveredError: it did not take it, or we cannot know.
        """
        if not outgoing.from_address:
            raise UndeliveredError("The practice has no e-mail address to send from. Enter it under Settings, Details.",
                                   is_general=True)  # fmt: skip
        try:
            mail = as_mail(replace(outgoing, body=outgoing.body.replace(HERE, self.here)))
        except ValueError as error:
            raise UndeliveredError("The e-mail address cannot be written in a letter.", is_final=True) from error
        try:
            with self._connected() as server:
                server.send_message(mail, outgoing.from_address, [outgoing.to_address])
        except smtplib.SMTPException as error:
            raise _explained(error) from error
        except (OSError, UnicodeError) as error:
            raise UndeliveredError(f"The mail server did not answer ({type(error).__name__}).", is_general=True) from error

    def _connected(self) -> smtplib.SMTP:
        context = self.trusts or ssl.create_default_context()
        if self.is_tls:
            server: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, timeout=TIMEOUT_SECONDS, context=context)
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_SECONDS)
        try:
            server.ehlo_or_helo_if_needed()
            if not self.is_tls and server.has_extn("starttls"):
                server.starttls(context=context)
                server.ehlo()
            elif not self.is_tls and self.host not in LOCAL_HOSTS:
                raise UndeliveredError("The mail server offers no encryption (STARTTLS). Nothing was sent.", is_general=True)
            if self.user:
                server.login(self.user, self.password)
        except BaseException:
            server.close()
            raise
        return server


def mailer_from(url: str, here: str = "") -> Mailer | None:
    """Return the mail server of that address, such as `smtp://user:password@mail.example:587`; None when it is empty.

    Raises:
        ValueError: the address is not one of a mail server.
    """
    if not url:
        return None
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise ValueError("SMTP_URL must look like smtp://user:password@mail.example:587 or smtps://…")
    return Mailer(
        host=parts.hostname, port=parts.port or PORTS[parts.scheme], user=unquote(parts.username or ""),
        password=unquote(parts.password or ""), is_tls=parts.scheme == "smtps", here=here,
    )  # fmt: skip


def as_mail(outgoing: Outgoing) -> EmailMessage:
    """Return the message as mail programs read it: text, the appointment as a calendar file, a document as a PDF."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = formataddr((outgoing.from_name, outgoing.from_address))
    mail["To"] = outgoing.to_address
    mail["Subject"] = outgoing.subject
    mail["Date"] = format_datetime(outgoing.tried_at)
    mail["Message-ID"] = f"<{outgoing.mail_id}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(outgoing.body)
    if outgoing.ics:
        mail.add_attachment(
            outgoing.ics.encode(), maintype="text", subtype="calendar", filename="appointment.ics",
            params={"charset": "utf-8", "method": outgoing.method},
        )  # fmt: skip
    if outgoing.attachment:
        mail.add_attachment(outgoing.attachment, maintype="application", subtype="pdf", filename=outgoing.attachment_name)
    return mail


def _explained(error: smtplib.SMTPException) -> UndeliveredError:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code = max((answer[0] for answer in error.recipients.values()), default=0)
        return UndeliveredError(f"The mail server refused this e-mail address ({code}).", is_final=code >= PERMANENT)
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return UndeliveredError(f"The mail server refused our user name or password ({error.smtp_code}).", is_general=True)
    if isinstance(error, smtplib.SMTPSenderRefused):
        return UndeliveredError(
            f"The mail server does not take the practice’s address as sender ({error.smtp_code}).", is_general=True
        )
    if isinstance(error, smtplib.SMTPResponseException):
        is_final = isinstance(error, smtplib.SMTPDataError) and error.smtp_code >= PERMANENT
        return UndeliveredError(f"The mail server refused the message ({error.smtp_code}).", is_final=is_final)
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return UndeliveredError("The mail server broke off.", is_general=True)
    return UndeliveredError(f"The mail server could not take it ({type(error).__name__}).")
