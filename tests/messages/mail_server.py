"""A real mail server for a test: it takes, refuses, asks for a password, speaks TLS or hangs up, over real SMTP."""

import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

USER, SECRET = "quillmere", "p@ss word/%"


@dataclass
class Postbox:
    """Keep what arrived; `answers` are given to the next recipients or letters instead of taking them."""

    mails: list[EmailMessage] = field(default_factory=list)
    refuses_address: str = ""
    refuses_letter: str = ""
    hangs_up: bool = False

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802 - the server calls it so
        if self.refuses_address:
            return self.refuses_address
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, _session, envelope):  # noqa: N802
        if self.hangs_up:
            server.transport.abort()
            return "421 gone"
        if self.refuses_letter:
            return self.refuses_letter
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@contextmanager
def mail_server(postbox: Postbox, **options) -> Iterator[int]:
    """Run a mail server on a free port of this machine and give its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(postbox, hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


def login(_server, _session, _envelope, _mechanism, data) -> AuthResult:
    """Let one user in."""
    return AuthResult(success=(data.login, data.password) == (USER.encode(), SECRET.encode()), handled=False)


def certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Make a certificate for this machine: the server's side of it, and the side of who trusts it."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(cert), "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    serves = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serves.load_cert_chain(cert, key)
    return serves, ssl.create_default_context(cafile=str(cert))
