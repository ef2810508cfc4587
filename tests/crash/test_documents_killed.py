"""A process killed in the middle of a series of documents: another goes on where it was, and each document is kept once."""

import signal

import pytest
from sqlalchemy import func, select

from clinic.billing import document_making, document_runs, invoices
from clinic.billing.document_kinds import Wish
from clinic.billing.invoices import NewLine
from clinic.models.billing import StoredDocument
from clinic.models.documents import RunDocument, RunShape, RunState
from clinic.office import verify
from tests.crash.process import print_series
from tests.night_stage import NIGHT


# One database is enough: what a dead process leaves behind is a row, and whose it is then is tested on both.
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_series_killed_after_a_document_goes_on_there_and_keeps_each_once(warm_server, database, cast, write, rows, tmp_path):
    url, folder = database[0], str(tmp_path)
    with write() as session:
        for _ in range(2):
            made = invoices.draft(session, cast.fay, payer_id=cast.cleo_payer_id, client_id=cast.cleo_id, now=NIGHT)
            invoices.add_line(session, made, NewLine("Letter", 2_000))
            invoices.issue(session, cast.fay, made, NIGHT)
        wish = Wish(made.issue_date, made.issue_date, ("invoice",), cast.cleo_id)
        run_id = document_runs.ask(session, cast.fay, wish, RunShape.PDF, NIGHT).id
    assert warm_server.run(print_series, url, folder, document_making.STEP_KEPT, 0) == -signal.SIGKILL
    with rows() as session:
        found = document_runs.progress(session, cast.fay, run_id)
        assert (found.state, found.made) == (RunState.RUNNING, 0)
        assert session.scalar(select(func.count()).select_from(StoredDocument)) == 1
    assert warm_server.run(print_series, url, folder, "", 2) == 0
    with rows() as session:
        found = document_runs.progress(session, cast.fay, run_id)
        assert (found.state, found.made, found.left) == (RunState.DONE, 2, ())
        assert sorted(session.scalars(select(RunDocument.tries))) == [1, 2]
        assert session.scalar(select(func.count()).select_from(StoredDocument)) == 2
        assert list(verify.findings(session)) == []
