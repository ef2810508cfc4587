"""AutoPay for 1,000 payers against the processor's own time for the same charges, in the same run."""

import argparse
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import stripe

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from clinic import create_app  # noqa: E402
from clinic.billing import cards, enrolments, invoices  # noqa: E402
from clinic.billing.invoices import NewLine  # noqa: E402
from clinic.billing.processor import CardFacts  # noqa: E402
from clinic.billing.stripe_gateway import StripeGateway  # noqa: E402
from clinic.config import Config  # noqa: E402
from clinic.demo.stripe_server import StandIn  # noqa: E402
from clinic.jobs import autopay  # noqa: E402
from clinic.jobs.runs import Report  # noqa: E402
from clinic.kernel import clock  # noqa: E402
from clinic.kernel.database import db, writing  # noqa: E402
from clinic.models import guards  # noqa: E402
from clinic.models.people import Client, Contact  # noqa: E402
from clinic.models.practice import Practice  # noqa: E402
from clinic.practice.permissions import CLOCK  # noqa: E402

NOON = datetime(2026, 11, 18, 17, tzinfo=UTC)
NIGHT = datetime(2026, 11, 19, 5, 5, tzinfo=UTC)
ADDED_PERCENT_MAX = 10
ADDRESS = "/v1/payment_intents"


def main() -> None:
    """Charge everyone bare, then everyone through AutoPay, and print what it added; leave with 1 if it is too much."""
    reader = argparse.ArgumentParser()
    reader.add_argument("--count", type=int, default=1_000)
    reader.add_argument("--seconds", type=float, default=0.25, help="how long the processor thinks; a real one takes longer")
    asked = reader.parse_args()
    with tempfile.TemporaryDirectory() as folder, StandIn.start() as stand_in:
        app = create_app(Config(DATABASE_URL=f"sqlite:///{folder}/bench.sqlite", SECRET_KEY="bench"), instance_path=folder)
        sdk = stripe.StripeClient("sk_test_demo", base_addresses={"api": stand_in.url}, max_network_retries=0)
        with app.app_context():
            with db.engine.begin() as connection:
                db.metadata.create_all(connection)
                guards.install(connection)
            kept = fill(sdk, asked.count)
            stand_in.fault(ADDRESS, "slow", times=10 * asked.count, seconds=asked.seconds)
            bare = alone(sdk, kept)
            began = time.perf_counter()
            report = autopay.run(StripeGateway("sk_test_demo", stand_in.url), date(2026, 11, 19), clock.starting_at(NIGHT))
            taken = time.perf_counter() - began
            db.engine.dispose()
        assert report == Report(done=asked.count, failed=0), report
    added = 100 * (taken - bare) / bare
    print(f"the processor's own time for {asked.count} charges of {asked.seconds} s each: {bare:.1f} s")
    print(f"AutoPay for {asked.count} payers: {taken:.1f} s; it added {added:.1f} % (at most {ADDED_PERCENT_MAX})")
    if added > ADDED_PERCENT_MAX:
        sys.exit(1)


def fill(sdk: stripe.StripeClient, count: int) -> list[tuple[str, str]]:
    """Make that many payers in AutoPay who owe $150 each; return what the processor calls them and their cards."""
    with writing() as session:
        session.add(
            Practice(id=1, name="Bench", timezone="America/New_York", currency="USD", locale="en-US",
                     created_at=NOON - timedelta(days=90))
        )  # fmt: skip
    return [_payer(sdk, number) for number in range(count)]


def _payer(sdk: stripe.StripeClient, number: int) -> tuple[str, str]:
    customer = sdk.v1.customers.create({"name": f"Payer {number}"}).id
    method = sdk.v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    with writing() as session:
        contact = Contact(name=f"Payer {number}", created_at=NOON)
        session.add(contact)
        session.flush()
        client = Client(contact_id=contact.id, first_name="Client", last_name=str(number), sort_name=f"{number:05}",
                        default_payer_id=contact.id, created_at=NOON)  # fmt: skip
        session.add(client)
        session.flush()
        cards.know_as(session, CLOCK, contact.id, customer, NOON)
        session.flush()
        cards.keep(session, CLOCK, customer, CardFacts(method, "visa", "4242", 8, 2040), NOON)
        enrolments.enrol(session, CLOCK, contact.id, consented_by="Themselves", now=NOON)
        made = invoices.draft(session, CLOCK, payer_id=contact.id, client_id=client.id, now=NOON)
        invoices.add_line(session, made, NewLine("Session", 15_000))
        invoices.issue(session, CLOCK, made, NOON)
    return customer, method


def alone(sdk: stripe.StripeClient, kept: list[tuple[str, str]]) -> float:
    """Make the same charges with nothing around them; return the seconds."""
    began = time.perf_counter()
    for customer, method in kept:
        sdk.v1.payment_intents.create(
            {"amount": 15_000, "currency": "usd", "customer": customer, "payment_method": method, "off_session": True,
             "confirm": True}
        )  # fmt: skip
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
