"""The hosted page where a customer saves a card or pays; it works without JavaScript."""

import re
from dataclasses import dataclass, field
from html import escape
from urllib.parse import parse_qsl, urlsplit

from clinic.demo import stripe_checkout, stripe_customers
from clinic.demo.stripe_cards import TestCard
from clinic.demo.stripe_errors import ApiError, Json
from clinic.demo.stripe_refunds import dollars
from clinic.demo.stripe_store import Store

FIELD_LENGTH_MAX = 200
NOT_AUTHENTICATED = "We are unable to authenticate your card. Please try again or use another card."

STYLE = """
:root { color-scheme: light dark; --ink: #1a1f36; --soft: #4f566b; --line: #8792a2; --paper: #fff; --bad: #b3093c;
  --accent: #3d44b8; --on-accent: #fff; --note: #fff6d6; }
@media (prefers-color-scheme: dark) { :root { --ink: #eceef6; --soft: #b4bacb; --line: #7d869c; --paper: #14171f;
  --bad: #ff8fa8; --accent: #aab2ff; --on-accent: #14171f; --note: #37300f; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 28rem; margin: 0 auto; padding: 2rem 1rem 4rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 1rem 0; overflow-wrap: anywhere; }
.note { background: var(--note); border-radius: 6px; padding: .75rem 1rem; font-size: .875rem; }
.error { color: var(--bad); font-weight: 600; margin: .25rem 0 0; }
ul.items { list-style: none; margin: 0 0 1rem; padding: 0; }
ul.items li { display: flex; justify-content: space-between; gap: 1rem; overflow-wrap: anywhere; }
label { display: block; font-weight: 600; margin-top: 1rem; }
input { width: 100%; font: inherit; color: inherit; background: var(--paper); padding: .6rem .75rem;
  border: 1px solid var(--line); border-radius: 6px; }
input[aria-invalid] { border-color: var(--bad); border-width: 2px; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; }
button { width: 100%; margin-top: 1.5rem; padding: .75rem; font: inherit; font-weight: 600; color: var(--on-accent);
  background: var(--accent); border: 1px solid var(--accent); border-radius: 6px; cursor: pointer; }
button.second { background: transparent; color: var(--accent); margin-top: .75rem; }
a { color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.soft { color: var(--soft); font-size: .875rem; }
td, th { text-align: left; padding: .125rem 1rem .125rem 0; font-size: .875rem; font-weight: 400; }
"""
TABLE = (
    ("4242 4242 4242 4242", "pays"),
    ("5555 5555 5555 4444", "pays"),
    ("4000 0000 0000 0341", "is saved, then declines"),
    ("4000 0000 0000 9995", "insufficient funds"),
    ("4000 0027 6000 3184", "the bank asks each time"),
)


@dataclass
class Page:
    """What the browser gets: a page, or the way back to the practice."""

    status: int
    html: str = ""
    location: str | None = None
    form_targets: str = "'self'"


@dataclass
class Complaints:
    """What was typed and what is wrong with it, by field name; the empty name is the card as a whole."""

    typed: dict[str, str] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)


def show(store: Store, identity: str) -> Page:
    """Show the page of a session in whatever state it is."""
    with store.lock:
        session = store.get("checkout.session", identity)
        if session is None:
            return _nowhere()
        stripe_checkout.expire_if_over(store, session)
        if session["status"] == "expired":
            return _closed(session, "This page has expired", "Go back and start again.")
        if session["status"] == "complete":
            return _closed(session, "All done", "This page has been completed.")
        if session["_waiting_method"]:
            return _bank_page(session)
        return _form_page(store, session, 200, Complaints())


def submit(store: Store, identity: str, body: str) -> Page:
    """Take what was typed: back to the practice when it worked, else the page again with what is wrong."""
    typed = {name: value[:FIELD_LENGTH_MAX].strip() for name, value in parse_qsl(body, keep_blank_values=True)}
    with store.lock:
        session = store.get("checkout.session", identity)
        if session is None:
            return _nowhere()
        stripe_checkout.expire_if_over(store, session)
        if session["status"] == "expired":
            return _closed(session, "This page has expired", "Go back and start again.")
        if session["status"] == "complete":
            return _return(session)
        store.request = {"id": None, "idempotency_key": None}
        take = _answer_bank if session["_waiting_method"] else _take_card
        page = take(store, session, typed)
        store.save()
        return page


def _take_card(store: Store, session: Json, typed: dict[str, str]) -> Page:
    complaints = Complaints(typed)
    card, month, year = _read_card(store, complaints)
    if card is None or complaints.wrong:
        return _form_page(store, session, 422, complaints)
    billing = {"name": typed.get("name") or None, "email": typed.get("email") or None}
    method = stripe_customers.make_method(store, card, month=month, year=year, billing=billing)
    if card.decline == "authentication_required":
        session["_waiting_method"] = method["id"]
        return Page(303, location=f"/c/pay/{session['id']}", form_targets=_targets(session))
    decline = card.decline if session["mode"] == "payment" or card.declines_when_saved else None
    try:
        stripe_checkout.accept(store, session, method, decline=decline, email=billing["email"])
    except ApiError as refusal:
        place = {"incorrect_cvc": "cvc", "expired_card": "expiry"}.get(str(refusal.error.get("code")), "card_number")
        complaints.wrong[place] = str(refusal)
        return _form_page(store, session, 402, complaints)
    return _return(session)


def _read_card(store: Store, complaints: Complaints) -> tuple[TestCard | None, int, int]:
    typed, wrong = complaints.typed, complaints.wrong
    card = None
    month = year = 0
    try:
        if not typed.get("card_number"):
            wrong["card_number"] = "Enter your card number."
        else:
            card = stripe_customers.card_numbered(typed["card_number"])
    except ApiError as refusal:
        wrong["card_number"] = str(refusal)
    expiry = re.fullmatch(r"([0-9]{1,2}?)\s*[/-]?\s*(?:20)?([0-9]{2})", typed.get("expiry", ""))
    if expiry is None:
        wrong["expiry"] = "Enter the expiry as month / year, such as 08 / 30."
    else:
        month, year = int(expiry[1]), 2000 + int(expiry[2])
        try:
            stripe_customers.refuse_expiry(store, month=month, year=year)
        except ApiError as refusal:
            wrong["expiry"] = str(refusal)
    digits = card.cvc_length if card else 3
    if not re.fullmatch(r"[0-9]{3,4}" if card is None else rf"[0-9]{{{digits}}}", typed.get("cvc", "")):
        wrong["cvc"] = f"Enter the {digits} digits of your security code."
    return card, month, year


def _answer_bank(store: Store, session: Json, typed: dict[str, str]) -> Page:
    method = store.find("payment_method", session["_waiting_method"])
    if typed.get("authentication") not in ("approve", "refuse"):
        return _bank_page(session)
    if typed["authentication"] == "refuse":
        session["_waiting_method"] = None
        return _form_page(store, session, 402, Complaints({}, {"card_number": NOT_AUTHENTICATED}))
    stripe_checkout.accept(store, session, method, decline=None, email=method["billing_details"]["email"])
    return _return(session)


def _return(session: Json) -> Page:
    location = session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"])
    return Page(303, location=location, form_targets=_targets(session))


def _targets(session: Json) -> str:
    """List where the form may lead: browsers hold the redirect after a POST to this as well."""
    parts = urlsplit(session["success_url"])
    is_plain = re.fullmatch(r"[A-Za-z0-9.:\[\]-]+", parts.netloc)
    return f"'self' {parts.scheme}://{parts.netloc}" if is_plain else "'self'"


def _form_page(store: Store, session: Json, status: int, complaints: Complaints) -> Page:
    is_payment = session["mode"] == "payment"
    customer = store.get("customer", session["customer"]) or {}
    known_email = customer.get("email") or session["customer_email"]
    price = amount(session["amount_total"], session["currency"]) if is_payment else ""
    heading = f"Pay {price}" if is_payment else "Save your card"
    parts = [f"<h1>{escape(heading)}</h1>"]
    if is_payment:
        parts.append(_items(session))
    if known_email:
        parts.append(f'<p class="soft">For {escape(known_email)}</p>')
    parts.append('<form method="post" novalidate>')
    parts.append(_field("card_number", "Card number", complaints, "cc-number", "1234 1234 1234 1234", "numeric"))
    parts.append('<div class="pair">')
    parts.append(_field("expiry", "Expiry (MM / YY)", complaints, "cc-exp", "MM / YY", "numeric"))
    parts.append(_field("cvc", "CVC", complaints, "cc-csc", "CVC", "numeric", is_secret=True))
    parts.append("</div>")
    parts.append(_field("name", "Name on card (optional)", complaints, "cc-name", "", "text"))
    if is_payment and not known_email:
        parts.append(_field("email", "E-mail (optional)", complaints, "email", "", "email"))
    if not is_payment:
        parts.append('<p class="soft">By saving your card you allow it to be charged for later payments.</p>')
    parts.append(f"<button>{escape(heading if is_payment else 'Save card')}</button></form>")
    parts.append(_cancel(session))
    rows = "".join(f"<tr><th scope='row'>{number}</th><td>{what}</td></tr>" for number, what in TABLE)
    parts.append(f"<details><summary>Test cards</summary><table>{rows}</table>")
    parts.append('<p class="soft">Any later month and any CVC.</p></details>')
    title = ("Error: " if complaints.wrong else "") + heading
    return Page(status, _frame(title, "\n".join(parts)), form_targets=_targets(session))


def _items(session: Json) -> str:
    lines = []
    for item in session["_items"]:
        price = item["price_data"]
        cents = price["unit_amount"] * item["quantity"]
        times = f" × {item['quantity']}" if item["quantity"] > 1 else ""
        name = escape(price["product_data"]["name"] + times)
        lines.append(f"<li><span>{name}</span><span>{escape(amount(cents, price['currency']))}</span></li>")
    return f'<ul class="items">{"".join(lines)}</ul>'


def _field(
    name: str, label: str, complaints: Complaints, complete: str, hint: str, keys: str, *, is_secret: bool = False
) -> str:
    wrong = complaints.wrong.get(name)
    value = "" if is_secret else escape(complaints.typed.get(name, ""))
    mark = f' aria-invalid="true" aria-describedby="{name}-error"' if wrong else ""
    if wrong and name == next(iter(complaints.wrong)):
        mark += " autofocus"
    error = f'<p class="error" id="{name}-error">{escape(wrong)}</p>' if wrong else ""
    return (
        f'<div><label for="{name}">{label}</label><input id="{name}" name="{name}" value="{value}" '
        f'autocomplete="{complete}" placeholder="{hint}" inputmode="{keys}"{mark}>{error}</div>'
    )


def _cancel(session: Json) -> str:
    if session["cancel_url"] is None:
        return ""
    return f'<p><a href="{escape(session["cancel_url"])}">Cancel and go back</a></p>'


def _bank_page(session: Json) -> Page:
    body = (
        "<h1>Your bank asks you to confirm</h1><p>This card needs your word for each use on a page.</p>"
        '<form method="post"><button name="authentication" value="approve">Complete authentication</button>'
        '<button class="second" name="authentication" value="refuse">Fail authentication</button></form>'
    )
    return Page(200, _frame("Confirm with your bank", body + _cancel(session)), form_targets=_targets(session))


def _closed(session: Json, heading: str, text: str) -> Page:
    back = session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"])
    if session["status"] == "expired":
        back = session["cancel_url"]
    way = f'<p><a href="{escape(back)}">Back to the practice</a></p>' if back else ""
    return Page(200, _frame(heading, f"<h1>{heading}</h1><p>{text}</p>{way}"))


def _nowhere() -> Page:
    return Page(404, _frame("Not found", "<h1>Not found</h1><p>There is no such page.</p>"))


def _frame(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
        f'<title>{escape(title)}</title><link rel="stylesheet" href="/c/pay.css"><link rel="icon" href="data:,"></head>'
        '<body><main><p class="note">A stand-in for Stripe Checkout: no money moves. Type test cards only, '
        f"never your own.</p>{body}</main></body></html>"
    )


def amount(cents: int, currency: str) -> str:
    """Print an amount with its currency."""
    printed = dollars(cents)
    return printed if currency == "usd" else f"{printed[1:]} {currency.upper()}"
