"""Packages against a naive model: whatever is sold, booked, moved, missed, expired, corrected and refunded, in any order.

After each step the sums of every package, what stands on every line and what every payer owes are what the model says, and
verify finds nothing.
"""

from dataclasses import dataclass, field
from datetime import date, time, timedelta

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.billing import ledger, packages, sold
from clinic.billing.packages import Counts, FeeRow, Sale, Template
from clinic.billing.sold import Standing
from clinic.calendar import booking, linking, package_lines, package_refunds, statuses
from clinic.calendar.linking import Choice
from clinic.calendar.package_lines import LineEdit
from clinic.models.billing import InvoiceLine, PackageKind, PackageSale, Share
from clinic.models.calendar import Attendee, Status
from clinic.office import verify
from tests.calendar.stage import at, therapy
from tests.cast import NOW, Cast

EXAMPLES, STEPS = 8, 22  # a failing story is told as it was found: making it shorter would take minutes
FIRST = NOW.date()
MISSED = (Status.NO_SHOW, Status.LATE_CANCELLED)
CANCELLED = (Status.CANCELLED_BY_CLIENT, Status.CANCELLED_BY_PRACTICE)


@dataclass(eq=False)
class Line:
    """Be a line as anybody would draw it: free, taken by a place, put aside by hand, expired or credited."""

    id: int
    pack: "Pack"
    fee_id: int
    cents: int
    place: "Place | None" = None
    aside: str = ""  # "used" or "forfeited", by hand
    is_expired: bool = False
    is_credited: bool = False

    @property
    def is_free(self) -> bool:
        return self.place is None and not self.aside and not self.is_credited


@dataclass(eq=False)
class Pack:
    sale_id: int
    invoice_id: int
    client_ids: tuple[int, ...]
    expires: date | None
    total_cents: int
    lines: list[Line] = field(default_factory=list)

    def is_good_on(self, day: date) -> bool:
        return self.expires is None or day <= self.expires


@dataclass(eq=False)
class Place:
    attendee_id: int
    item_id: int
    client_id: int
    fee_id: int
    day: date
    hour: int
    status: Status = Status.BOOKED
    line: Line | None = None
    left: Line | None = None  # the line a status took it off
    parted: set[int] = field(default_factory=set)  # lines it was unlinked from by hand
    is_deleted: bool = False


class PackageMachine(RuleBasedStateMachine):
    """Do deeds through the rules and in the model, and compare."""

    session: Session  # given by the test: a machine is made anew for every example
    cast: Cast

    def __init__(self) -> None:
        super().__init__()
        self.undo = self.session.begin_nested()
        self.now = NOW
        self.packs: list[Pack] = []
        self.places: list[Place] = []
        self.taken: set[tuple[date, int]] = set()

    def teardown(self) -> None:
        self.undo.rollback()
        self.session.expire_all()

    # -- what happens

    @initialize()
    def opens(self) -> None:
        self.sell(count=3, other=1, price_cents=40_001, days=20, is_shared=True)

    @precondition(lambda self: len(self.packs) < 4)
    @rule(count=st.integers(1, 4), other=st.integers(0, 2), price_cents=st.none() | st.integers(0, 90_000),
          days=st.none() | st.integers(0, 30), is_shared=st.booleans())  # fmt: skip
    def sell(self, count, other, price_cents, days, is_shared) -> None:
        cast, rows = self.cast, [FeeRow(self.cast.therapy_fee_id, count), FeeRow(self.cast.workbook_fee_id, 1)]
        rows += [FeeRow(cast.intake_fee_id, other)] if other else []
        kind = PackageKind.ITEMISED if price_cents is None else PackageKind.PACKAGED
        made = packages.save(self.session, cast.olga, Template("Pack", tuple(rows), kind, price_cents), self.now)
        clients = (cast.cleo_id, cast.otto_id) if is_shared else (cast.cleo_id,)
        expires = None if days is None else self.today + timedelta(days=days)
        sale = Sale(made.id, clients, cast.cleo_payer_id, cast.pat_id, cast.harbour_id, expires_date=expires)
        invoice = packages.sell(self.session, cast.fay, sale, self.now)
        sale_id = self.session.scalars(select(PackageSale.id).where(PackageSale.invoice_id == invoice.id)).one()
        price = 15_000 * count + 18_000 * other + 2_500 if price_cents is None else price_cents
        pack = Pack(sale_id, invoice.id, clients, expires, invoice.total_cents)
        assert sum(line.unit_cents for line in invoice.lines) == price
        pack.lines = [Line(row.id, pack, row.fee_id, row.total_cents) for row in invoice.lines if row.minutes is not None]
        self.packs.append(pack)

    @rule(days=st.integers(-20, 40), is_otto=st.booleans(), is_intake=st.booleans(), opts_out=st.booleans())
    def book_in_the_calendar(self, days, is_otto, is_intake, opts_out) -> None:
        client_id = self.cast.otto_id if is_otto else self.cast.cleo_id
        fee_id = self.cast.intake_fee_id if is_intake else self.cast.therapy_fee_id
        self._book(self.today + timedelta(days=days), client_id, fee_id, opts_out=opts_out)

    @precondition(lambda self: any(line.is_expired for line in self._free_lines()))
    @rule(data=st.data())
    def enter_late_what_was_held_on_the_last_day(self, data) -> None:
        line = data.draw(st.sampled_from([line for line in self._free_lines() if line.is_expired]))
        self._book(line.pack.expires, self.cast.cleo_id, line.fee_id)

    def _book(self, on: date, client_id: int, fee_id: int, *, opts_out: bool = False) -> None:
        cast, (day, hour) = self.cast, self._free_hour((on - self.today).days)
        type_id = cast.intake_id if fee_id == cast.intake_fee_id else cast.therapy_id
        wish = therapy(cast, at(hour, days=(day - FIRST).days), client_id=client_id, overrides_warnings=True, type_id=type_id,
                       uses_package=not opts_out)  # fmt: skip
        item = booking.book(self.session, cast.fay, wish, self.now)
        place = Place(item.attendees[0].id, item.id, client_id, fee_id, day, hour)
        self.places.append(place)
        fits = [] if opts_out else self._fitting(place)
        if fits:
            self._join(place, fits[0])

    @precondition(lambda self: self._free_lines())
    @rule(data=st.data(), days=st.integers(-20, 40), is_otto=st.booleans())
    def book_from_the_invoice(self, data, days, is_otto) -> None:
        line = data.draw(st.sampled_from(self._free_lines()))
        day, hour = self._free_hour(days)
        if not line.pack.is_good_on(day):
            return
        client_id = self.cast.otto_id if is_otto and len(line.pack.client_ids) > 1 else self.cast.cleo_id
        edit = LineEdit(day, True, time(hour), client_id=client_id, overrides_warnings=True)
        package_lines.save(self.session, self.cast.fay, line.pack.invoice_id, line.id, edit, self.now)
        attendee = self.session.scalars(self._attendee_on(line)).one()
        place = Place(attendee.id, attendee.item_id, client_id, line.fee_id, day, hour)
        self.places.append(place)
        self._join(place, line)

    @precondition(lambda self: self._live())
    @rule(data=st.data(), days=st.integers(-20, 40), choice=st.sampled_from(Choice))
    def move(self, data, days, choice) -> None:
        place = data.draw(st.sampled_from(self._live()))
        day, hour = self._free_hour(days)
        item = booking.item_for(self.session, self.cast.fay, place.item_id)
        to = booking.Move(at(hour, days=(day - FIRST).days), overrides_warnings=True)
        if place.line is not None and not place.line.pack.is_good_on(day):
            with pytest.raises(linking.MismatchError), self.session.begin_nested():
                booking.move(self.session, self.cast.fay, item.id, to, self.now, version=item.version)
            self.session.refresh(item)
            to = booking.Move(to.starts_at, overrides_warnings=True, package_choice=choice)
            if choice is Choice.UNLINK:
                self._part_by_hand(place)
        booking.move(self.session, self.cast.fay, place.item_id, to, self.now, version=item.version)
        place.day, place.hour = day, hour

    @precondition(lambda self: self._linked())
    @rule(data=st.data())
    def unlink(self, data) -> None:
        place = data.draw(st.sampled_from(self._linked()))
        linking.unlink(self.session, self.cast.fay, place.line.id, self.now)
        self._part_by_hand(place)

    @precondition(lambda self: any(place.line is None and place.status is Status.BOOKED for place in self._live()))
    @rule(data=st.data())
    def use_a_package(self, data) -> None:
        loose = [place for place in self._live() if place.line is None and place.status is Status.BOOKED]
        place = data.draw(st.sampled_from(loose))
        fits = self._fitting(place, by_hand=True)
        if fits:
            line = data.draw(st.sampled_from(fits))
            linking.link(self.session, self.cast.fay, line.id, place.attendee_id, self.now)
            self._join(place, line)

    @precondition(lambda self: self._there())
    @rule(data=st.data(), status=st.sampled_from((Status.BOOKED, Status.ARRIVED, Status.ATTENDED, *MISSED, *CANCELLED)))
    def say_what_became_of_it(self, data, status) -> None:
        place = data.draw(st.sampled_from(self._there()))
        statuses.set_status(self.session, self.cast.fay, place.item_id, status, self.now)
        if status is place.status:
            return
        place.status = status
        comes_back = place.left is not None and place.left.is_free and place.left.id not in place.parted
        if status in CANCELLED:
            if place.line is not None:
                place.line.place, place.left, place.line = None, place.line, None
        elif place.line is None and comes_back:
            self._join(place, place.left)

    @precondition(lambda self: self._there())
    @rule(data=st.data())
    def delete(self, data) -> None:
        place = data.draw(st.sampled_from(self._there()))
        booking.delete(self.session, self.cast.fay, place.item_id, self.now)
        place.is_deleted = True
        if place.line is not None:
            place.line.place = place.line = None

    @rule(days=st.integers(1, 25))
    def days_pass(self, days) -> None:
        self.now += timedelta(days=days)
        for sale_id in sold.due_to_expire(self.session, self.now):
            sold.expire(self.session, sale_id, self.now)
        for line in self._free_lines():
            line.is_expired = line.is_expired or not line.pack.is_good_on(self.today)

    @precondition(lambda self: self._free_lines())
    @rule(data=st.data(), standing=st.sampled_from((Standing.USED, Standing.FORFEITED)))
    def put_aside(self, data, standing) -> None:
        line = data.draw(st.sampled_from(self._free_lines()))
        sold.adjust(self.session, self.cast.fay, line.pack.invoice_id, line.id, standing, "By hand", self.now)
        line.aside, line.is_expired = standing.value, False

    @precondition(lambda self: any(pack.expires for pack in self.packs))
    @rule(data=st.data(), days=st.integers(1, 20))
    def extend(self, data, days) -> None:
        pack = data.draw(st.sampled_from([pack for pack in self.packs if pack.expires]))
        pack.expires = max(pack.expires, self.today) + timedelta(days=days)
        sold.extend(self.session, self.cast.fay, pack.invoice_id, pack.expires, "Ill", self.now)
        for line in pack.lines:
            line.is_expired = False

    @precondition(lambda self: self._refundable())
    @rule(data=st.data())
    def refund(self, data) -> None:
        pack = data.draw(st.sampled_from(self._refundable()))
        lines = [line for line in pack.lines if self._is_unused(line)]
        chosen = data.draw(st.lists(st.sampled_from(lines), min_size=1, unique_by=id))
        note = package_refunds.refund(
            self.session, self.cast.olga, pack.invoice_id, [line.id for line in chosen], "Moves away", self.now
        )
        assert note.total_cents == sum(line.cents for line in chosen)
        for line in chosen:
            if line.place is not None:
                self._part_by_hand(line.place)
            line.is_credited, line.is_expired = True, False

    # -- what must hold after each

    @invariant()
    def counts_and_cents_are_equal(self) -> None:
        counted = packages.counts(self.session, [pack.sale_id for pack in self.packs], self.now)
        for pack in self.packs:
            assert counted[pack.sale_id] == self._counted(pack)
        rows = self.session.scalars(select(InvoiceLine).where(InvoiceLine.fee_id != self.cast.workbook_fee_id)).all()
        known = {line.id: line for pack in self.packs for line in pack.lines}
        for row in rows:
            if row.id in known:
                place = known[row.id].place
                assert (row.share_id is not None) == (place is not None)
                assert place is None or row.session_date == place.day
        credited = sum(line.cents for line in known.values() if line.is_credited)
        invoiced = sum(pack.total_cents for pack in self.packs)
        assert ledger.payer_balance_cents(self.session, self.cast.cleo_payer_id) == invoiced - credited

    @invariant()
    def verify_is_clean(self) -> None:
        assert list(verify.findings(self.session)) == []

    # -- the model's own words

    @property
    def today(self) -> date:
        return (self.now - timedelta(hours=5)).date()

    def _counted(self, pack: Pack) -> Counts:
        bought = [line for line in pack.lines if not line.is_credited]
        booked = used = forfeited = expired = 0
        for line in bought:
            if line.place is None:
                used, forfeited = used + (line.aside == "used"), forfeited + (line.aside == "forfeited")
                expired += not line.aside and not pack.is_good_on(self.today)
            elif line.place.status in MISSED:
                forfeited += 1
            elif line.place.status is Status.ATTENDED or self._is_held(line.place):
                used += 1
            else:
                booked += 1
        return Counts(len(bought), booked, used, forfeited, expired)

    def _is_held(self, place: Place) -> bool:
        return at(place.hour, 50, days=(place.day - FIRST).days) <= self.now

    def _is_unused(self, line: Line) -> bool:
        if line.is_credited or line.aside:
            return False
        return line.place is None or (line.place.status is Status.BOOKED and not self._is_held(line.place))

    def _refundable(self) -> list[Pack]:
        return [pack for pack in self.packs if any(self._is_unused(line) for line in pack.lines)]

    def _fitting(self, place: Place, *, by_hand: bool = False) -> list[Line]:
        good = [
            line for pack in self.packs for line in pack.lines
            if line.is_free and line.fee_id == place.fee_id
            and place.client_id in pack.client_ids and pack.is_good_on(place.day) and (by_hand or line.id not in place.parted)
        ]  # fmt: skip
        return sorted(good, key=lambda line: (line.pack.expires or date.max, line.pack.sale_id, line.id))

    def _join(self, place: Place, line: Line) -> None:
        place.line, line.place, place.left, line.is_expired = line, place, None, False

    def _part_by_hand(self, place: Place) -> None:
        place.parted.add(place.line.id)
        place.line.place = place.line = place.left = None

    def _free_lines(self) -> list[Line]:
        return [line for pack in self.packs for line in pack.lines if line.is_free]

    def _there(self) -> list[Place]:
        return [place for place in self.places if not place.is_deleted]

    def _live(self) -> list[Place]:
        return [place for place in self._there() if place.status in (Status.BOOKED, Status.ARRIVED)]

    def _linked(self) -> list[Place]:
        return [place for place in self._there() if place.line is not None]

    def _free_hour(self, days: int) -> tuple[date, int]:
        day = self.today + timedelta(days=days)
        hour = next(hour for hour in range(24) if (day, hour) not in self.taken)
        self.taken.add((day, hour))
        return day, hour

    def _attendee_on(self, line: Line):
        share = select(InvoiceLine.share_id).where(InvoiceLine.id == line.id).scalar_subquery()
        return select(Attendee).join(Share, Share.attendee_id == Attendee.id).where(Share.id == share)


def test_packages_count_as_a_naive_model_does(session, cast):
    machine = type("Machine", (PackageMachine,), {"session": session, "cast": cast})
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None, database=None,
                          phases=[Phase.generate], suppress_health_check=list(HealthCheck)),
    )  # fmt: skip
