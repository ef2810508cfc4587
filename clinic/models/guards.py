"""The triggers, exclusion constraints and indexes that a migration may drop: made after every one, checked at every start."""

from sqlalchemy import Column, Index, text
from sqlalchemy.engine import Connection
from sqlalchemy.schema import CreateIndex

from clinic.kernel.database import db

# Tables whose rows are history: what is wrong is reversed by a further row.
APPEND_ONLY = ("audit_entries", "ledger_transactions", "postings", "session_entries", "unlinked_pairs")
OVERLAP = "items_overlap"  # what the database's complaint about a double booking contains
_WATCHED = "is_blocking, practitioner_id, room_id, starts_at, ends_at"
_FROZEN_LINE = (
    "quantity, unit_cents, discount_cents, tax_bp, net_cents, tax_cents, total_cents, fee_id, invoice_id, code, description"
)
_FROZEN_INVOICE = (
    "number, serial, kind, payer_id, client_id, issued_at, issue_date, net_cents, tax_cents, total_cents, snapshot"
)


def install(connection: Connection) -> None:
    """Make every guard that is missing. Safe to repeat."""
    statements = _sqlite() if connection.dialect.name == "sqlite" else _postgresql()
    for statement in statements.values():
        connection.exec_driver_sql(statement)
    for index in _indexes():
        connection.execute(CreateIndex(index, if_not_exists=True))


def remove(connection: Connection) -> None:
    """Drop every guard, old ones too: a migration could not remake a table that they name, and makes them anew after."""
    if connection.dialect.name == "sqlite":
        for name in connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
            connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
        return
    triggers = connection.execute(text(
        "SELECT tgname, relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
        " WHERE NOT tgisinternal AND relnamespace = current_schema()::regnamespace"
    )).all()  # fmt: skip
    exclusions = connection.execute(text(
        "SELECT conname, relname FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid"
        " WHERE contype = 'x' AND relnamespace = current_schema()::regnamespace"
    )).all()  # fmt: skip
    for name, table in triggers:
        connection.exec_driver_sql(f'DROP TRIGGER "{name}" ON "{table}"')
    for name, table in exclusions:
        connection.exec_driver_sql(f'ALTER TABLE "{table}" DROP CONSTRAINT "{name}"')


def missing(connection: Connection) -> list[str]:
    """Name the guards this database lacks; the application refuses to start without them."""
    if connection.dialect.name == "sqlite":
        found = set(connection.scalars(text("SELECT name FROM sqlite_master WHERE type IN ('trigger', 'index')")))
    else:
        found = set(connection.scalars(text("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal")))
        found |= set(connection.scalars(text("SELECT conname FROM pg_constraint")))
        found |= set(connection.scalars(text("SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()")))
    return [name for name in names(connection.dialect.name) if name not in found]


def names(dialect: str) -> list[str]:
    """List the guards a database of that kind must have."""
    written = _sqlite() if dialect == "sqlite" else [name for name in _postgresql() if not name.startswith("_")]
    return sorted([*written, *(str(index.name) for index in _indexes())])


def _indexes() -> list[Index]:
    # Over an expression, such as lower(email): where SQLite's table is made anew, Alembic does not see it and loses it.
    known = (index for table in db.metadata.sorted_tables for index in table.indexes)
    return [index for index in known if any(not isinstance(part, Column) for part in index.expressions)]


def _sqlite() -> dict[str, str]:
    made = {}
    for name, moment in (("insert", "INSERT"), ("update", f"UPDATE OF {_WATCHED}")):
        made[f"{OVERLAP}_{name}"] = f"""
            CREATE TRIGGER IF NOT EXISTS {OVERLAP}_{name} BEFORE {moment} ON items WHEN NEW.is_blocking
            BEGIN SELECT RAISE(ABORT, '{OVERLAP}') WHERE EXISTS (
                SELECT 1 FROM items WHERE is_blocking AND practitioner_id = NEW.practitioner_id AND id IS NOT NEW.id
                    AND starts_at < NEW.ends_at AND ends_at > NEW.starts_at
            ) OR NEW.room_id IS NOT NULL AND EXISTS (
                SELECT 1 FROM items WHERE is_blocking AND room_id = NEW.room_id AND id IS NOT NEW.id
                    AND starts_at < NEW.ends_at AND ends_at > NEW.starts_at
            ); END"""
    for table in APPEND_ONLY:
        for moment in ("UPDATE", "DELETE"):
            name = f"{table}_append_only_{moment.lower()}"
            made[name] = f"""
                CREATE TRIGGER IF NOT EXISTS {name} BEFORE {moment} ON {table}
                BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"""
    made["invoice_lines_frozen"] = f"""
        CREATE TRIGGER IF NOT EXISTS invoice_lines_frozen BEFORE UPDATE OF {_FROZEN_LINE} ON invoice_lines
        WHEN EXISTS (SELECT 1 FROM invoices WHERE id = OLD.invoice_id AND issued_at IS NOT NULL)
        BEGIN SELECT RAISE(ABORT, 'an issued invoice never changes'); END"""
    made["invoice_lines_kept"] = """
        CREATE TRIGGER IF NOT EXISTS invoice_lines_kept BEFORE DELETE ON invoice_lines
        WHEN EXISTS (SELECT 1 FROM invoices WHERE id = OLD.invoice_id AND issued_at IS NOT NULL)
        BEGIN SELECT RAISE(ABORT, 'an issued invoice never changes'); END"""
    made["invoice_lines_closed"] = """
        CREATE TRIGGER IF NOT EXISTS invoice_lines_closed BEFORE INSERT ON invoice_lines
        WHEN EXISTS (SELECT 1 FROM invoices WHERE id = NEW.invoice_id AND issued_at IS NOT NULL)
        BEGIN SELECT RAISE(ABORT, 'an issued invoice never changes'); END"""
    made["invoices_frozen"] = f"""
        CREATE TRIGGER IF NOT EXISTS invoices_frozen BEFORE UPDATE OF {_FROZEN_INVOICE} ON invoices
        WHEN OLD.issued_at IS NOT NULL
        BEGIN SELECT RAISE(ABORT, 'an issued invoice never changes'); END"""
    made["invoices_kept"] = """
        CREATE TRIGGER IF NOT EXISTS invoices_kept BEFORE DELETE ON invoices WHEN OLD.issued_at IS NOT NULL
        BEGIN SELECT RAISE(ABORT, 'an issued invoice never changes'); END"""
    return made


def _postgresql() -> dict[str, str]:
    # Names that start with "_" are steps on the way, not guards to look for.
    made = {"_gist": "CREATE EXTENSION IF NOT EXISTS btree_gist"}
    for column in ("practitioner_id", "room_id"):
        name = f"{OVERLAP}_{column}"
        made[name] = f"""
            DO $$ BEGIN
                IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = '{name}') THEN
                    ALTER TABLE items ADD CONSTRAINT {name} EXCLUDE USING gist (
                        {column} WITH =, tstzrange(starts_at, ends_at, '[)') WITH &&
                    ) WHERE (is_blocking AND {column} IS NOT NULL);
                END IF;
            END $$"""
    made["_refuse"] = """
        CREATE OR REPLACE FUNCTION clinic_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION '%%', TG_ARGV[0]; END $$"""
    made["_line"] = """
        CREATE OR REPLACE FUNCTION clinic_line_of_issued() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE line invoice_lines%%ROWTYPE;
        BEGIN
            IF TG_OP = 'INSERT' THEN line := NEW; ELSE line := OLD; END IF;
            IF EXISTS (SELECT 1 FROM invoices WHERE id = line.invoice_id AND issued_at IS NOT NULL) THEN
                RAISE EXCEPTION 'an issued invoice never changes';
            END IF;
            IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
            RETURN NEW;
        END $$"""
    for table in APPEND_ONLY:
        name = f"{table}_append_only"
        made[name] = f"""
            CREATE OR REPLACE TRIGGER {name} BEFORE UPDATE OR DELETE ON {table}
            FOR EACH ROW EXECUTE FUNCTION clinic_refuse('{table} is append-only')"""
    made["invoice_lines_frozen"] = f"""
        CREATE OR REPLACE TRIGGER invoice_lines_frozen BEFORE INSERT OR DELETE OR UPDATE OF {_FROZEN_LINE} ON invoice_lines
        FOR EACH ROW EXECUTE FUNCTION clinic_line_of_issued()"""
    made["invoices_frozen"] = f"""
        CREATE OR REPLACE TRIGGER invoices_frozen BEFORE UPDATE OF {_FROZEN_INVOICE} ON invoices
        FOR EACH ROW WHEN (OLD.issued_at IS NOT NULL)
        EXECUTE FUNCTION clinic_refuse('an issued invoice never changes')"""
    made["invoices_kept"] = """
        CREATE OR REPLACE TRIGGER invoices_kept BEFORE DELETE ON invoices
        FOR EACH ROW WHEN (OLD.issued_at IS NOT NULL)
        EXECUTE FUNCTION clinic_refuse('an issued invoice never changes')"""
    return made
