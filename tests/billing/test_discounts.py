"""A client's own discount: on every session's fee, by itself or by hand; never on a product, a package or typed words."""

from clinic.billing import discounts, invoices, packages
from clinic.billing.lines import NewLine
from clinic.billing.packages import FeeRow, Sale, Template
from tests.billing.given import given_session
from tests.cast import NOW


def test_a_clients_discount_comes_off_sessions_and_their_fees_picked_by_hand(session, cast):
    discounts.choose(session, cast.fay, cast.cleo_id, 1_000, NOW)
    draft = invoices.draft(session, cast.fay, payer_id=cast.pellworth_id, client_id=cast.cleo_id, now=NOW)
    line = invoices.add_share(session, draft, given_session(session, cast, payer_id=cast.pellworth_id).id)
    assert line.discount_cents == 1_500
    picked = NewLine("Therapy, 50 minutes", 15_000, quantity=3, fee_id=cast.therapy_fee_id, minutes=50)
    assert discounts.by_default(session, draft, picked).discount_cents == 4_500
    for kept in (NewLine("Workbook", 2_500, fee_id=cast.workbook_fee_id), NewLine("Letter", 4_000)):
        assert discounts.by_default(session, draft, kept) == kept
    template = Template(name="Five sessions", rows=(FeeRow(cast.therapy_fee_id, 5),))
    package = packages.save(session, cast.olga, template, NOW)
    sale = Sale(package.id, (cast.cleo_id,), cast.cleo_payer_id, cast.pat_id, cast.harbour_id)
    sold = packages.sell(session, cast.olga, sale, NOW, is_draft=True)
    assert discounts.by_default(session, sold, picked) == picked
