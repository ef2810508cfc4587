"""Billing documents asked for together: the run that makes them ready, and each document it is about."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from clinic.kernel.database import Base


class RunShape(StrEnum):
    """Name what was asked for: one PDF to print, or a zip of one PDF each."""

    PDF = "pdf"
    ZIP = "zip"


class RunState(StrEnum):
    """Name where a run stands. QUEUED waits for a process, RUNNING has one, the others are over."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"

    @property
    def is_over(self) -> bool:
        """Say whether nothing more is made."""
        return self not in (RunState.QUEUED, RunState.RUNNING)


class DocumentRun(Base):
    """Hold one request for a series of documents: who asked for which, and how far it is."""

    __tablename__ = "document_runs"
    __table_args__ = (
        Index(
            "ix_document_runs_open",
            "heartbeat_at",
            sqlite_where=text("finished_at IS NULL"),
            postgresql_where=text("finished_at IS NULL"),
        ),
        CheckConstraint("first_date <= last_date", name="days_in_order"),
        CheckConstraint("total_count > 0", name="not_empty"),
        CheckConstraint("(state = 'running') = (worker IS NOT NULL)", name="worked_on_by_one"),
        CheckConstraint("(state IN ('queued', 'running')) = (finished_at IS NULL)", name="over_when_finished"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    shape: Mapped[RunShape]
    asked_by_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    asked_at: Mapped[datetime]
    first_date: Mapped[date]
    last_date: Mapped[date]
    kinds: Mapped[str]  # names of `billing.document_kinds`, between commas
    client_id: Mapped[int | None] = mapped_column(ForeignKey("clients.id"), index=True)  # None: the whole practice
    payer_id: Mapped[int | None] = mapped_column(ForeignKey("contacts.id"))
    practitioner_id: Mapped[int | None] = mapped_column(ForeignKey("practitioners.id"))
    location_id: Mapped[int | None] = mapped_column(ForeignKey("locations.id"))
    with_others: Mapped[bool] = mapped_column(default=False)  # documents that name other clients, too
    state: Mapped[RunState] = mapped_column(default=RunState.QUEUED)
    total_count: Mapped[int]
    worker: Mapped[str | None]  # the process that has it; another takes it over when its heart stops
    heartbeat_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(default="")  # why it failed as a whole
    removed_at: Mapped[datetime | None]  # when its list of documents was let go


class RunDocument(Base):
    """Hold one document of a run: where its PDF is kept, or why there is none."""

    __tablename__ = "run_documents"
    __table_args__ = (
        UniqueConstraint("run_id", "kind", "subject_id", "client_id"),
        CheckConstraint("content_hash IS NULL OR failure = ''", name="made_or_failed"),
    )

    run_id: Mapped[int] = mapped_column(ForeignKey("document_runs.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    subject_id: Mapped[int]  # the invoice, the payment, or whose summary of the days it is
    client_id: Mapped[int] = mapped_column(default=0)  # of a summary of the days; else 0
    label: Mapped[str]  # what it is called where it could not be made: its number
    tries: Mapped[int] = mapped_column(default=0)
    content_hash: Mapped[str | None] = mapped_column(ForeignKey("stored_documents.content_hash"), index=True)
    file_name: Mapped[str] = mapped_column(default="")
    failure: Mapped[str] = mapped_column(default="")
    run: Mapped[DocumentRun] = relationship(lazy="raise")
