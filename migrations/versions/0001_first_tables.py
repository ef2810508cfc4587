"""First tables."""

import sqlalchemy as sa
from alembic import op


revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "contacts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("sort_name", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("phone", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("invoice_creation", sa.String(length=24), nullable=False),
        sa.Column("one_invoice_for_all", sa.Boolean(), nullable=False),
        sa.Column("stripe_customer", sa.String(), nullable=True),
        sa.Column("is_archived", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contacts")),
        sa.UniqueConstraint("stripe_customer", name=op.f("uq_contacts_stripe_customer")),
    )
    with op.batch_alter_table("contacts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_contacts_sort_name"), ["sort_name"], unique=False)

    op.create_table(
        "fees",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("amount_cents", sa.Integer(), nullable=False),
        sa.Column("is_hourly", sa.Boolean(), nullable=False),
        sa.Column("tax_bp", sa.Integer(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=True),
        sa.Column("is_archived", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fees")),
    )
    op.create_table(
        "heartbeat",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("ticked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_heartbeat_only_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_heartbeat")),
    )
    op.create_table(
        "job_runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("local_date", sa.Date(), nullable=False),
        sa.Column("status", sa.String(length=24), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("heartbeat_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("done_count", sa.Integer(), nullable=False),
        sa.Column("failed_count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_runs")),
        sa.UniqueConstraint("job", "local_date", name=op.f("uq_job_runs_job_local_date")),
    )
    op.create_table(
        "locations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("is_archived", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_locations")),
    )
    op.create_table(
        "message_templates",
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_message_templates")),
    )
    op.create_table(
        "number_series",
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("prefix", sa.String(), nullable=False),
        sa.Column("next_number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_number_series")),
    )
    op.create_table(
        "packages",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("price_cents", sa.Integer(), nullable=True),
        sa.Column("expires_after", sa.Integer(), nullable=True),
        sa.Column("expires_unit", sa.String(length=24), nullable=False),
        sa.Column("terms", sa.String(), nullable=False),
        sa.Column("is_archived", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_packages")),
    )
    op.create_table(
        "payment_method_names",
        sa.Column("method", sa.String(length=24), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("is_offered", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("method", name=op.f("pk_payment_method_names")),
    )
    op.create_table(
        "practice",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("timezone", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("locale", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("phone", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("tax_id", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("invoice_creation", sa.String(length=24), nullable=False),
        sa.Column("daily_from_date", sa.Date(), nullable=True),
        sa.Column("daily_chosen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_days", sa.Integer(), nullable=False),
        sa.Column("overdue_after_days", sa.Integer(), nullable=False),
        sa.Column("document_footer", sa.String(), nullable=False),
        sa.Column("line_description", sa.String(), nullable=False),
        sa.Column("bills_zero_fees", sa.Boolean(), nullable=False),
        sa.Column("tax_inclusive", sa.Boolean(), nullable=False),
        sa.Column("money_locked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("past_booked_is_attended", sa.Boolean(), nullable=False),
        sa.Column("cancellation_window_hours", sa.Integer(), nullable=False),
        sa.Column("late_cancel_bp", sa.Integer(), nullable=False),
        sa.Column("no_show_bp", sa.Integer(), nullable=False),
        sa.Column("group_clients_max", sa.Integer(), nullable=False),
        sa.Column("practitioners_see_all", sa.Boolean(), nullable=False),
        sa.Column("idle_minutes", sa.Integer(), nullable=False),
        sa.Column("message_grace_minutes", sa.Integer(), nullable=False),
        sa.Column("reminder_hours", sa.Integer(), nullable=False),
        sa.Column("autopay_minimum_cents", sa.Integer(), nullable=False),
        sa.Column("restored_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("id = 1", name=op.f("ck_practice_only_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_practice")),
    )
    op.create_table(
        "sign_in_throttles",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("blocked_until_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_sign_in_throttles")),
    )
    op.create_table(
        "webhook_events",
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("event", name=op.f("pk_webhook_events")),
    )
    op.create_table(
        "appointment_types",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("colour", sa.Integer(), nullable=False),
        sa.Column("duration_minutes", sa.Integer(), nullable=False),
        sa.Column("is_duration_flexible", sa.Boolean(), nullable=False),
        sa.Column("fee_id", sa.Integer(), nullable=True),
        sa.Column("rate_cents", sa.Integer(), nullable=False),
        sa.Column("is_hourly", sa.Boolean(), nullable=False),
        sa.Column("is_rate_flexible", sa.Boolean(), nullable=False),
        sa.Column("modes", sa.String(), nullable=False),
        sa.Column("requires_room", sa.Boolean(), nullable=False),
        sa.Column("buffer_before_minutes", sa.Integer(), nullable=False),
        sa.Column("buffer_after_minutes", sa.Integer(), nullable=False),
        sa.Column("is_for_all", sa.Boolean(), nullable=False),
        sa.Column("is_auto_invoiced", sa.Boolean(), nullable=False),
        sa.Column("is_archived", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "buffer_before_minutes BETWEEN 0 AND 120 AND buffer_after_minutes BETWEEN 0 AND 120",
            name=op.f("ck_appointment_types_buffers"),
        ),
        sa.CheckConstraint("duration_minutes BETWEEN 5 AND 1440", name=op.f("ck_appointment_types_duration")),
        sa.ForeignKeyConstraint(["fee_id"], ["fees.id"], name=op.f("fk_appointment_types_fee_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appointment_types")),
    )
    op.create_table(
        "cards",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("contact_id", sa.Integer(), nullable=False),
        sa.Column("stripe_payment_method", sa.String(), nullable=False),
        sa.Column("brand", sa.String(), nullable=False),
        sa.Column("last4", sa.String(), nullable=False),
        sa.Column("exp_month", sa.Integer(), nullable=False),
        sa.Column("exp_year", sa.Integer(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name=op.f("fk_cards_contact_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cards")),
        sa.UniqueConstraint("stripe_payment_method", name=op.f("uq_cards_stripe_payment_method")),
    )
    with op.batch_alter_table("cards", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_cards_contact_id"), ["contact_id"], unique=False)
        batch_op.create_index(
            "uq_cards_default",
            ["contact_id"],
            unique=True,
            sqlite_where=sa.text("is_default AND removed_at IS NULL"),
            postgresql_where=sa.text("is_default AND removed_at IS NULL"),
        )

    op.create_table(
        "job_failures",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("subject_type", sa.String(), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["job_runs.id"], name=op.f("fk_job_failures_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_failures")),
    )
    with op.batch_alter_table("job_failures", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_job_failures_run_id"), ["run_id"], unique=False)

    op.create_table(
        "package_fees",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("package_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("fee_id", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.CheckConstraint("quantity BETWEEN 1 AND 100", name=op.f("ck_package_fees_quantity")),
        sa.ForeignKeyConstraint(["fee_id"], ["fees.id"], name=op.f("fk_package_fees_fee_id")),
        sa.ForeignKeyConstraint(["package_id"], ["packages.id"], name=op.f("fk_package_fees_package_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_package_fees")),
    )
    with op.batch_alter_table("package_fees", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_package_fees_package_id"), ["package_id"], unique=False)

    op.create_table(
        "package_locations",
        sa.Column("package_id", sa.Integer(), nullable=False),
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["location_id"], ["locations.id"], name=op.f("fk_package_locations_location_id")),
        sa.ForeignKeyConstraint(["package_id"], ["packages.id"], name=op.f("fk_package_locations_package_id")),
        sa.PrimaryKeyConstraint("package_id", "location_id", name=op.f("pk_package_locations")),
    )
    op.create_table(
        "practitioners",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("profession", sa.String(), nullable=False),
        sa.Column("credentials", sa.String(), nullable=False),
        sa.Column("licence", sa.String(), nullable=False),
        sa.Column("npi", sa.String(), nullable=False),
        sa.Column("colour", sa.Integer(), nullable=False),
        sa.Column("location_id", sa.Integer(), nullable=True),
        sa.Column("is_archived", sa.Boolean(), nullable=False),
        sa.Column("feed_token_hash", sa.String(), nullable=True),
        sa.Column("feed_reset_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("feed_detail", sa.String(length=24), nullable=False),
        sa.ForeignKeyConstraint(["location_id"], ["locations.id"], name=op.f("fk_practitioners_location_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_practitioners")),
        sa.UniqueConstraint("feed_token_hash", name=op.f("uq_practitioners_feed_token_hash")),
    )
    op.create_table(
        "rooms",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("is_archived", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["location_id"], ["locations.id"], name=op.f("fk_rooms_location_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rooms")),
    )
    with op.batch_alter_table("rooms", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_rooms_location_id"), ["location_id"], unique=False)

    op.create_table(
        "clients",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("contact_id", sa.Integer(), nullable=False),
        sa.Column("first_name", sa.String(), nullable=False),
        sa.Column("last_name", sa.String(), nullable=False),
        sa.Column("sort_name", sa.String(), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("default_payer_id", sa.Integer(), nullable=False),
        sa.Column("practitioner_id", sa.Integer(), nullable=True),
        sa.Column("notes", sa.String(), nullable=False),
        sa.Column("is_archived", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name=op.f("fk_clients_contact_id")),
        sa.ForeignKeyConstraint(["default_payer_id"], ["contacts.id"], name=op.f("fk_clients_default_payer_id")),
        sa.ForeignKeyConstraint(["practitioner_id"], ["practitioners.id"], name=op.f("fk_clients_practitioner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clients")),
        sa.UniqueConstraint("contact_id", name=op.f("uq_clients_contact_id")),
    )
    with op.batch_alter_table("clients", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_clients_default_payer_id"), ["default_payer_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_clients_last_name"), ["last_name"], unique=False)
        batch_op.create_index(batch_op.f("ix_clients_practitioner_id"), ["practitioner_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_clients_sort_name"), ["sort_name"], unique=False)

    op.create_table(
        "package_practitioners",
        sa.Column("package_id", sa.Integer(), nullable=False),
        sa.Column("practitioner_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["package_id"], ["packages.id"], name=op.f("fk_package_practitioners_package_id")),
        sa.ForeignKeyConstraint(
            ["practitioner_id"], ["practitioners.id"], name=op.f("fk_package_practitioners_practitioner_id")
        ),
        sa.PrimaryKeyConstraint("package_id", "practitioner_id", name=op.f("pk_package_practitioners")),
    )
    op.create_table(
        "time_off",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("practitioner_id", sa.Integer(), nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.CheckConstraint("starts_at < ends_at", name=op.f("ck_time_off_span")),
        sa.ForeignKeyConstraint(["practitioner_id"], ["practitioners.id"], name=op.f("fk_time_off_practitioner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_time_off")),
    )
    with op.batch_alter_table("time_off", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_time_off_practitioner_id"), ["practitioner_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_time_off_starts_at"), ["starts_at"], unique=False)

    op.create_table(
        "type_practitioners",
        sa.Column("type_id", sa.Integer(), nullable=False),
        sa.Column("practitioner_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["practitioner_id"], ["practitioners.id"], name=op.f("fk_type_practitioners_practitioner_id")),
        sa.ForeignKeyConstraint(["type_id"], ["appointment_types.id"], name=op.f("fk_type_practitioners_type_id")),
        sa.PrimaryKeyConstraint("type_id", "practitioner_id", name=op.f("pk_type_practitioners")),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("practitioner_id", sa.Integer(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("shows_legend", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["practitioner_id"], ["practitioners.id"], name=op.f("fk_users_practitioner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("practitioner_id", name=op.f("uq_users_practitioner_id")),
    )
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.create_index("uq_users_email_lower", [sa.literal_column("lower(email)")], unique=True)

    op.create_table(
        "working_hours",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("practitioner_id", sa.Integer(), nullable=False),
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.Column("weekday", sa.Integer(), nullable=False),
        sa.Column("starts_minute", sa.Integer(), nullable=False),
        sa.Column("ends_minute", sa.Integer(), nullable=False),
        sa.Column("from_date", sa.Date(), nullable=True),
        sa.Column("until_date", sa.Date(), nullable=True),
        sa.CheckConstraint(
            "0 <= starts_minute AND starts_minute < ends_minute AND ends_minute <= 1440", name=op.f("ck_working_hours_span")
        ),
        sa.ForeignKeyConstraint(["location_id"], ["locations.id"], name=op.f("fk_working_hours_location_id")),
        sa.ForeignKeyConstraint(["practitioner_id"], ["practitioners.id"], name=op.f("fk_working_hours_practitioner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_working_hours")),
    )
    with op.batch_alter_table("working_hours", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_working_hours_practitioner_id"), ["practitioner_id"], unique=False)

    op.create_table(
        "audit_entries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("roles", sa.String(), nullable=False),
        sa.Column("web_session_id", sa.Integer(), nullable=True),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("object_type", sa.String(), nullable=False),
        sa.Column("object_id", sa.Integer(), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_audit_entries_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entries")),
    )
    with op.batch_alter_table("audit_entries", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_entries_at"), ["at"], unique=False)
        batch_op.create_index("ix_audit_entries_object", ["object_type", "object_id"], unique=False)

    op.create_table(
        "autopay_enrolments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("contact_id", sa.Integer(), nullable=False),
        sa.Column("consented_by", sa.String(), nullable=False),
        sa.Column("consent_text", sa.String(), nullable=False),
        sa.Column("enrolled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("enrolled_by_id", sa.Integer(), nullable=True),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("held_reason", sa.String(), nullable=False),
        sa.Column("soft_declines", sa.Integer(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name=op.f("fk_autopay_enrolments_contact_id")),
        sa.ForeignKeyConstraint(["enrolled_by_id"], ["users.id"], name=op.f("fk_autopay_enrolments_enrolled_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_autopay_enrolments")),
    )
    with op.batch_alter_table("autopay_enrolments", schema=None) as batch_op:
        batch_op.create_index(
            "uq_autopay_enrolments_live",
            ["contact_id"],
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )

    op.create_table(
        "client_contacts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("client_id", sa.Integer(), nullable=False),
        sa.Column("contact_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(length=24), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"], name=op.f("fk_client_contacts_client_id")),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name=op.f("fk_client_contacts_contact_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_client_contacts")),
        sa.UniqueConstraint("client_id", "contact_id", name=op.f("uq_client_contacts_client_id_contact_id")),
    )
    with op.batch_alter_table("client_contacts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_client_contacts_contact_id"), ["contact_id"], unique=False)

    op.create_table(
        "client_groups",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("sort_name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("billing_client_id", sa.Integer(), nullable=False),
        sa.Column("is_archived", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["billing_client_id"], ["clients.id"], name=op.f("fk_client_groups_billing_client_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_client_groups")),
    )
    with op.batch_alter_table("client_groups", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_client_groups_sort_name"), ["sort_name"], unique=False)

    op.create_table(
        "form_keys",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("posted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("location", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_form_keys_user_id")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_form_keys")),
    )
    op.create_table(
        "invoices",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("source", sa.String(length=24), nullable=False),
        sa.Column("number", sa.String(), nullable=True),
        sa.Column("serial", sa.Integer(), nullable=True),
        sa.Column("payer_id", sa.Integer(), nullable=False),
        sa.Column("client_id", sa.Integer(), nullable=True),
        sa.Column("practitioner_id", sa.Integer(), nullable=True),
        sa.Column("location_id", sa.Integer(), nullable=True),
        sa.Column("credited_invoice_id", sa.Integer(), nullable=True),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("issue_date", sa.Date(), nullable=True),
        sa.Column("due_date", sa.Date(), nullable=True),
        sa.Column("net_cents", sa.Integer(), nullable=False),
        sa.Column("tax_cents", sa.Integer(), nullable=False),
        sa.Column("total_cents", sa.Integer(), nullable=False),
        sa.Column("snapshot", sa.JSON(), nullable=True),
        sa.CheckConstraint("(issued_at IS NULL) = (number IS NULL)", name=op.f("ck_invoices_number_when_issued")),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"], name=op.f("fk_invoices_client_id")),
        sa.ForeignKeyConstraint(["created_by_id"], ["users.id"], name=op.f("fk_invoices_created_by_id")),
        sa.ForeignKeyConstraint(["credited_invoice_id"], ["invoices.id"], name=op.f("fk_invoices_credited_invoice_id")),
        sa.ForeignKeyConstraint(["location_id"], ["locations.id"], name=op.f("fk_invoices_location_id")),
        sa.ForeignKeyConstraint(["payer_id"], ["contacts.id"], name=op.f("fk_invoices_payer_id")),
        sa.ForeignKeyConstraint(["practitioner_id"], ["practitioners.id"], name=op.f("fk_invoices_practitioner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoices")),
        sa.UniqueConstraint("kind", "serial", name=op.f("uq_invoices_kind_serial")),
        sa.UniqueConstraint("number", name=op.f("uq_invoices_number")),
    )
    with op.batch_alter_table("invoices", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_invoices_client_id"), ["client_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_invoices_credited_invoice_id"), ["credited_invoice_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_invoices_issue_date"), ["issue_date"], unique=False)
        batch_op.create_index("ix_invoices_payer_id_issued_at", ["payer_id", "issued_at"], unique=False)

    op.create_table(
        "ledger_transactions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("event", sa.String(length=24), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("local_date", sa.Date(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("memo", sa.String(), nullable=False),
        sa.Column("reverses_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["reverses_id"], ["ledger_transactions.id"], name=op.f("fk_ledger_transactions_reverses_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_ledger_transactions_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_transactions")),
        sa.UniqueConstraint("reverses_id", name=op.f("uq_ledger_transactions_reverses_id")),
    )
    with op.batch_alter_table("ledger_transactions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ledger_transactions_local_date"), ["local_date"], unique=False)

    op.create_table(
        "message_choices",
        sa.Column("client_id", sa.Integer(), nullable=False),
        sa.Column("confirmation", sa.Boolean(), nullable=False),
        sa.Column("change", sa.Boolean(), nullable=False),
        sa.Column("cancellation", sa.Boolean(), nullable=False),
        sa.Column("reminder", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"], name=op.f("fk_message_choices_client_id")),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_message_choices")),
    )
    op.create_table(
        "payments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("payer_id", sa.Integer(), nullable=False),
        sa.Column("method", sa.String(length=24), nullable=False),
        sa.Column("amount_cents", sa.Integer(), nullable=False),
        sa.Column("received_date", sa.Date(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("stripe_payment_intent", sa.String(), nullable=True),
        sa.CheckConstraint("amount_cents > 0", name=op.f("ck_payments_positive")),
        sa.ForeignKeyConstraint(["created_by_id"], ["users.id"], name=op.f("fk_payments_created_by_id")),
        sa.ForeignKeyConstraint(["payer_id"], ["contacts.id"], name=op.f("fk_payments_payer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payments")),
        sa.UniqueConstraint("stripe_payment_intent", name=op.f("uq_payments_stripe_payment_intent")),
    )
    with op.batch_alter_table("payments", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_payments_payer_id"), ["payer_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_payments_received_date"), ["received_date"], unique=False)

    op.create_table(
        "series",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("unit", sa.String(length=24), nullable=False),
        sa.Column("every", sa.Integer(), nullable=False),
        sa.Column("until_date", sa.Date(), nullable=True),
        sa.Column("times", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.CheckConstraint("(until_date IS NULL) <> (times IS NULL)", name=op.f("ck_series_one_end")),
        sa.CheckConstraint("every BETWEEN 1 AND 99", name=op.f("ck_series_every")),
        sa.CheckConstraint("times BETWEEN 2 AND 300", name=op.f("ck_series_times")),
        sa.ForeignKeyConstraint(["created_by_id"], ["users.id"], name=op.f("fk_series_created_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_series")),
    )
    op.create_table(
        "user_roles",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(length=24), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_user_roles_user_id")),
        sa.PrimaryKeyConstraint("user_id", "role", name=op.f("pk_user_roles")),
    )
    op.create_table(
        "web_sessions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_web_sessions_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_web_sessions")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_web_sessions_token_hash")),
    )
    with op.batch_alter_table("web_sessions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_web_sessions_user_id"), ["user_id"], unique=False)

    op.create_table(
        "charge_attempts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.String(length=24), nullable=False),
        sa.Column("contact_id", sa.Integer(), nullable=False),
        sa.Column("local_date", sa.Date(), nullable=False),
        sa.Column("invoice_id", sa.Integer(), nullable=True),
        sa.Column("card_id", sa.Integer(), nullable=False),
        sa.Column("amount_cents", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("stripe_customer", sa.String(), nullable=False),
        sa.Column("stripe_payment_method", sa.String(), nullable=False),
        sa.Column("idempotency_key", sa.String(), nullable=False),
        sa.Column("status", sa.String(length=24), nullable=False),
        sa.Column("decline_code", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("stripe_payment_intent", sa.String(), nullable=True),
        sa.Column("payment_id", sa.Integer(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_by_id", sa.Integer(), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.CheckConstraint("amount_cents > 0", name=op.f("ck_charge_attempts_positive")),
        sa.ForeignKeyConstraint(["card_id"], ["cards.id"], name=op.f("fk_charge_attempts_card_id")),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name=op.f("fk_charge_attempts_contact_id")),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_charge_attempts_invoice_id")),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_charge_attempts_payment_id")),
        sa.ForeignKeyConstraint(["started_by_id"], ["users.id"], name=op.f("fk_charge_attempts_started_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_charge_attempts")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_charge_attempts_idempotency_key")),
        sa.UniqueConstraint("payment_id", name=op.f("uq_charge_attempts_payment_id")),
        sa.UniqueConstraint("stripe_payment_intent", name=op.f("uq_charge_attempts_stripe_payment_intent")),
    )
    with op.batch_alter_table("charge_attempts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_charge_attempts_local_date"), ["local_date"], unique=False)
        batch_op.create_index(
            "uq_charge_attempts_night",
            ["contact_id", "local_date"],
            unique=True,
            sqlite_where=sa.text("purpose = 'autopay'"),
            postgresql_where=sa.text("purpose = 'autopay'"),
        )
        batch_op.create_index(
            "uq_charge_attempts_unresolved",
            ["contact_id"],
            unique=True,
            sqlite_where=sa.text("status IN ('pending', 'unknown')"),
            postgresql_where=sa.text("status IN ('pending', 'unknown')"),
        )

    op.create_table(
        "group_members",
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("client_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"], name=op.f("fk_group_members_client_id")),
        sa.ForeignKeyConstraint(["group_id"], ["client_groups.id"], name=op.f("fk_group_members_group_id")),
        sa.PrimaryKeyConstraint("group_id", "client_id", name=op.f("pk_group_members")),
    )
    with op.batch_alter_table("group_members", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_group_members_client_id"), ["client_id"], unique=False)

    op.create_table(
        "items",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("type_id", sa.Integer(), nullable=True),
        sa.Column("practitioner_id", sa.Integer(), nullable=False),
        sa.Column("location_id", sa.Integer(), nullable=True),
        sa.Column("room_id", sa.Integer(), nullable=True),
        sa.Column("group_id", sa.Integer(), nullable=True),
        sa.Column("series_id", sa.Integer(), nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_busy", sa.Boolean(), nullable=False),
        sa.Column("is_blocking", sa.Boolean(), nullable=False),
        sa.Column("mode", sa.String(length=24), nullable=True),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("notes", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ical_uid", sa.String(), nullable=False),
        sa.CheckConstraint("starts_at < ends_at", name=op.f("ck_items_span")),
        sa.ForeignKeyConstraint(["created_by_id"], ["users.id"], name=op.f("fk_items_created_by_id")),
        sa.ForeignKeyConstraint(["group_id"], ["client_groups.id"], name=op.f("fk_items_group_id")),
        sa.ForeignKeyConstraint(["location_id"], ["locations.id"], name=op.f("fk_items_location_id")),
        sa.ForeignKeyConstraint(["practitioner_id"], ["practitioners.id"], name=op.f("fk_items_practitioner_id")),
        sa.ForeignKeyConstraint(["room_id"], ["rooms.id"], name=op.f("fk_items_room_id")),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name=op.f("fk_items_series_id")),
        sa.ForeignKeyConstraint(["type_id"], ["appointment_types.id"], name=op.f("fk_items_type_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_items")),
        sa.UniqueConstraint("ical_uid", name=op.f("uq_items_ical_uid")),
    )
    with op.batch_alter_table("items", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_items_group_id"), ["group_id"], unique=False)
        batch_op.create_index("ix_items_practitioner_id_starts_at", ["practitioner_id", "starts_at"], unique=False)
        batch_op.create_index("ix_items_room_id_starts_at", ["room_id", "starts_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_items_series_id"), ["series_id"], unique=False)
        batch_op.create_index("ix_items_starts_at", ["starts_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_items_type_id"), ["type_id"], unique=False)

    op.create_table(
        "package_sales",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("invoice_id", sa.Integer(), nullable=False),
        sa.Column("package_id", sa.Integer(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("practitioner_id", sa.Integer(), nullable=False),
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.Column("expires_after", sa.Integer(), nullable=True),
        sa.Column("expires_unit", sa.String(length=24), nullable=False),
        sa.Column("expires_date", sa.Date(), nullable=True),
        sa.Column("terms", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_package_sales_invoice_id")),
        sa.ForeignKeyConstraint(["location_id"], ["locations.id"], name=op.f("fk_package_sales_location_id")),
        sa.ForeignKeyConstraint(["package_id"], ["packages.id"], name=op.f("fk_package_sales_package_id")),
        sa.ForeignKeyConstraint(["practitioner_id"], ["practitioners.id"], name=op.f("fk_package_sales_practitioner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_package_sales")),
        sa.UniqueConstraint("invoice_id", name=op.f("uq_package_sales_invoice_id")),
    )
    with op.batch_alter_table("package_sales", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_package_sales_package_id"), ["package_id"], unique=False)

    op.create_table(
        "postings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("transaction_id", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(length=24), nullable=False),
        sa.Column("payer_id", sa.Integer(), nullable=False),
        sa.Column("invoice_id", sa.Integer(), nullable=True),
        sa.Column("payment_id", sa.Integer(), nullable=True),
        sa.Column("amount_cents", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "account <> 'receivable' OR invoice_id IS NOT NULL", name=op.f("ck_postings_receivable_names_invoice")
        ),
        sa.CheckConstraint("amount_cents <> 0", name=op.f("ck_postings_not_zero")),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_postings_invoice_id")),
        sa.ForeignKeyConstraint(["payer_id"], ["contacts.id"], name=op.f("fk_postings_payer_id")),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_postings_payment_id")),
        sa.ForeignKeyConstraint(["transaction_id"], ["ledger_transactions.id"], name=op.f("fk_postings_transaction_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_postings")),
    )
    with op.batch_alter_table("postings", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_postings_invoice_id"), ["invoice_id"], unique=False)
        batch_op.create_index("ix_postings_payer_id_account", ["payer_id", "account"], unique=False)
        batch_op.create_index(batch_op.f("ix_postings_payment_id"), ["payment_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_postings_transaction_id"), ["transaction_id"], unique=False)

    op.create_table(
        "stored_documents",
        sa.Column("content_hash", sa.String(), nullable=False),
        sa.Column("invoice_id", sa.Integer(), nullable=True),
        sa.Column("pdf", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_stored_documents_invoice_id")),
        sa.PrimaryKeyConstraint("content_hash", name=op.f("pk_stored_documents")),
    )
    with op.batch_alter_table("stored_documents", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_stored_documents_invoice_id"), ["invoice_id"], unique=False)

    op.create_table(
        "attendees",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("client_id", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=24), nullable=False),
        sa.Column("status_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status_reason", sa.String(), nullable=False),
        sa.Column("is_billed", sa.Boolean(), nullable=False),
        sa.Column("fee_id", sa.Integer(), nullable=True),
        sa.Column("fee_code", sa.String(), nullable=False),
        sa.Column("fee_description", sa.String(), nullable=False),
        sa.Column("fee_cents", sa.Integer(), nullable=False),
        sa.Column("tax_bp", sa.Integer(), nullable=False),
        sa.Column("policy_cents", sa.Integer(), nullable=True),
        sa.Column("do_not_invoice", sa.Boolean(), nullable=False),
        sa.Column("billing_changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"], name=op.f("fk_attendees_client_id")),
        sa.ForeignKeyConstraint(["fee_id"], ["fees.id"], name=op.f("fk_attendees_fee_id")),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_attendees_item_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attendees")),
        sa.UniqueConstraint("item_id", "client_id", name=op.f("uq_attendees_item_id_client_id")),
    )
    with op.batch_alter_table("attendees", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_attendees_client_id"), ["client_id"], unique=False)

    op.create_table(
        "messages",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("client_id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("to_address", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("ics", sa.String(), nullable=False),
        sa.Column("was", sa.String(), nullable=False),
        sa.Column("says", sa.String(), nullable=False),
        sa.Column("about_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_error", sa.String(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resends_id", sa.Integer(), nullable=True),
        sa.Column("mail_id", sa.String(), nullable=False),
        sa.CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name=op.f("ck_messages_sent")),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"], name=op.f("fk_messages_client_id")),
        sa.ForeignKeyConstraint(["created_by_id"], ["users.id"], name=op.f("fk_messages_created_by_id")),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_messages_item_id")),
        sa.ForeignKeyConstraint(["resends_id"], ["messages.id"], name=op.f("fk_messages_resends_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
        sa.UniqueConstraint("mail_id", name=op.f("uq_messages_mail_id")),
    )
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_messages_client_id"), ["client_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_messages_created_at"), ["created_at"], unique=False)
        batch_op.create_index("ix_messages_item_id_client_id", ["item_id", "client_id"], unique=False)
        batch_op.create_index("ix_messages_state_next_try_at", ["state", "next_try_at"], unique=False)
        batch_op.create_index(
            "uq_messages_reminder",
            ["item_id", "client_id", "about_at"],
            unique=True,
            sqlite_where=sa.text("kind = 'reminder' AND resends_id IS NULL"),
            postgresql_where=sa.text("kind = 'reminder' AND resends_id IS NULL"),
        )

    op.create_table(
        "package_clients",
        sa.Column("sale_id", sa.Integer(), nullable=False),
        sa.Column("client_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"], name=op.f("fk_package_clients_client_id")),
        sa.ForeignKeyConstraint(["sale_id"], ["package_sales.id"], name=op.f("fk_package_clients_sale_id")),
        sa.PrimaryKeyConstraint("sale_id", "client_id", name=op.f("pk_package_clients")),
    )
    with op.batch_alter_table("package_clients", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_package_clients_client_id"), ["client_id"], unique=False)

    op.create_table(
        "shares",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("attendee_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("payer_id", sa.Integer(), nullable=False),
        sa.Column("amount_cents", sa.Integer(), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("bill_again_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["attendee_id"], ["attendees.id"], name=op.f("fk_shares_attendee_id")),
        sa.ForeignKeyConstraint(["payer_id"], ["contacts.id"], name=op.f("fk_shares_payer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shares")),
    )
    with op.batch_alter_table("shares", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_shares_attendee_id"), ["attendee_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_shares_payer_id"), ["payer_id"], unique=False)

    op.create_table(
        "invoice_lines",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("invoice_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("session_date", sa.Date(), nullable=True),
        sa.Column("fee_id", sa.Integer(), nullable=True),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=True),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("unit_cents", sa.Integer(), nullable=False),
        sa.Column("discount_cents", sa.Integer(), nullable=False),
        sa.Column("tax_bp", sa.Integer(), nullable=False),
        sa.Column("net_cents", sa.Integer(), nullable=False),
        sa.Column("tax_cents", sa.Integer(), nullable=False),
        sa.Column("total_cents", sa.Integer(), nullable=False),
        sa.Column("share_id", sa.Integer(), nullable=True),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("quantity BETWEEN 1 AND 1000", name=op.f("ck_invoice_lines_quantity")),
        sa.ForeignKeyConstraint(["fee_id"], ["fees.id"], name=op.f("fk_invoice_lines_fee_id")),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_invoice_lines_invoice_id")),
        sa.ForeignKeyConstraint(["share_id"], ["shares.id"], name=op.f("fk_invoice_lines_share_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoice_lines")),
        sa.UniqueConstraint("invoice_id", "position", name=op.f("uq_invoice_lines_invoice_id_position")),
    )
    with op.batch_alter_table("invoice_lines", schema=None) as batch_op:
        batch_op.create_index(
            "uq_invoice_lines_live_share",
            ["share_id"],
            unique=True,
            sqlite_where=sa.text("released_at IS NULL"),
            postgresql_where=sa.text("released_at IS NULL"),
        )

    op.create_table(
        "session_entries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sale_id", sa.Integer(), nullable=False),
        sa.Column("line_id", sa.Integer(), nullable=True),
        sa.Column("attendee_id", sa.Integer(), nullable=True),
        sa.Column("event", sa.String(length=24), nullable=False),
        sa.Column("purchased", sa.Integer(), nullable=False),
        sa.Column("booked", sa.Integer(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("forfeited", sa.Integer(), nullable=False),
        sa.Column("expired", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["attendee_id"], ["attendees.id"], name=op.f("fk_session_entries_attendee_id")),
        sa.ForeignKeyConstraint(["line_id"], ["invoice_lines.id"], name=op.f("fk_session_entries_line_id")),
        sa.ForeignKeyConstraint(["sale_id"], ["package_sales.id"], name=op.f("fk_session_entries_sale_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_session_entries_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session_entries")),
    )
    with op.batch_alter_table("session_entries", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_session_entries_line_id"), ["line_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_session_entries_sale_id"), ["sale_id"], unique=False)

    op.create_table(
        "unlinked_pairs",
        sa.Column("line_id", sa.Integer(), nullable=False),
        sa.Column("attendee_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["attendee_id"], ["attendees.id"], name=op.f("fk_unlinked_pairs_attendee_id")),
        sa.ForeignKeyConstraint(["line_id"], ["invoice_lines.id"], name=op.f("fk_unlinked_pairs_line_id")),
        sa.PrimaryKeyConstraint("line_id", "attendee_id", name=op.f("pk_unlinked_pairs")),
    )


def downgrade() -> None:
    op.drop_table("unlinked_pairs")
    with op.batch_alter_table("session_entries", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_session_entries_sale_id"))
        batch_op.drop_index(batch_op.f("ix_session_entries_line_id"))

    op.drop_table("session_entries")
    with op.batch_alter_table("invoice_lines", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_invoice_lines_live_share",
            sqlite_where=sa.text("released_at IS NULL"),
            postgresql_where=sa.text("released_at IS NULL"),
        )

    op.drop_table("invoice_lines")
    with op.batch_alter_table("shares", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_shares_payer_id"))
        batch_op.drop_index(batch_op.f("ix_shares_attendee_id"))

    op.drop_table("shares")
    with op.batch_alter_table("package_clients", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_package_clients_client_id"))

    op.drop_table("package_clients")
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_messages_reminder",
            sqlite_where=sa.text("kind = 'reminder' AND resends_id IS NULL"),
            postgresql_where=sa.text("kind = 'reminder' AND resends_id IS NULL"),
        )
        batch_op.drop_index("ix_messages_state_next_try_at")
        batch_op.drop_index("ix_messages_item_id_client_id")
        batch_op.drop_index(batch_op.f("ix_messages_created_at"))
        batch_op.drop_index(batch_op.f("ix_messages_client_id"))

    op.drop_table("messages")
    with op.batch_alter_table("attendees", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_attendees_client_id"))

    op.drop_table("attendees")
    with op.batch_alter_table("stored_documents", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_stored_documents_invoice_id"))

    op.drop_table("stored_documents")
    with op.batch_alter_table("postings", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_postings_transaction_id"))
        batch_op.drop_index(batch_op.f("ix_postings_payment_id"))
        batch_op.drop_index("ix_postings_payer_id_account")
        batch_op.drop_index(batch_op.f("ix_postings_invoice_id"))

    op.drop_table("postings")
    with op.batch_alter_table("package_sales", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_package_sales_package_id"))

    op.drop_table("package_sales")
    with op.batch_alter_table("items", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_items_type_id"))
        batch_op.drop_index("ix_items_starts_at")
        batch_op.drop_index(batch_op.f("ix_items_series_id"))
        batch_op.drop_index("ix_items_room_id_starts_at")
        batch_op.drop_index("ix_items_practitioner_id_starts_at")
        batch_op.drop_index(batch_op.f("ix_items_group_id"))

    op.drop_table("items")
    with op.batch_alter_table("group_members", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_group_members_client_id"))

    op.drop_table("group_members")
    with op.batch_alter_table("charge_attempts", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_charge_attempts_unresolved",
            sqlite_where=sa.text("status IN ('pending', 'unknown')"),
            postgresql_where=sa.text("status IN ('pending', 'unknown')"),
        )
        batch_op.drop_index(
            "uq_charge_attempts_night",
            sqlite_where=sa.text("purpose = 'autopay'"),
            postgresql_where=sa.text("purpose = 'autopay'"),
        )
        batch_op.drop_index(batch_op.f("ix_charge_attempts_local_date"))

    op.drop_table("charge_attempts")
    with op.batch_alter_table("web_sessions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_web_sessions_user_id"))

    op.drop_table("web_sessions")
    op.drop_table("user_roles")
    op.drop_table("series")
    with op.batch_alter_table("payments", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_payments_received_date"))
        batch_op.drop_index(batch_op.f("ix_payments_payer_id"))

    op.drop_table("payments")
    op.drop_table("message_choices")
    with op.batch_alter_table("ledger_transactions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ledger_transactions_local_date"))

    op.drop_table("ledger_transactions")
    with op.batch_alter_table("invoices", schema=None) as batch_op:
        batch_op.drop_index("ix_invoices_payer_id_issued_at")
        batch_op.drop_index(batch_op.f("ix_invoices_issue_date"))
        batch_op.drop_index(batch_op.f("ix_invoices_credited_invoice_id"))
        batch_op.drop_index(batch_op.f("ix_invoices_client_id"))

    op.drop_table("invoices")
    op.drop_table("form_keys")
    with op.batch_alter_table("client_groups", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_client_groups_sort_name"))

    op.drop_table("client_groups")
    with op.batch_alter_table("client_contacts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_client_contacts_contact_id"))

    op.drop_table("client_contacts")
    with op.batch_alter_table("autopay_enrolments", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_autopay_enrolments_live", sqlite_where=sa.text("ended_at IS NULL"), postgresql_where=sa.text("ended_at IS NULL")
        )

    op.drop_table("autopay_enrolments")
    with op.batch_alter_table("audit_entries", schema=None) as batch_op:
        batch_op.drop_index("ix_audit_entries_object")
        batch_op.drop_index(batch_op.f("ix_audit_entries_at"))

    op.drop_table("audit_entries")
    with op.batch_alter_table("working_hours", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_working_hours_practitioner_id"))

    op.drop_table("working_hours")
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.drop_index("uq_users_email_lower")

    op.drop_table("users")
    op.drop_table("type_practitioners")
    with op.batch_alter_table("time_off", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_time_off_starts_at"))
        batch_op.drop_index(batch_op.f("ix_time_off_practitioner_id"))

    op.drop_table("time_off")
    op.drop_table("package_practitioners")
    with op.batch_alter_table("clients", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_clients_sort_name"))
        batch_op.drop_index(batch_op.f("ix_clients_practitioner_id"))
        batch_op.drop_index(batch_op.f("ix_clients_last_name"))
        batch_op.drop_index(batch_op.f("ix_clients_default_payer_id"))

    op.drop_table("clients")
    with op.batch_alter_table("rooms", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_rooms_location_id"))

    op.drop_table("rooms")
    op.drop_table("practitioners")
    op.drop_table("package_locations")
    with op.batch_alter_table("package_fees", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_package_fees_package_id"))

    op.drop_table("package_fees")
    with op.batch_alter_table("job_failures", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_job_failures_run_id"))

    op.drop_table("job_failures")
    with op.batch_alter_table("cards", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_cards_default",
            sqlite_where=sa.text("is_default AND removed_at IS NULL"),
            postgresql_where=sa.text("is_default AND removed_at IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_cards_contact_id"))

    op.drop_table("cards")
    op.drop_table("appointment_types")
    op.drop_table("webhook_events")
    op.drop_table("sign_in_throttles")
    op.drop_table("practice")
    op.drop_table("payment_method_names")
    op.drop_table("packages")
    op.drop_table("number_series")
    op.drop_table("message_templates")
    op.drop_table("locations")
    op.drop_table("job_runs")
    op.drop_table("heartbeat")
    op.drop_table("fees")
    with op.batch_alter_table("contacts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_contacts_sort_name"))

    op.drop_table("contacts")
