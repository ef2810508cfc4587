"""The route inventory: who may open what, stated by hand. A route without a row here is a red test.

One row for each method of each rule: `Row(endpoint, method, path, allowed)`.

- `path` is what a browser asks for; `lambda cast: f"/clients/{cast.cleo_id}"` when it needs an id, with an id of the cast or
  999999 when the cast has none (those who are allowed then get 404, which is not 403).
- `allowed` is written out with the sets below, from what rulebook section 0 says of each role, and never read from `RIGHTS`:
  a table copied from the code could not fail.
- One list per blueprint, named after it, in the order of `BLUEPRINTS`; add the list to `ROWS` at the foot.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tests.cast import Cast

OLGA, PAT, FAY, BILL = "olga", "pat", "fay", "bill"  # owner, practitioner, front desk, biller
EVERYONE = frozenset({"stranger", OLGA, PAT, FAY, BILL})  # public: no sign-in needed
IN_PORTAL = frozenset({"cleo"})  # a client who is signed in to the portal; to staff it is shut like to anyone
STAFF = frozenset({OLGA, PAT, FAY, BILL})
OWNER = frozenset({OLGA})
DAILY_WORK = frozenset({OLGA, PAT, FAY})  # all but the biller
MONEY_BACK = frozenset({OLGA, BILL})  # refunds and write-offs
NIGHT = frozenset({OLGA, FAY, BILL})  # all but the practitioner


@dataclass(frozen=True)
class Row:
    """State who may use one method of one rule."""

    endpoint: str
    method: str
    path: str | Callable[[Cast], str]
    allowed: frozenset[str]

    def address(self, cast: Cast) -> str:
        """Return the path with the cast's ids in it."""
        return self.path if isinstance(self.path, str) else self.path(cast)


ACCOUNT = [
    Row("account.show", "GET", "/account/", STAFF),
    Row("account.change_password", "GET", "/account/password", STAFF),
    Row("account.change_password", "POST", "/account/password", STAFF),
    Row("account.night_mail", "GET", "/account/night-mail", NIGHT),
    Row("account.night_mail", "POST", "/account/night-mail", NIGHT),
    Row("account.client_mail", "GET", "/account/client-mail", STAFF),
    Row("account.client_mail", "POST", "/account/client-mail", STAFF),
    Row("account.end_session", "GET", "/account/sessions/999999/end", STAFF),
    Row("account.end_session", "POST", "/account/sessions/999999/end", STAFF),
    Row("account.end_other_sessions", "GET", "/account/sessions/end-others", STAFF),
    Row("account.end_other_sessions", "POST", "/account/sessions/end-others", STAFF),
]
_RUN = "/billing-documents/999999"
BILLING_DOCUMENTS = [
    *(
        Row("billing_documents.of_client", method, lambda cast: f"/clients/{cast.cleo_id}/billing-documents", STAFF)
        for method in ("GET", "POST")
    ),
    *(Row("billing_documents.of_practice", method, "/invoices/documents", MONEY_BACK) for method in ("GET", "POST")),
    Row("billing_documents.run", "GET", _RUN, STAFF),
    *(
        Row(f"billing_documents.{verb}", method, f"{_RUN}/{verb}", STAFF)
        for verb in ("cancel", "retry")
        for method in ("GET", "POST")
    ),
    Row("billing_documents.pdf", "GET", f"{_RUN}/pdf", STAFF),
    Row("billing_documents.zip_file", "GET", f"{_RUN}/zip", STAFF),
]
ASSETS = [Row("assets.static_file", "GET", "/static/0000000000/clinic.css", EVERYONE)]
AUTH = [
    Row("auth.sign_in", "GET", "/sign-in", EVERYONE),
    Row("auth.sign_in", "POST", "/sign-in", EVERYONE),
    Row("auth.sign_out", "POST", "/sign-out", STAFF),
]
HEALTH = [Row("health.healthz", "GET", "/healthz", EVERYONE)]
SETUP = [
    # The cast has a practice, so everyone gets 404: whoever they are.
    Row("setup.setup", "GET", "/setup", EVERYONE),
    Row("setup.setup", "POST", "/setup", EVERYONE),
]
CALENDAR = [
    Row("calendar.home", "GET", "/", STAFF),
    Row("calendar.week", "GET", "/calendar/week", STAFF),
    Row("calendar.day", "GET", "/calendar/day", STAFF),
    Row("calendar.team", "GET", "/calendar/team", STAFF),
    Row("live.changes", "GET", "/calendar/changes?shown=week", STAFF),
    Row("calendar.column", "GET", lambda cast: f"/calendar/{cast.pat_id}/2026-11-18", STAFF),
]
FEES = [
    Row("fees.index", "GET", "/settings/fees/", OWNER),
    Row("fees.add", "GET", "/settings/fees/new", OWNER),
    Row("fees.add", "POST", "/settings/fees/new", OWNER),
    Row("fees.change", "GET", lambda cast: f"/settings/fees/{cast.therapy_fee_id}", OWNER),
    Row("fees.change", "POST", lambda cast: f"/settings/fees/{cast.therapy_fee_id}", OWNER),
    Row("fees.archive", "GET", "/settings/fees/999999/archive", OWNER),
    Row("fees.archive", "POST", "/settings/fees/999999/archive", OWNER),
    Row("fees.restore", "GET", "/settings/fees/999999/restore", OWNER),
    Row("fees.restore", "POST", "/settings/fees/999999/restore", OWNER),
]
PLACES = [
    Row("places.index", "GET", "/settings/places/", OWNER),
    Row("places.add_location", "GET", "/settings/places/new", OWNER),
    Row("places.add_location", "POST", "/settings/places/new", OWNER),
    Row("places.change_location", "GET", lambda cast: f"/settings/places/{cast.harbour_id}", OWNER),
    Row("places.change_location", "POST", lambda cast: f"/settings/places/{cast.harbour_id}", OWNER),
    Row("places.archive_location", "GET", "/settings/places/999999/archive", OWNER),
    Row("places.archive_location", "POST", "/settings/places/999999/archive", OWNER),
    Row("places.restore_location", "GET", "/settings/places/999999/restore", OWNER),
    Row("places.restore_location", "POST", "/settings/places/999999/restore", OWNER),
    Row("places.add_room", "GET", lambda cast: f"/settings/places/{cast.harbour_id}/rooms/new", OWNER),
    Row("places.add_room", "POST", lambda cast: f"/settings/places/{cast.harbour_id}/rooms/new", OWNER),
    Row("places.rename_room", "GET", lambda cast: f"/settings/places/rooms/{cast.larch_id}", OWNER),
    Row("places.rename_room", "POST", lambda cast: f"/settings/places/rooms/{cast.larch_id}", OWNER),
    Row("places.archive_room", "GET", "/settings/places/rooms/999999/archive", OWNER),
    Row("places.archive_room", "POST", "/settings/places/rooms/999999/archive", OWNER),
    Row("places.restore_room", "GET", "/settings/places/rooms/999999/restore", OWNER),
    Row("places.restore_room", "POST", "/settings/places/rooms/999999/restore", OWNER),
]
PRACTITIONERS = [
    Row("practitioners.index", "GET", "/settings/practitioners/", OWNER),
    Row("practitioners.add", "GET", "/settings/practitioners/new", OWNER),
    Row("practitioners.add", "POST", "/settings/practitioners/new", OWNER),
    Row("practitioners.change", "GET", lambda cast: f"/settings/practitioners/{cast.pat_id}", OWNER),
    Row("practitioners.change", "POST", lambda cast: f"/settings/practitioners/{cast.pat_id}", OWNER),
    Row("practitioners.archive", "GET", "/settings/practitioners/999999/archive", OWNER),
    Row("practitioners.archive", "POST", "/settings/practitioners/999999/archive", OWNER),
    Row("practitioners.restore", "GET", "/settings/practitioners/999999/restore", OWNER),
    Row("practitioners.restore", "POST", "/settings/practitioners/999999/restore", OWNER),
]
SETTINGS = [
    Row("settings.index", "GET", "/settings/", OWNER),
    Row("settings.details", "GET", "/settings/details", OWNER),
    Row("settings.details", "POST", "/settings/details", OWNER),
    Row("settings.missed", "GET", "/settings/missed", OWNER),
    Row("settings.client_billing", "GET", "/settings/client-billing", OWNER),
    Row("settings.documents", "GET", "/settings/client-billing/documents", OWNER),
    Row("settings.documents", "POST", "/settings/client-billing/documents", OWNER),
]
USERS = [  # the blueprint `staff`; STAFF is everyone who works here
    Row("staff.index", "GET", "/settings/users/", OWNER),
    Row("staff.see_all", "GET", "/settings/users/see-all", OWNER),
    Row("staff.see_all", "POST", "/settings/users/see-all", OWNER),
    Row("staff.add", "GET", "/settings/users/new", OWNER),
    Row("staff.add", "POST", "/settings/users/new", OWNER),
    Row("staff.change", "GET", lambda cast: f"/settings/users/{cast.pat.user_id}", OWNER),
    Row("staff.change", "POST", lambda cast: f"/settings/users/{cast.pat.user_id}", OWNER),
    Row("staff.set_password", "GET", lambda cast: f"/settings/users/{cast.pat.user_id}/password", OWNER),
    Row("staff.set_password", "POST", lambda cast: f"/settings/users/{cast.pat.user_id}/password", OWNER),
    Row("staff.disable", "GET", "/settings/users/999999/disable", OWNER),
    Row("staff.disable", "POST", "/settings/users/999999/disable", OWNER),
    Row("staff.enable", "GET", "/settings/users/999999/enable", OWNER),
    Row("staff.enable", "POST", "/settings/users/999999/enable", OWNER),
]
CLIENTS = [
    Row("clients.index", "GET", "/clients", STAFF),
    Row("clients.find", "GET", "/clients/find?person=cleo", STAFF),
    Row("clients.new", "GET", "/clients/new", DAILY_WORK),
    Row("clients.new", "POST", "/clients/new", DAILY_WORK),
    Row("clients.overview", "GET", lambda cast: f"/clients/{cast.cleo_id}", STAFF),
    Row("clients.appointments", "GET", lambda cast: f"/clients/{cast.cleo_id}/appointments", STAFF),
    Row("clients.edit", "GET", lambda cast: f"/clients/{cast.cleo_id}/edit", DAILY_WORK),
    Row("clients.edit", "POST", lambda cast: f"/clients/{cast.cleo_id}/edit", DAILY_WORK),
    Row("clients.archive", "GET", lambda cast: f"/clients/{cast.cleo_id}/archive", DAILY_WORK),
    Row("clients.archive", "POST", lambda cast: f"/clients/{cast.cleo_id}/archive", DAILY_WORK),
]
CONTACTS = [
    Row("contacts.index", "GET", "/contacts", STAFF),
    Row("contacts.new", "GET", "/contacts/new", DAILY_WORK),
    Row("contacts.new", "POST", "/contacts/new", DAILY_WORK),
    Row("contacts.show", "GET", lambda cast: f"/contacts/{cast.pellworth_id}", STAFF),
    Row("contacts.edit", "GET", lambda cast: f"/contacts/{cast.pellworth_id}/edit", DAILY_WORK),
    Row("contacts.edit", "POST", lambda cast: f"/contacts/{cast.pellworth_id}/edit", DAILY_WORK),
    Row("contacts.link_new", "GET", lambda cast: f"/clients/{cast.cleo_id}/contacts/new", DAILY_WORK),
    Row("contacts.link_new", "POST", lambda cast: f"/clients/{cast.cleo_id}/contacts/new", DAILY_WORK),
    Row("contacts.link", "GET", lambda cast: f"/clients/{cast.cleo_id}/contacts/{cast.pellworth_id}", DAILY_WORK),
    Row("contacts.link", "POST", lambda cast: f"/clients/{cast.cleo_id}/contacts/{cast.pellworth_id}", DAILY_WORK),
    Row("contacts.unlink", "GET", lambda cast: f"/clients/{cast.cleo_id}/contacts/{cast.pellworth_id}/unlink", DAILY_WORK),
    Row("contacts.unlink", "POST", lambda cast: f"/clients/{cast.cleo_id}/contacts/{cast.pellworth_id}/unlink", DAILY_WORK),
    Row("contacts.default_payer", "GET", lambda cast: f"/clients/{cast.cleo_id}/payer", DAILY_WORK),
    Row("contacts.default_payer", "POST", lambda cast: f"/clients/{cast.cleo_id}/payer", DAILY_WORK),
]
PAYER_INVOICING = [
    Row("payer_invoicing.edit", method, lambda cast: f"/contacts/{cast.pellworth_id}/invoicing", STAFF)
    for method in ("GET", "POST")
]
GROUPS = [
    Row("groups.index", "GET", "/groups", STAFF),
    Row("groups.matches", "GET", "/groups/matches?find=cleo", DAILY_WORK),
    Row("groups.new", "GET", "/groups/new", DAILY_WORK),
    Row("groups.new", "POST", "/groups/new", DAILY_WORK),
    Row("groups.edit", "GET", lambda cast: f"/groups/{cast.couple_id}", DAILY_WORK),
    Row("groups.edit", "POST", lambda cast: f"/groups/{cast.couple_id}", DAILY_WORK),
    Row("groups.coming", "GET", lambda cast: f"/groups/{cast.couple_id}/coming", DAILY_WORK),
    Row("groups.coming", "POST", lambda cast: f"/groups/{cast.couple_id}/coming", DAILY_WORK),
    Row("groups.archive", "GET", lambda cast: f"/groups/{cast.couple_id}/archive", DAILY_WORK),
    Row("groups.archive", "POST", lambda cast: f"/groups/{cast.couple_id}/archive", DAILY_WORK),
]
CLIENT_PACKAGES = [Row("client_packages.packages", "GET", lambda cast: f"/clients/{cast.cleo_id}/packages", STAFF)]
PACKAGE_LINES = [
    Row("package_lines.sale", "GET", "/invoices/999999/sessions", STAFF),
    Row("package_lines.edit", "GET", "/invoices/999999/lines/999999/edit", STAFF),
    Row("package_lines.edit", "POST", "/invoices/999999/lines/999999/edit", STAFF),
    Row("whole_pack.book_all", "GET", "/invoices/999999/sessions/book-all", STAFF),
    Row("whole_pack.book_all", "POST", "/invoices/999999/sessions/book-all", STAFF),
]
PLACE_PACKAGES = [
    Row("place_packages.use_package", method, "/calendar/items/999999/use-package", STAFF) for method in ("GET", "POST")
]
PACKAGE_CHANGES = [
    Row(f"package_changes.{name}", method, f"/invoices/999999/package/{name}", allowed)
    for name, allowed in (("adjust", DAILY_WORK), ("extend", DAILY_WORK), ("repoint", OWNER), ("refund", MONEY_BACK))
    for method in ("GET", "POST")
]
PACKAGES = [
    Row("packages.index", "GET", "/packages", STAFF),
    Row("packages.new", "GET", "/packages/new", DAILY_WORK),
    Row("packages.new", "POST", "/packages/new", DAILY_WORK),
    Row("packages.edit", "GET", "/packages/999999/edit", DAILY_WORK),
    Row("packages.edit", "POST", "/packages/999999/edit", DAILY_WORK),
    Row("packages.duplicate", "POST", "/packages/999999/duplicate", DAILY_WORK),
    Row("packages.archive", "POST", "/packages/999999/archive", DAILY_WORK),
    Row("packages.restore", "POST", "/packages/999999/restore", DAILY_WORK),
    Row("packages.choose", "GET", "/packages/sell", DAILY_WORK),
    Row("packages.sell", "GET", lambda cast: f"/packages/sell/{cast.cleo_id}", DAILY_WORK),
    Row("packages.sell", "POST", lambda cast: f"/packages/sell/{cast.cleo_id}", DAILY_WORK),
]
INVOICES = [
    Row("invoices.index", "GET", "/invoices/", STAFF),
    Row("invoices.logo", "GET", "/invoices/logo", STAFF),
    Row("invoices.new", "GET", "/invoices/new", STAFF),
    Row("invoices.start", "POST", "/invoices/new", STAFF),
    Row("invoices.show", "GET", "/invoices/999999", STAFF),
    Row("invoices.issue", "GET", "/invoices/999999/issue", STAFF),
    Row("invoices.issue", "POST", "/invoices/999999/issue", STAFF),
    Row("invoices.delete", "GET", "/invoices/999999/delete", STAFF),
    Row("invoices.delete", "POST", "/invoices/999999/delete", STAFF),
    Row("invoices.print_view", "GET", "/invoices/999999/print", STAFF),
    Row("invoices.download", "GET", "/invoices/999999/pdf", STAFF),
    Row("invoices.create_from_item", "GET", "/calendar/items/999999/invoice", STAFF),
    Row("invoices.create_from_item", "POST", "/calendar/items/999999/invoice", STAFF),
]
BULK = [Row("bulk.bill_all", method, "/invoices/all-uninvoiced", STAFF) for method in ("GET", "POST")]
CREDIT_NOTES = [
    *(Row(f"credit_notes.{verb}", method, f"/invoices/999999/{verb}", STAFF)
      for verb in ("credit", "correct") for method in ("GET", "POST")),
    *(Row(f"credit_notes.{verb}", method, f"/invoices/999999/{path}", MONEY_BACK)
      for verb, path in (("write_off", "write-off"), ("undo_write_off", "write-off/undo")) for method in ("GET", "POST")),
]  # fmt: skip
INVOICE_LINES = [
    Row("invoice_lines.show", "GET", "/invoices/999999/draft", STAFF),
    *(
        Row(f"invoice_lines.{verb}", method, f"/invoices/999999/draft/{word}", STAFF)
        for verb, word in (
            ("add_sessions", "add-sessions"), ("add_fee", "add-fee"), ("add", "add"), ("edit", "999999/edit"),
            ("remove", "999999/remove"), ("words", "words"),
        )
        for method in ("GET", "POST")
    ),
]  # fmt: skip
PAYMENTS = [
    Row("payments.pay", "GET", "/invoices/999999/payment", STAFF),
    Row("payments.pay", "POST", "/invoices/999999/payment", STAFF),
    Row("payments.apply_credit", "GET", "/invoices/999999/apply-credit", STAFF),
    Row("payments.apply_credit", "POST", "/invoices/999999/apply-credit", STAFF),
]
CLIENT_BILLING = [
    Row("client_billing.billing", "GET", lambda cast: f"/clients/{cast.cleo_id}/billing", STAFF),
    *(
        Row(f"client_billing.{verb}", method, f"/clients/999999/billing/999999/{word}", STAFF)
        for verb, word in (("invoice", "invoice"), ("apply_credit", "apply-credit"), ("add_payment", "payment"))
        for method in ("GET", "POST")
    ),
    Row("client_billing.discount", "GET", "/clients/999999/billing/discount", STAFF),
    Row("client_billing.discount", "POST", "/clients/999999/billing/discount", STAFF),
]

BOOKING = [
    Row("booking.book", "GET", lambda cast: f"/calendar/{cast.pat_id}/2026-11-18/book", DAILY_WORK),
    Row("booking.book", "POST", lambda cast: f"/calendar/{cast.pat_id}/2026-11-18/book", DAILY_WORK),
    Row("booking.fields", "GET", lambda cast: f"/calendar/{cast.pat_id}/2026-11-18/book/fields", DAILY_WORK),
    Row("booking.fields", "POST", lambda cast: f"/calendar/{cast.pat_id}/2026-11-18/book/fields", DAILY_WORK),
    Row("booking.new", "GET", "/calendar/new", DAILY_WORK),
    Row("booking.new", "POST", "/calendar/new", DAILY_WORK),
    Row("booking.new_fields", "GET", "/calendar/new/fields", DAILY_WORK),
    Row("booking.new_fields", "POST", "/calendar/new/fields", DAILY_WORK),
    Row("booking.item", "GET", "/calendar/items/999999", STAFF),
    Row("booking.status", "POST", "/calendar/items/999999/status", DAILY_WORK),
    Row("booking.status_of", "GET", "/calendar/items/999999/status", STAFF),
]
CHANGES = [
    Row(f"changes.{deed}", method, f"/calendar/items/999999/{deed}", DAILY_WORK)
    for deed in ("edit", "move", "cancel", "delete")
    for method in ("GET", "POST")
] + [Row("changes.edit_fields", method, "/calendar/items/999999/edit/fields", DAILY_WORK) for method in ("GET", "POST")]
PLACE_BILLING = [
    Row(f"place_billing.{verb}", method, f"/calendar/items/999999/{verb.replace('_', '-')}", STAFF)
    for verb in ("add_to_invoice", "do_not_invoice", "divide")
    for method in ("GET", "POST")
]
ATTENDANCE = [
    Row("attendance.mark", "GET", lambda cast: f"/calendar/{cast.pat_id}/2026-11-18/attended", DAILY_WORK),
    Row("attendance.mark", "POST", lambda cast: f"/calendar/{cast.pat_id}/2026-11-18/attended", DAILY_WORK),
    Row("attendance.unconfirmed", "GET", "/calendar/unconfirmed", DAILY_WORK),
]
BY_CLIENTS = [
    Row("by_clients.index", "GET", "/calendar/by-clients", DAILY_WORK),
    Row("by_clients.seen", "GET", "/calendar/by-clients/seen", DAILY_WORK),
    Row("by_clients.seen", "POST", "/calendar/by-clients/seen", DAILY_WORK),
]
OUTCOMES = [Row("outcomes.no_show", method, "/calendar/items/999999/no-show", DAILY_WORK) for method in ("GET", "POST")]
SERIES = [
    Row("series.repeat", "GET", "/calendar/items/999999/repeat", DAILY_WORK),
    Row("series.repeat", "POST", "/calendar/items/999999/repeat", DAILY_WORK),
    Row("series.show", "GET", "/calendar/series/999999", STAFF),
]
HOURS = [
    Row("hours.week", "GET", "/calendar/settings/hours", OWNER),
    Row("hours.week", "POST", "/calendar/settings/hours", OWNER),
    Row("hours.delete_week", "POST", "/calendar/settings/hours/999999/delete", OWNER),
    Row("hours.time_off", "GET", "/calendar/settings/time-off", OWNER),
    Row("hours.time_off", "POST", "/calendar/settings/time-off", OWNER),
    Row("hours.bookings", "GET", "/calendar/settings/time-off/999999", OWNER),
    Row("hours.bookings", "POST", "/calendar/settings/time-off/999999", OWNER),
    Row("hours.delete_time_off", "POST", "/calendar/settings/time-off/999999/delete", OWNER),
]
TYPES = [
    Row("types.index", "GET", "/calendar/settings/", OWNER),
    Row("types.listing", "GET", "/calendar/settings/types", OWNER),
    Row("types.add", "GET", "/calendar/settings/types/new", OWNER),
    Row("types.add", "POST", "/calendar/settings/types/new", OWNER),
    Row("types.edit", "GET", lambda cast: f"/calendar/settings/types/{cast.therapy_id}", OWNER),
    Row("types.edit", "POST", lambda cast: f"/calendar/settings/types/{cast.therapy_id}", OWNER),
    Row("types.archive", "GET", lambda cast: f"/calendar/settings/types/{cast.therapy_id}/archive", OWNER),
    Row("types.archive", "POST", lambda cast: f"/calendar/settings/types/{cast.therapy_id}/archive", OWNER),
    Row("types.restore", "GET", lambda cast: f"/calendar/settings/types/{cast.therapy_id}/restore", OWNER),
    Row("types.restore", "POST", lambda cast: f"/calendar/settings/types/{cast.therapy_id}/restore", OWNER),
]

ROWS: list[Row] = [*ACCOUNT, *ASSETS, *AUTH, *CALENDAR, *HEALTH, *SETUP, *FEES, *PLACES, *PRACTITIONERS, *SETTINGS, *USERS]
ROWS += [*CLIENTS, *CONTACTS, *PAYER_INVOICING, *GROUPS]
ROWS += [*CLIENT_PACKAGES, *PACKAGE_LINES, *PLACE_PACKAGES, *PACKAGES]
ROWS += PACKAGE_CHANGES
ROWS += CREDIT_NOTES
ROWS += BILLING_DOCUMENTS
ROWS += BULK
ROWS += [*INVOICES, *INVOICE_LINES, *PAYMENTS, *CLIENT_BILLING]
ROWS += [*BOOKING, *CHANGES, *ATTENDANCE, *BY_CLIENTS, *OUTCOMES, *SERIES, *PLACE_BILLING, *HOURS, *TYPES]

_PAYMENT = "/payments/999999"
ENROLLING = [Row("enrolling.enrol", method, "/invoices/autopay/enroll", NIGHT) for method in ("GET", "POST")]
REPORTS = [
    Row("reports.index", "GET", "/reports/", NIGHT),
    Row("reports.packages", "GET", "/reports/packages", NIGHT),
]
TAKINGS = [
    Row("takings.index", "GET", "/invoices/payments/", NIGHT),
    Row("takings.file", "GET", "/invoices/payments/payments.csv", NIGHT),
]
PAY = [
    Row("pay.pay", "GET", "/pay/nobodys-link", EVERYONE),
    Row("pay.pay", "POST", "/pay/nobodys-link", EVERYONE),
    Row("pay.back", "GET", "/pay/nobodys-link/back", EVERYONE),
    Row("payments.send_link", "GET", "/invoices/999999/pay-link", STAFF),
    Row("payments.send_link", "POST", "/invoices/999999/pay-link", STAFF),
    Row("mailing.invoice", "GET", "/invoices/999999/email", STAFF),
    Row("mailing.invoice", "POST", "/invoices/999999/email", STAFF),
]
RECEIPTS = [
    Row("receipts.show", "GET", f"{_PAYMENT}/", STAFF),
    Row("receipts.print_view", "GET", f"{_PAYMENT}/print", STAFF),
    Row("receipts.download", "GET", f"{_PAYMENT}/pdf", STAFF),
    Row("receipts.email", "GET", f"{_PAYMENT}/email", STAFF),
    Row("receipts.email", "POST", f"{_PAYMENT}/email", STAFF),
]
REFUNDS = [
    Row(f"refunds.{verb}", method, f"{_PAYMENT}/{path}", allowed)
    for verb, path, allowed in (
        ("refund", "refund", MONEY_BACK),
        ("undo", "undo", STAFF),  # their own of today; the rule asks for the rest
        ("ask", "refunds/999999/ask", MONEY_BACK),
        ("close", "refunds/999999/close", MONEY_BACK),
    )
    for method in ("GET", "POST")
]
_CARDS = "/clients/999999/payers/999999/cards"
_AUTOPAY = "/clients/999999/payers/999999/autopay"
CARDS = [
    Row("cards.add", "GET", f"{_CARDS}/add", STAFF),
    Row("cards.add", "POST", f"{_CARDS}/add", STAFF),
    Row("cards.back", "GET", f"{_CARDS}/back", STAFF),
    Row("cards.keep", "POST", f"{_CARDS}/keep", STAFF),
    *(
        Row(f"cards.{verb}", method, f"{_CARDS}/999999/{verb}", STAFF)
        for verb in ("default", "remove")
        for method in ("GET", "POST")
    ),
]
AUTOPAY = [
    Row("autopay.enrol", "GET", f"{_AUTOPAY}/", STAFF),
    Row("autopay.enrol", "POST", f"{_AUTOPAY}/", STAFF),
    *(
        Row(f"autopay.{verb}", method, f"{_AUTOPAY}/{word}", STAFF)
        for verb, word in (("leave_autopay", "leave"), ("hold", "hold"), ("release", "release"))
        for method in ("GET", "POST")
    ),
]
NIGHTS = [
    Row("night.tonight", "GET", "/invoices/tonight", NIGHT),
    Row("night.last_night", "GET", "/invoices/last-night", NIGHT),
    Row("night.confirm_restored", "GET", "/invoices/tonight/confirm-restored", OWNER),
    Row("night.confirm_restored", "POST", "/invoices/tonight/confirm-restored", OWNER),
    *(
        Row(f"night.{verb}", method, f"/invoices/tonight/{path}", NIGHT)
        for verb, path in (
            ("hold", "payers/999999/hold"),
            ("release", "payers/999999/release"),
            ("seen", "payers/999999/seen"),
            ("bill_again", "sessions/999999/bill-again"),
            ("do_not_invoice", "sessions/999999/do-not-invoice"),
            ("link", "sessions/999999/link/999999"),
            ("ask", "charges/999999/ask"),
            ("close", "charges/999999/close"),
        )
        for method in ("GET", "POST")
    ),
]
WEBHOOKS = [Row("webhooks.stripe", "POST", "/webhooks/stripe", EVERYONE)]
ROWS += [*CARDS, *AUTOPAY, *NIGHTS, *WEBHOOKS, *RECEIPTS, *REFUNDS, *PAY, *REPORTS, *TAKINGS, *ENROLLING]
_FEED = "/calendar/feeds/{}"
FEEDS = [
    # Not one's own is 404, which is not 403: Pat has her own, Olga sees to anyone's.
    Row("feeds.show", "GET", lambda cast: _FEED.format(cast.pat_id), STAFF),
    Row("feeds.show", "POST", lambda cast: _FEED.format(cast.pat_id), STAFF),
    *(
        Row(f"feeds.{verb}", method, lambda cast, verb=verb: f"{_FEED.format(cast.pat_id)}/{verb}", STAFF)  # type: ignore[misc]
        for verb in ("reset", "stop")
        for method in ("GET", "POST")
    ),
    Row("feeds.subscribed", "GET", "/feeds/nobodys-secret.ics", EVERYONE),
]
ROWS += FEEDS
ROWS += [
    Row("calendar.month", "GET", "/calendar/month", STAFF),
    Row("calendar.sheet", "GET", "/calendar/sheet", STAFF),
    Row("calendar.legend", "GET", "/calendar/legend", STAFF),
    Row("calendar.legend", "POST", "/calendar/legend", STAFF),
]

MESSAGES = [
    Row("outbox.index", "GET", "/messages", STAFF),
    Row("outbox.show", "GET", "/messages/999999", STAFF),
    Row("outbox.resend", "GET", "/messages/999999/send", STAFF),
    Row("outbox.resend", "POST", "/messages/999999/send", STAFF),
    Row("outbox.of_client", "GET", lambda cast: f"/clients/{cast.cleo_id}/messages", STAFF),
    Row("outbox.choices_of", "GET", lambda cast: f"/clients/{cast.cleo_id}/messages/choices", DAILY_WORK),
    Row("outbox.choose", "POST", lambda cast: f"/clients/{cast.cleo_id}/messages/choices", DAILY_WORK),
    Row("messages.index", "GET", "/settings/messages/", OWNER),
    Row("messages.index", "POST", "/settings/messages/", OWNER),
    Row("messages.template", "GET", "/settings/messages/reminder", OWNER),
    Row("messages.template", "POST", "/settings/messages/reminder", OWNER),
]
ROWS += MESSAGES

PORTAL_ACCESS = [
    Row("portal_access.grant", "GET", lambda cast: f"/clients/{cast.cleo_id}/portal", DAILY_WORK),
    Row("portal_access.grant", "POST", lambda cast: f"/clients/{cast.cleo_id}/portal", DAILY_WORK),
    *(
        Row(
            f"portal_access.{verb}", method, lambda cast, word=word: f"/clients/{cast.cleo_id}/portal/999999/{word}", DAILY_WORK
        )
        for verb, word in (("send_link", "link"), ("end", "end"))
        for method in ("GET", "POST")
    ),
    Row("outbox.open_link", "GET", "/messages/999999/open", STAFF),
    Row("outbox.open_link", "POST", "/messages/999999/open", STAFF),
]
PORTAL = [
    Row("portal.home", "GET", "/portal/", IN_PORTAL),
    Row("portal.sign_in", "GET", "/portal/sign-in", EVERYONE),
    Row("portal.sign_in", "POST", "/portal/sign-in", EVERYONE),
    Row("portal.link", "GET", "/portal/link/nonsense", EVERYONE),
    Row("portal.link", "POST", "/portal/link/nonsense", EVERYONE),
    Row("portal.logo", "GET", "/portal/logo", EVERYONE),
    Row("portal.choose", "GET", "/portal/choose", IN_PORTAL),
    Row("portal.choose", "POST", "/portal/choose", IN_PORTAL),
    Row("portal.sign_out", "POST", "/portal/sign-out", IN_PORTAL),
]
ROWS += PORTAL_ACCESS + PORTAL
PORTAL_PAGES = [
    Row("portal_appointments.index", "GET", "/portal/appointments", IN_PORTAL),
    Row("portal_appointments.calendar_file", "GET", "/portal/appointments/999999.ics", IN_PORTAL),
    *(
        Row(f"portal_appointments.{verb}", method, f"/portal/appointments/999999/{verb}", IN_PORTAL)
        for verb in ("cancel", "move")
        for method in ("GET", "POST")
    ),
    Row("portal_details.details", "GET", "/portal/details", IN_PORTAL),
    Row("portal_details.details", "POST", "/portal/details", IN_PORTAL),
]
ROWS += PORTAL_PAGES

BOOK = [
    # The page is off at first: everyone gets 404.
    Row("book.index", "GET", "/book", EVERYONE),
    *(Row("book.package", method, "/book/packages/999999", EVERYONE) for method in ("GET", "POST")),
    *(Row("book.bought", method, "/book/purchases/nobodys", EVERYONE) for method in ("GET", "POST")),
    *(Row("book.sessions", method, "/book/purchases/nobodys/sessions", EVERYONE) for method in ("GET", "POST")),
    Row("book.back", "GET", "/book/purchases/nobodys/back", EVERYONE),
    Row("settings.online", "GET", "/settings/online", OWNER),
    Row("settings.online", "POST", "/settings/online", OWNER),
]
ONLINE_SALES = [
    Row("online_sales.index", "GET", "/packages/online", STAFF),
    *(
        Row(f"online_sales.{verb}", method, f"/packages/online/999999/{word}", DAILY_WORK)
        for verb, word in (("sell_again", "sell"), ("settle", "settle"))
        for method in ("GET", "POST")
    ),
]
PORTAL_PACKAGES = [
    Row("portal_packages.index", "GET", "/portal/packages", IN_PORTAL),
    *(Row("portal_packages.sessions", method, "/portal/packages/999999", IN_PORTAL) for method in ("GET", "POST")),
]
ROWS += BOOK + ONLINE_SALES + PORTAL_PACKAGES
PORTAL_MONEY = [
    Row("portal_invoices.index", "GET", "/portal/invoices", IN_PORTAL),
    Row("portal_invoices.show", "GET", "/portal/invoices/999999", IN_PORTAL),
    Row("portal_invoices.download", "GET", "/portal/invoices/999999/pdf", IN_PORTAL),
    Row("portal_invoices.receipt", "GET", "/portal/invoices/receipts/999999", IN_PORTAL),
    Row("portal_cards.index", "GET", "/portal/cards", IN_PORTAL),
    Row("portal_cards.back", "GET", "/portal/cards/999999/back", IN_PORTAL),
    *(
        Row(endpoint, method, f"/portal/{path}", IN_PORTAL)
        for endpoint, path in (
            ("portal_invoices.pay_one", "invoices/999999/pay"),
            ("portal_invoices.pay_all", "invoices/payers/999999/pay"),
            ("portal_cards.add", "cards/999999/add"),
            ("portal_cards.keep", "cards/999999/keep"),
            ("portal_cards.default", "cards/999999/999999/default"),
            ("portal_cards.remove", "cards/999999/999999/remove"),
            ("portal_cards.join", "cards/999999/autopay"),
            ("portal_cards.leave_autopay", "cards/999999/autopay/leave"),
        )
        for method in ("GET", "POST")
    ),
]
ROWS += PORTAL_MONEY
_CLIENT = "/clients/999999"
STATEMENTS = [
    Row("statements.show", "GET", f"{_CLIENT}/billing/999999/statement", STAFF),
    Row("statements.print_view", "GET", f"{_CLIENT}/billing/999999/statement/print", STAFF),
    Row("statements.download", "GET", f"{_CLIENT}/billing/999999/statement/pdf", STAFF),
    Row("statements.email", "GET", f"{_CLIENT}/billing/999999/statement/email", STAFF),
    Row("statements.email", "POST", f"{_CLIENT}/billing/999999/statement/email", STAFF),
    Row("portal_statements.index", "GET", "/portal/statements", IN_PORTAL),
    Row("portal_statements.show", "GET", "/portal/statements/999999", IN_PORTAL),
    Row("portal_statements.download", "GET", "/portal/statements/999999/pdf", IN_PORTAL),
]
ROWS += STATEMENTS
CLINICAL = frozenset({OLGA, PAT, BILL})  # who may see what a client is treated for: all but the front desk
TREATS = frozenset({OLGA, PAT})  # who may write it down
SUPERBILLS = [
    Row("superbills.show", "GET", f"{_CLIENT}/superbill", CLINICAL),
    Row("superbills.print_view", "GET", f"{_CLIENT}/superbill/print", CLINICAL),
    Row("superbills.download", "GET", f"{_CLIENT}/superbill/pdf", CLINICAL),
    Row("diagnoses.index", "GET", f"{_CLIENT}/diagnoses", CLINICAL),
    *(
        Row(f"diagnoses.{verb}", method, f"{_CLIENT}/diagnoses/{path}", TREATS)
        for verb, path in (("add", "new"), ("change", "999999"), ("remove", "999999/remove"))
        for method in ("GET", "POST")
    ),
]
ROWS += SUPERBILLS
