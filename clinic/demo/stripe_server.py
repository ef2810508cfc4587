"""A stand-in for Stripe over real HTTP, for the demo and the tests: `python -m clinic.demo.stripe_server`."""

import argparse
import json
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from clinic.demo import stripe_api, stripe_pages
from clinic.demo.stripe_api import ConnectionLostError, Request
from clinic.demo.stripe_control import Control
from clinic.demo.stripe_errors import ApiError, Json, broken
from clinic.demo.stripe_store import Store
from clinic.demo.stripe_webhooks import Deliverer

LOOPBACK = "127.0.0.1"
BODY_BYTES_MAX = 1_000_000
IDLE_SECONDS_MAX = 75
HOSTS = frozenset({"127.0.0.1", "localhost"})


class StandIn:
    """A running stand-in: an address, and the same wishes the control API takes.

    with StandIn.start() as stand_in:
        client = stripe.StripeClient("sk_test_1", base_addresses={"api": stand_in.url})
    """

    def __init__(
        self,
        *,
        port: int = 0,
        webhook_url: str | None = None,
        webhook_secret: str | None = None,
        state: Path | str | None = None,
        is_quiet: bool = True,
    ) -> None:
        self.store = Store(Path(state) if state is not None else None)
        self.deliverer = Deliverer(self.store, url=webhook_url, secret=webhook_secret)
        self.control = Control(self.store, self.deliverer)
        self.server = _Server((LOOPBACK, port), self, is_quiet=is_quiet)
        self.port = int(self.server.server_address[1])
        self.url = self.store.base = f"http://{LOOPBACK}:{self.port}"

    @classmethod
    def start(
        cls,
        port: int = 0,
        webhook_url: str | None = None,
        webhook_secret: str | None = None,
        state: Path | str | None = None,
    ) -> Self:
        """Serve from threads of this process until `stop`; port 0 takes a free one."""
        stand_in = cls(port=port, webhook_url=webhook_url, webhook_secret=webhook_secret, state=state)
        stand_in.deliverer.start()
        stand_in.deliverer.resume()
        serving = threading.Thread(
            target=stand_in.server.serve_forever, kwargs={"poll_interval": 0.05}, name="stripe-stand-in", daemon=True
        )
        serving.start()
        return stand_in

    def stop(self) -> None:
        """Close every connection and end."""
        self.deliverer.end()
        self.server.shutdown()
        self.server.server_close()
        self.server.hang_up()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def fault(self, path: str, mode: str, *, method: str = "POST", times: int = 1, seconds: float = 2.0) -> None:
        """Ask that the next `times` requests to an address go wrong."""
        self.control.fault(path=path, mode=mode, method=method, times=times, seconds=seconds)

    def log(self) -> list[Json]:
        """Give every API request so far, oldest first."""
        return self.control.log()

    def charges(self) -> list[Json]:
        """Give every charge tried, paid or failed, oldest first."""
        return self.control.charges()

    def deliveries(self) -> list[Json]:
        """Give every try to deliver a webhook, oldest first."""
        return list(self.deliverer.deliveries)

    def deliver_to(self, url: str | None, secret: str | None) -> None:
        """Send events to this address from now on; None stops sending."""
        self.deliverer.point_at(url, secret)

    def webhooks(self, mode: str, seconds: float = 1.0) -> None:
        """Set how events are delivered: normal, duplicate, delayed, reordered, forged or off."""
        self.deliverer.behave(mode, seconds)

    def move_clock(self, *, at: int | None = None, forward_seconds: int = 0) -> int:
        """Move the stand-in's time; with no argument back to the true time."""
        return self.control.move_clock(at=at, forward_seconds=forward_seconds)

    def emit(self, event_type: str, about: Json) -> Json:
        """Send an event the stand-in would not make itself."""
        return self.control.emit(event_type, about)

    def dispute(self, payment_intent: str, *, amount: int | None = None, reason: str = "fraudulent") -> Json:
        """Dispute a charge, as the cardholder's bank would."""
        return self.control.dispute(payment_intent, amount=amount, reason=reason)

    def close_dispute(self, dispute: str, status: str) -> Json:
        """Let the bank decide a dispute: won, lost or warning_closed."""
        return self.control.close_dispute(dispute, status)

    def reset(self) -> None:
        """Forget everything, as on the first day."""
        self.control.reset()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], stand_in: StandIn, *, is_quiet: bool) -> None:
        super().__init__(address, _Handler)
        self.stand_in = stand_in
        self.is_quiet = is_quiet
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """End the connections clients keep open: without this they would outlive the server."""
        with self._lock:
            left = list(self._open)
        for connection in left:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65536
    server_version = "stand-in"
    sys_version = ""
    timeout = IDLE_SECONDS_MAX
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, the library names it
        """Keep the library's own line out of the log: it prints query strings."""

    def _serve(self) -> None:
        path, body = urlsplit(self.path).path, self._body()
        if body is None:
            self._send_json(413, {"error": {"type": "invalid_request_error", "message": "Request too large."}})
        elif (self.headers.get("Host") or "").rpartition(":")[0] not in HOSTS:
            # A page elsewhere must not reach this machine through a name that points here.
            self._send_json(421, {"error": {"type": "invalid_request_error", "message": "Unknown host."}})
        elif path.startswith("/_control/"):
            self._serve_control(path, body)
        elif path.startswith("/c/"):
            self._serve_page(path, body)
        else:
            self._serve_api(path, body)

    def _body(self) -> str | None:
        length = self.headers.get("Content-Length", "0")
        if not length.isascii() or not length.isdigit() or int(length) > BODY_BYTES_MAX:
            self.close_connection = True
            return None
        return self.rfile.read(int(length)).decode("utf-8", "replace")

    def _serve_api(self, path: str, body: str) -> None:
        stand_in = self.server.stand_in
        query = urlsplit(self.path).query
        encoded = body if self.command == "POST" else query
        key = self.headers.get("Idempotency-Key") or None
        request = Request(self.command, path, encoded, self.headers.get("Authorization"), key)
        try:
            given = stripe_api.answer(stand_in.store, stand_in.control, request)
        except ConnectionLostError:
            self._lose(path)
            return
        except Exception:
            self._send_json(500, broken().body)
            raise
        self._send_json(given.status, given.body, given.headers)

    def _lose(self, path: str) -> None:
        self._note(path, "lost")
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _serve_control(self, path: str, body: str) -> None:
        is_json = (self.headers.get("Content-Type") or "").startswith("application/json")
        try:
            if self.command == "POST" and not is_json:
                # A form on some web page can be posted here, but not with this type.
                raise ApiError(415, "invalid_request_error", "Send application/json.")
            asked = json.loads(body) if body.strip() else {}
            if not isinstance(asked, dict):
                raise ApiError(400, "invalid_request_error", "Send a JSON object.")
            answer = self.server.stand_in.control.answer(self.command, path, asked)
        except json.JSONDecodeError:
            self._send_json(400, {"error": {"type": "invalid_request_error", "message": "Not JSON."}})
        except ApiError as refusal:
            self._send_json(refusal.status, refusal.body)
        else:
            self._send_json(200, answer)

    def _serve_page(self, path: str, body: str) -> None:
        store = self.server.stand_in.store
        if path == "/c/pay.css" and self.command == "GET":
            self._send(200, stripe_pages.STYLE.encode(), {"Content-Type": "text/css; charset=utf-8"})
            return
        identity = path.removeprefix("/c/pay/")
        if self.command == "DELETE":
            self._send(405, b"", {"Allow": "GET, POST"})
            return
        is_post = self.command == "POST"
        page = stripe_pages.submit(store, identity, body) if is_post else stripe_pages.show(store, identity)
        headers = {
            "Content-Type": "text/html; charset=utf-8",
            "Cache-Control": "no-store",
            "Content-Security-Policy": (
                "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'; "
                f"form-action {page.form_targets}"
            ),
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }
        if page.location is not None:
            headers["Location"] = page.location
        self._send(page.status, page.html.encode(), headers)

    def _send_json(self, status: int, body: Json, headers: dict[str, str] | None = None) -> None:
        kind = {"Content-Type": "application/json"}
        self._send(status, json.dumps(body, indent=2).encode(), {**kind, **(headers or {})})

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)
        self._note(urlsplit(self.path).path, str(status))

    def _note(self, path: str, status: str) -> None:
        if not self.server.is_quiet:
            sys.stderr.write(f"stripe stand-in: {self.command} {path} {status}\n")


def main(arguments: list[str] | None = None) -> int:
    """Serve on loopback until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m clinic.demo.stripe_server", description=__doc__)
    parser.add_argument("--port", type=int, default=8111)
    parser.add_argument("--webhook-url")
    parser.add_argument("--webhook-secret")
    parser.add_argument("--state", metavar="FILE", type=Path, help="keep everything in this file across restarts")
    parser.add_argument("--quiet", action="store_true", help="print no line per request")
    asked = parser.parse_args(arguments)
    if (asked.webhook_url is None) != (asked.webhook_secret is None):
        parser.error("--webhook-url and --webhook-secret go together")
    stand_in = StandIn(
        port=asked.port,
        webhook_url=asked.webhook_url,
        webhook_secret=asked.webhook_secret,
        state=asked.state,
        is_quiet=asked.quiet,
    )
    stand_in.deliverer.start()
    stand_in.deliverer.resume()
    sys.stderr.write(f"stripe stand-in: listening on {stand_in.url}\n")
    try:
        stand_in.server.serve_forever()
    except KeyboardInterrupt:
        return 0
    finally:
        stand_in.deliverer.end()
        stand_in.server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
