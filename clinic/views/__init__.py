"""HTTP: addresses, statuses and headers. Read, call one verb, show."""

from importlib import import_module

from flask import Flask

from clinic.views import access, assets, converters, failures, filters, frame, gone, headers

# Every module here has a blueprint `bp`.
BLUEPRINTS = (
    "account",
    "assets",
    "attendance",
    "auth",
    "autopay",
    "billing_documents",
    "book",
    "booking",
    "bulk",
    "by_clients",
    "calendar",
    "cards",
    "changes",
    "client_billing",
    "client_packages",
    "clients",
    "contacts",
    "credit_notes",
    "diagnoses",
    "enrolling",
    "feeds",
    "fees",
    "groups",
    "health",
    "hours",
    "invoice_lines",
    "invoices",
    "live",
    "mailing",
    "messages",
    "night",
    "online_sales",
    "outbox",
    "outcomes",
    "package_changes",
    "package_lines",
    "packages",
    "payer_invoicing",
    "pay",
    "payments",
    "place_billing",
    "place_packages",
    "places",
    "portal",
    "portal_access",
    "portal_appointments",
    "portal_cards",
    "portal_details",
    "portal_packages",
    "portal_invoices",
    "portal_statements",
    "practitioners",
    "receipts",
    "refunds",
    "reports",
    "series",
    "settings",
    "setup",
    "staff",
    "statements",
    "superbills",
    "takings",
    "types",
    "webhooks",
    "whole_pack",
)


def register(app: Flask) -> None:
    """Bind converters, filters, headers, error pages, access rules and every blueprint to the application."""
    converters.register(app)
    filters.register(app)
    headers.register(app)
    failures.register(app)
    gone.register(app)
    access.register(app)
    assets.register(app)
    frame.register(app)
    for name in BLUEPRINTS:
        app.register_blueprint(import_module(f"clinic.views.{name}").bp)
    access.refuse_unmarked(app)
