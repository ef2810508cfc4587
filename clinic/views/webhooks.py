"""The address at which the card processor tells what happened."""

from flask import Blueprint, Response, request

from clinic.billing import processor_events
from clinic.billing.stripe_gateway import ForgedEventError, GatewayError, gateway_from
from clinic.extensions import csrf
from clinic.kernel import failpoints
from clinic.kernel.database import writing
from clinic.views.access import now, public
from clinic.views.answer import Answer
from clinic.views.headers import config

bp = Blueprint("webhooks", __name__)


@bp.post("/webhooks/stripe")
@public
@csrf.exempt  # type: ignore[untyped-decorator]  # a signed body is its own proof
def stripe() -> Answer:
    """Let a signed event take effect once. Not answering 200 makes the processor tell it again later."""
    gateway = gateway_from(config())
    if gateway is None:
        return _said(404, "Cards are off.")
    try:
        event = gateway.event(request.get_data(), request.headers.get("Stripe-Signature", ""))
    except ForgedEventError:
        return _said(400, "This is not the processor's signature.")
    try:
        found = processor_events.look(gateway, event)
    except GatewayError:
        return _said(503, "Tell it again later.")
    with writing() as session:
        is_new = processor_events.take_effect(session, event, found, now())
    failpoints.reach(processor_events.KEPT)
    return _said(200, "Done." if is_new else "Done before.")


def _said(status: int, words: str) -> Response:
    return Response(words, status, mimetype="text/plain")
