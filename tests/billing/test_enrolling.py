"""Several payers are enrolled at once only by choosing each, beside what they owe."""

import pytest

from clinic.billing import enrolling, enrolments
from clinic.kernel.errors import RefusalError
from tests.billing.test_refunds import issued
from tests.night_stage import NIGHT, with_card


def test_who_keeps_a_card_is_listed_with_the_balance_and_enrolled_when_chosen(session, cast, stand_in):
    for payer_id in (cast.cleo_payer_id, cast.otto_payer_id):
        with_card(session, stand_in, payer_id)
    issued(session, cast)
    listed = enrolling.candidates(session)
    assert [(each.name, each.card, each.balance_cents) for each in listed] == [
        ("Cleo Abernathy", "ending 4242", 15_000), ("Otto Brandt", "ending 4242", 0),
    ]  # fmt: skip
    with pytest.raises(RefusalError, match="how they consented"):
        enrolling.enrol(session, cast.fay, [cast.cleo_payer_id], how=" ", now=NIGHT)
    with pytest.raises(RefusalError, match="keeps no card"):
        enrolling.enrol(session, cast.fay, [cast.cleo_payer_id, cast.pellworth_id], how="on paper", now=NIGHT)
    assert enrolling.enrol(session, cast.fay, [cast.cleo_payer_id], how="on paper", now=NIGHT) == 1
    enrolment = enrolments.live(session, cast.cleo_payer_id)
    assert (enrolment.consented_by, enrolment.consent_text) == ("Cleo Abernathy, on paper", enrolments.consent_text(session))
    assert [each.name for each in enrolling.candidates(session)] == ["Otto Brandt"]
    with pytest.raises(RefusalError, match="in AutoPay already"):
        enrolling.enrol(session, cast.fay, [cast.cleo_payer_id], how="on paper", now=NIGHT)
    # Who was taken off is listed with the reason, so that a card that cannot be charged is not enrolled again unseen.
    enrolments.leave(session, cast.fay, cast.cleo_payer_id, NIGHT, reason="The card cannot be charged any more.")
    assert [each.ended_reason for each in enrolling.candidates(session)] == ["The card cannot be charged any more.", ""]
