"""The doors, the guards and the frame hold on both databases."""

from datetime import timedelta

import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DatabaseError, IntegrityError

from clinic.kernel.database import db, reading, writing
from clinic.models import guards
from clinic.models.calendar import Item, ItemKind
from clinic.models.practice import AuditEntry, Practice, Room
from clinic.practice import audit
from tests.cast import NOW


def _item(cast, starts_at, minutes=50, **values):
    ends_at = starts_at + timedelta(minutes=minutes)
    times = {"starts_at": starts_at, "ends_at": ends_at, "created_at": NOW, "changed_at": NOW}
    return Item(kind=ItemKind.EVENT, practitioner_id=cast.pat_id, **times, **values)


def test_a_practitioner_is_never_in_two_places_even_past_the_rules(session, cast):
    session.add(_item(cast, NOW))
    session.flush()
    session.add(_item(cast, NOW + timedelta(minutes=50)))  # touching ends are fine
    session.flush()
    session.add(_item(cast, NOW + timedelta(minutes=49)))
    with pytest.raises((IntegrityError, DatabaseError), match=guards.OVERLAP):
        session.flush()


def test_a_room_holds_one_busy_item(session, cast):
    session.add(_item(cast, NOW, room_id=cast.larch_id))
    session.flush()
    other = _item(cast, NOW, room_id=cast.larch_id)
    other.practitioner_id = cast.piet_id
    session.add(other)
    with pytest.raises((IntegrityError, DatabaseError), match=guards.OVERLAP):
        session.flush()


def test_free_items_may_lie_over_anything(session, cast):
    session.add_all([_item(cast, NOW), _item(cast, NOW, is_blocking=False)])
    session.flush()


def test_history_is_not_edited(app, cast):
    with app.app_context():
        with writing() as session:
            audit.record(session, cast.fay, "booked", "item", 1, NOW)
        for statement in ("UPDATE audit_entries SET action = 'x'", "DELETE FROM audit_entries"):
            with pytest.raises(DatabaseError, match="append-only"), writing() as session:
                session.execute(text(statement))
        with reading() as session:
            assert session.scalar(select(AuditEntry.action)) == "booked"


def test_doors_never_nest_and_reading_never_writes(app):
    with app.app_context():
        with pytest.raises(RuntimeError, match="inside"), reading(), writing():
            pass
        with reading() as session:
            session.get(Practice, 1).name = "changed"
            with pytest.raises(RuntimeError, match="outside the writing door"):
                session.flush()
        with writing() as session:
            assert session.get(Practice, 1).name == "Quillmere"


def test_no_guard_is_missing_and_a_dropped_one_is_noticed(app):
    with app.app_context(), db.engine.begin() as connection:
        assert guards.missing(connection) == []
        where = " ON items" if connection.dialect.name == "postgresql" else ""
        if where:
            connection.exec_driver_sql("ALTER TABLE items DROP CONSTRAINT items_overlap_room_id")
        else:
            connection.exec_driver_sql("DROP TRIGGER items_overlap_update")
        assert len(guards.missing(connection)) == 1
        guards.install(connection)
        assert guards.missing(connection) == []


def test_a_stranger_is_sent_to_sign_in_and_staff_get_in(client, as_):
    assert client.get("/sign-in").status_code == 200
    assert client.post("/sign-out").headers["Location"].startswith("/sign-in")
    wrong = client.post("/sign-in", data={"email": "olga@quillmere.example", "password": "wrong"})
    assert wrong.status_code == 422
    assert "olga@quillmere.example" in wrong.text
    olga = as_("olga")
    assert olga.post("/sign-out").status_code == 303


def test_what_a_test_changes_is_put_back_whole_for_the_next(app, apps, cast, database, request):
    kind = "postgresql" if database[0].startswith("postgresql") else "sqlite"
    stage = request.getfixturevalue(f"{kind}_stage")

    def seen():
        with app.app_context(), db.engine.connect() as connection:
            return {table.name: connection.execute(table.select().order_by(*table.primary_key)).all()
                    for table in db.metadata.sorted_tables}  # fmt: skip

    def put_back():
        if kind == "sqlite":
            apps.let_all_go()
        stage.put_back()

    def room(name):
        with app.app_context(), writing() as session:
            made = Room(location_id=cast.harbour_id, name=name)
            session.add(made)
            session.flush()
            session.execute(update(Practice).values(name="Elsewhere"))
            session.execute(delete(Room).where(Room.id == cast.larch_id))
            return made.id

    before, first = seen(), room("Alder")
    assert seen() != before
    put_back()
    assert seen() == before
    assert room("Birch") == first
    with app.app_context(), db.engine.begin() as connection:
        guards.remove(connection)
    put_back()
    assert seen() == before
    with app.app_context(), db.engine.connect() as connection:
        assert guards.missing(connection) == []
