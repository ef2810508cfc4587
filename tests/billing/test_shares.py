"""A fee divided between payers: parts that add up, each billed to its payer, and never once it is on an invoice."""

import re

import pytest

from clinic.billing import daily, invoices, shares
from clinic.billing.shares import Wish
from clinic.kernel.errors import ClashError, RefusalError
from clinic.models.calendar import Attendee
from clinic.office import verify
from tests.billing.given import given_session
from tests.cast import NOW
from tests.night_stage import DAY, NIGHT, bills_daily, give, invoices_of


@pytest.mark.parametrize(("fee", "wishes", "expected"), [
    (10_000, [Wish(1, rate_bp=6_000), Wish(2, rate_bp=4_000)], [6_000, 4_000]),
    (10_001, [Wish(1, rate_bp=3_333), Wish(2, rate_bp=3_333), Wish(3, rate_bp=3_334)], [3_333, 3_333, 3_335]),
    (10_000, [Wish(1, amount_cents=2_500), Wish(2)], [2_500, 7_500]),
    (10_000, [Wish(1, rate_bp=2_500), Wish(2, amount_cents=7_500)], [2_500, 7_500]),
    (10_000, [Wish(1)], [10_000]),
])  # fmt: skip
def test_parts_add_up_to_the_fee(fee, wishes, expected):
    assert shares.amounts(fee, wishes) == expected
    assert sum(expected) == fee


@pytest.mark.parametrize(("wishes", "words"), [
    ([Wish(1, amount_cents=2_500), Wish(2, amount_cents=7_499)], "0.01 too little"),
    ([Wish(1, rate_bp=6_000), Wish(2, rate_bp=5_000)], "10.00 too much"),
    ([Wish(1), Wish(2)], "at most one"),
    ([Wish(1, amount_cents=10_001), Wish(2)], "too much"),
])  # fmt: skip
def test_parts_that_do_not_add_up_are_refused(wishes, words):
    with pytest.raises(RefusalError, match=words):
        shares.amounts(10_000, wishes)


def test_each_payer_is_billed_their_part_by_the_night_and_the_fee_is_whole(session, cast):
    bills_daily(session)
    share = give(session, cast)
    wishes = [Wish(cast.cleo_payer_id, rate_bp=2_000), Wish(cast.pellworth_id)]
    shares.divide(session, cast.fay, share.attendee_id, wishes, NOW)
    for planned in daily.plan(session, DAY):
        daily.bill(session, planned, NIGHT)
    assert sorted((each.payer_id, each.total_cents) for each in invoices_of(session)) == sorted(
        [(cast.cleo_payer_id, 3_000), (cast.pellworth_id, 12_000)]
    )
    with pytest.raises(ClashError, match="on an invoice"):
        shares.divide(session, cast.fay, share.attendee_id, [Wish(cast.cleo_payer_id)], NOW)
    assert list(verify.findings(session)) == []


def test_a_division_is_taken_back_and_what_cannot_be_is_refused(session, cast):
    share = give(session, cast)
    attendee_id = share.attendee_id
    both = [Wish(cast.cleo_payer_id, amount_cents=5_000), Wish(cast.pellworth_id)]
    shares.divide(session, cast.fay, attendee_id, both, NOW)
    shares.divide(session, cast.fay, attendee_id, [Wish(cast.pellworth_id)], NOW)
    assert [(part.payer_id, part.amount_cents) for part in shares.standing(session, attendee_id)] == [
        (cast.pellworth_id, 15_000)
    ]
    for wishes, words in (
        ([], "who pays"),
        ([Wish(cast.pellworth_id, rate_bp=5_000), Wish(cast.pellworth_id)], "once"),
        ([Wish(999_999)], "one of their contacts"),
        ([Wish(cast.cleo_payer_id, amount_cents=15_000), Wish(cast.pellworth_id)], "nothing"),
    ):
        with pytest.raises(RefusalError, match=words):
            shares.divide(session, cast.fay, attendee_id, wishes, NOW)
    draft = invoices.draft(session, cast.fay, payer_id=cast.pellworth_id, client_id=cast.cleo_id, now=NOW)
    invoices.add_share(session, draft, share.id)
    with pytest.raises(ClashError):
        shares.divide(session, cast.fay, attendee_id, both, NOW)


def test_the_page_keeps_what_was_typed_and_divides_by_percent_and_rest(as_, rows, write, cast):
    with write() as session:
        share = given_session(session, cast)
        attendee_id = share.attendee_id
        item_id = session.get_one(Attendee, attendee_id).item_id
    fay = as_("fay")
    here = f"/calendar/items/{item_id}/divide"
    assert f"{here}?attendee={attendee_id}" in fay.get(f"/calendar/items/{item_id}").text
    page = fay.get(f"{here}?attendee={attendee_id}")
    key = re.search(r'name="once" value="([^"]+)"', page.text)[1]
    typed = {"once": key, "attendee": attendee_id, "payer_0": cast.cleo_payer_id, "part_0": "30 %",
             "payer_1": cast.pellworth_id, "part_1": "1"}  # fmt: skip
    refused = fay.post(here, data=typed)
    assert refused.status_code == 422
    assert "104.00 too little" in refused.text
    assert 'value="30 %"' in refused.text
    assert fay.post(here, data={**typed, "part_1": ""}).status_code == 303
    with rows() as session:
        assert [part.amount_cents for part in shares.standing(session, attendee_id)] == [4_500, 10_500]
