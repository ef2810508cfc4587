"""Credit notes, corrections and write-offs: what they reverse, what they free, and what the ledger says of it."""

import pytest
from sqlalchemy import select

from clinic.billing import (
    credit_notes,
    daily,
    invoices,
    ledger,
    leftovers,
    packages,
    payments,
    register,
    sessions,
    sheet,
    states,
)
from clinic.billing.credit_notes import Freed
from clinic.billing.invoices import NewLine
from clinic.billing.packages import FeeRow, Sale, Template
from clinic.billing.register import Shown, Wish
from clinic.kernel.errors import ClashError, RefusalError
from clinic.models.billing import InvoiceKind, PackageSale, SessionEvent, Share
from clinic.models.calendar import Attendee
from clinic.models.money import Method
from clinic.office import verify
from clinic.practice import settings
from tests.cast import NOW
from tests.night_stage import DAY, NIGHT, bills_daily, give


def issued(session, cast, *lines, shares=()):
    invoice = invoices.draft(session, cast.fay, payer_id=cast.cleo_payer_id, client_id=cast.cleo_id, now=NOW)
    for share in shares:
        invoices.add_share(session, invoice, share.id)
    for line in lines:
        invoices.add_line(session, invoice, line)
    invoices.issue(session, cast.fay, invoice, NOW)
    return invoice


def pay(session, cast, invoice, cents):
    payments.record(session, cast.fay, payer_id=invoice.payer_id, method=Method.CASH, amount_cents=cents, now=NOW,
                    invoice_id=invoice.id)  # fmt: skip


def state(session, invoice):
    return states.of(session, [invoice], NOW.date())[invoice.id]


def is_sound(session):
    assert list(verify.findings(session)) == []
    return True


def test_a_whole_credit_has_its_own_number_frees_what_was_paid_and_refunds_nothing(session, cast):
    invoice = issued(session, cast, NewLine("Letter", 10_000, tax_bp=825), NewLine("Book", 3_333, quantity=3, tax_bp=700))
    pay(session, cast, invoice, 4_000)
    note = credit_notes.credit(session, cast.fay, invoice, NOW, reason="Wrong client")
    assert (note.number, note.kind, note.total_cents) == ("CN-0001", InvoiceKind.CREDIT_NOTE, invoice.total_cents)
    assert [(line.quantity, line.unit_cents) for line in note.lines] == [(1, 10_000), (3, 3_333)]
    assert state(session, invoice).word == "Credited"
    assert ledger.payer_sums(session, [cast.cleo_payer_id])[cast.cleo_payer_id].balance_cents == -4_000
    assert ledger.unallocated_cents(session, cast.cleo_payer_id) == 4_000
    with pytest.raises(ClashError, match="credited already"):
        credit_notes.credit(session, cast.fay, invoice, NOW)
    with pytest.raises(RefusalError, match="not credited"):
        credit_notes.credit(session, cast.fay, note, NOW)
    assert sheet.of(session, note, NOW).credits_number == invoice.number
    assert is_sound(session)


def test_an_invoice_of_nothing_reads_credited_only_once_all_of_it_is(session, cast):
    """Nothing is posted on it, so that its lines have to say it."""
    invoice = issued(session, cast, NewLine("Free talk", 0), NewLine("Letter", 5_000, discount_cents=5_000))
    first, letter = invoice.lines

    def listed_as_paid():
        return [row.number for row in register.page(session, cast.fay, Wish(Shown.PAID), number=1, today=NOW.date()).rows]

    assert (state(session, invoice).word, listed_as_paid()) == ("Paid", [invoice.number])
    credit_notes.credit(session, cast.fay, invoice, NOW, amounts={first.id: 0})
    assert (state(session, invoice).word, listed_as_paid()) == ("Paid", [invoice.number])
    credit_notes.credit(session, cast.fay, invoice, NOW, amounts={letter.id: 0})
    assert (state(session, invoice).word, listed_as_paid()) == ("Credited", [])
    assert not sheet.of(session, invoice, NOW).stamp
    assert is_sound(session)


@pytest.mark.parametrize("inclusive", [False, True])
def test_parts_of_a_line_add_up_to_it_with_its_tax_to_the_cent(session, cast, inclusive):
    settings.practice(session).tax_inclusive = inclusive
    invoice = issued(session, cast, NewLine("Letter", 1_001, tax_bp=825), NewLine("Free", 0))
    line = invoice.lines[0]
    for cents in (333, 333, 335):
        credit_notes.credit(session, cast.fay, invoice, NOW, amounts={line.id: cents})
    assert line.released_at is not None
    assert state(session, invoice).credited_cents == invoice.total_cents
    assert [each.left_cents for each in credit_notes.creditable(session, invoice)] == [0]  # the free line stands
    assert is_sound(session)


def test_a_part_credit_lowers_what_is_owed_and_frees_only_what_is_paid_beyond_it(session, cast):
    invoice = issued(session, cast, NewLine("Letter", 10_000), NewLine("Book", 5_000))
    pay(session, cast, invoice, 12_000)
    first = invoice.lines[0]
    for amounts, words in (({first.id: 10_001}, "is left"), ({}, "how much"), ({first.id: 0}, "how much")):
        with pytest.raises(RefusalError, match=words):
            credit_notes.credit(session, cast.fay, invoice, NOW, amounts=amounts)
    credit_notes.credit(session, cast.fay, invoice, NOW, amounts={first.id: 2_000})
    assert (state(session, invoice).word, state(session, invoice).owed_cents) == ("Part paid", 1_000)
    assert ledger.unallocated_cents(session, cast.cleo_payer_id) == 0
    credit_notes.credit(session, cast.fay, invoice, NOW, amounts={first.id: 6_000})
    assert state(session, invoice).word == "Paid"
    assert ledger.unallocated_cents(session, cast.cleo_payer_id) == 5_000
    assert is_sound(session)


@pytest.mark.parametrize(("freed", "planned", "left"), [
    (Freed.DO_NOT_INVOICE, 0, 0), (Freed.BILL_AGAIN, 1, 0), (Freed.LATER, 0, 1),
])  # fmt: skip
def test_a_credited_session_is_billed_again_only_if_someone_says_so(session, cast, freed, planned, left):
    bills_daily(session)
    share = give(session, cast)
    invoice = issued(session, cast, shares=[share])
    credit_notes.credit(session, cast.fay, invoice, NOW, freed=freed)
    survey = daily.survey(session, DAY)
    assert len(survey.planned) == planned
    assert len(leftovers.all_of(session, survey, DAY, NIGHT)) == left
    assert session.get_one(Attendee, share.attendee_id).do_not_invoice is (freed is Freed.DO_NOT_INVOICE)
    assert is_sound(session)


def test_correcting_gives_a_draft_with_the_same_sessions_and_moves_what_was_paid_at_its_issue(session, cast):
    bills_daily(session)
    share = give(session, cast)
    invoice = issued(session, cast, NewLine("Letter", 2_000, discount_cents=500), shares=[share])
    pay(session, cast, invoice, 10_000)
    draft = credit_notes.correct(session, cast.fay, invoice, NOW)
    assert state(session, invoice).word == "Credited"
    assert [(line.share_id, line.total_cents) for line in draft.lines] == [(share.id, 15_000), (None, 1_500)]
    assert daily.plan(session, DAY) == ()
    invoices.edit_line(session, draft, draft.lines[1].id, NewLine("Letter", 1_000))
    invoices.issue(session, cast.fay, draft, NOW)
    assert (state(session, draft).paid_cents, state(session, draft).owed_cents) == (10_000, 6_000)
    assert ledger.unallocated_cents(session, cast.cleo_payer_id) == 0
    again = credit_notes.correct(session, cast.fay, draft, NOW)
    invoices.delete_draft(session, cast.fay, again, NOW)
    assert session.get_one(Share, share.id).released_at is not None
    assert daily.plan(session, DAY) == ()
    assert is_sound(session)


def test_correcting_after_a_part_credit_bills_only_the_rest(session, cast):
    invoice = issued(session, cast, NewLine("Letter", 10_000, tax_bp=825))
    credit_notes.credit(session, cast.fay, invoice, NOW, amounts={invoice.lines[0].id: 4_000})
    draft = credit_notes.correct(session, cast.fay, invoice, NOW)
    assert (draft.net_cents, draft.lines[0].discount_cents) == (6_000, 4_000)
    assert is_sound(session)


def test_what_moved_elsewhere_meanwhile_does_not_move_again(session, cast):
    invoice = issued(session, cast, NewLine("Letter", 10_000))
    pay(session, cast, invoice, 10_000)
    draft = credit_notes.correct(session, cast.fay, invoice, NOW)
    other = issued(session, cast, NewLine("Book", 7_000))
    payments.apply_credit(session, cast.fay, payer_id=cast.cleo_payer_id, now=NOW, invoice_id=other.id)
    invoices.issue(session, cast.fay, draft, NOW)
    assert state(session, draft).paid_cents == 3_000
    assert is_sound(session)


def test_credit_put_on_a_correcting_draft_is_put_once(session, cast):
    invoice = issued(session, cast, NewLine("Letter", 10_000))
    pay(session, cast, invoice, 10_000)
    draft = credit_notes.correct(session, cast.fay, invoice, NOW)
    invoices.edit_line(session, draft, draft.lines[0].id, NewLine("Letter", 15_000))
    payments.apply_credit(session, cast.fay, payer_id=cast.cleo_payer_id, now=NOW, invoice_id=draft.id)
    assert (state(session, draft).paid_cents, state(session, draft).owed_cents) == (10_000, 5_000)
    assert ledger.unallocated_cents(session, cast.cleo_payer_id) == 0
    assert is_sound(session)


def test_a_written_off_remainder_never_reads_paid_and_can_be_taken_back(session, cast):
    invoice = issued(session, cast, NewLine("Letter", 10_000))
    pay(session, cast, invoice, 4_000)
    with pytest.raises(RefusalError, match="Say why"):
        credit_notes.write_off(session, cast.bill, invoice, NOW, reason="")
    assert credit_notes.write_off(session, cast.bill, invoice, NOW, reason="Moved away") == 6_000
    shown = sheet.of(session, invoice, NOW)
    assert (shown.state.word, shown.written_off_cents, shown.credited_cents, shown.stamp) == ("Written off", 6_000, 0, "")
    assert ledger.payer_owed_cents(session, cast.cleo_payer_id) == 0
    with pytest.raises(RefusalError, match="Nothing is owed"):
        credit_notes.write_off(session, cast.bill, invoice, NOW, reason="Again")
    with pytest.raises(RefusalError, match="Take the write-off back"):
        credit_notes.credit(session, cast.fay, invoice, NOW)
    assert credit_notes.undo_write_off(session, cast.bill, invoice, NOW) == 6_000
    assert (state(session, invoice).word, state(session, invoice).owed_cents) == ("Part paid", 6_000)
    with pytest.raises(RefusalError, match="is written off"):
        credit_notes.undo_write_off(session, cast.bill, invoice, NOW)
    assert is_sound(session)


def test_what_is_unused_of_a_package_is_credited_and_no_longer_there_to_book(session, cast):
    rows = (FeeRow(cast.therapy_fee_id, 3), FeeRow(cast.workbook_fee_id, 1))
    package = packages.save(session, cast.olga, Template(name="Three", rows=rows), NOW)
    sold = packages.sell(
        session, cast.fay, Sale(package.id, (cast.cleo_id,), cast.cleo_payer_id, cast.pat_id, cast.harbour_id), NOW
    )
    with pytest.raises(RefusalError, match="not corrected"):
        credit_notes.correct(session, cast.fay, sold, NOW)
    one, spent = sold.lines[0], sold.lines[1]
    sale_id = session.scalars(select(PackageSale.id)).one()
    credit_notes.credit(session, cast.fay, sold, NOW, amounts={one.id: one.net_cents})
    sessions.move(session, cast.fay, spent, SessionEvent.FORFEITED, NOW, sale_id=sale_id, attendee_id=None)
    assert [each.is_held for each in credit_notes.creditable(session, sold)] == [True, False, False]
    with pytest.raises(RefusalError, match="booked, used or spent"):
        credit_notes.credit(session, cast.fay, sold, NOW)
    credit_notes.credit(session, cast.fay, sold, NOW, amounts={spent.id: 1_000})
    counts = packages.counts(session, [sale_id], NOW)[sale_id]
    assert (counts.purchased, counts.forfeited, counts.remaining) == (2, 1, 1)
    assert is_sound(session)
