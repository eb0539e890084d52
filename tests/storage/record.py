"""One database with everything that reads and writes it, and the ways into each status."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, insert, select, text

from assent.models import Approval, ApprovalStatus, AuditEvent, Outcome, Role
from domain.approval import ApprovalState, ExecutionOutcome
from domain.execution import SealedAssessment, StoredApproval
from domain.operation import ApprovalRequest, ExecutionPlan
from storage.approval_reads import ApprovalReads
from storage.approvals import ApprovalStore
from storage.audit import read_events
from storage.claims import Claim, ClaimStore
from storage.database import Database
from storage.keys import KeyStore
from storage.opening import Ending
from storage.people import PeopleStore
from storage.sessions import SessionStore
from storage.sign_in_links import SignInLinkStore
from storage.tables import approvals, audit_events, decisions, executions, keys, metadata
from tests.storage.builders import (
    DEADLINE,
    RECORDED,
    SIGNING_KEYS,
    make_assessment,
    make_cancel,
    make_decision,
    make_key,
    make_opening,
    make_outcome,
    make_request,
)

TEAM = {"agent": Role.AGENT, "ada": Role.REVIEWER, "bob": Role.REVIEWER, "cyd": Role.REVIEWER}


@dataclass(frozen=True)
class Record:
    """The stores on one database."""

    database: Database

    @property
    def store(self) -> ApprovalStore:
        """What writes approvals."""
        return ApprovalStore(self.database)

    @property
    def reads(self) -> ApprovalReads:
        """What reads approvals."""
        return ApprovalReads(self.database)

    @property
    def claims(self) -> ClaimStore:
        """What grants executions."""
        return ClaimStore(self.database, SIGNING_KEYS)

    @property
    def keys(self) -> KeyStore:
        """What keeps keys."""
        return KeyStore(self.database)

    @property
    def people(self) -> PeopleStore:
        """What keeps people."""
        return PeopleStore(self.database)

    @property
    def sessions(self) -> SessionStore:
        """What keeps sessions: an hour unused, a day in all."""
        return SessionStore(self.database, idle=timedelta(hours=1), longest=timedelta(days=1))

    @property
    def links(self) -> SignInLinkStore:
        """What keeps sign-in links."""
        return SignInLinkStore(self.database)

    def clear(self) -> None:
        """Delete every row."""
        with self.database.write() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(delete(table))

    def add_team(self) -> None:
        """Make the keys of an agent and three reviewers."""
        team = [
            make_key(name, role).model_dump(mode="python") | {"secret_hash": "0" * 64} for name, role in TEAM.items()
        ]
        with self.database.write() as connection:
            connection.execute(insert(keys), team)

    def open(
        self,
        request: ApprovalRequest | None = None,
        assessment: SealedAssessment | None = None,
        *,
        ending: Ending | None = None,
    ) -> ApprovalRequest:
        """Open an approval, pending unless it has an ending, and return its request."""
        request = request or make_request()
        self.open_state(request, assessment or make_assessment(request), ending=ending)
        return request

    def open_state(
        self, request: ApprovalRequest, assessment: SealedAssessment, *, ending: Ending | None = None
    ) -> ApprovalState:
        """Open an approval and return the stored state."""
        return self.store.open(make_opening(request, assessment, ending=ending))

    def approved(self, plan: ExecutionPlan | None = None, *reviewers: str) -> ApprovalRequest:
        """Return an approval that `reviewers` have approved, all of them needed; ada alone unless others are named."""
        voters = reviewers or ("ada",)
        request = make_request()
        self.open(request, make_assessment(request, required_approvals=len(voters), plan=plan))
        for reviewer in voters:
            self.store.decide(make_decision(request, reviewer=reviewer), at=RECORDED)
        assert self.status(request) is ApprovalStatus.APPROVED
        return request

    def in_status(self, status: ApprovalStatus) -> ApprovalRequest:
        """Return a new approval that has come to `status` by the only way there is."""
        request = self.approved() if status in _AFTER_APPROVAL else self.open()
        match status:
            case ApprovalStatus.REJECTED:
                self.store.decide(make_decision(request, Outcome.REJECT), at=RECORDED)
            case ApprovalStatus.EXPIRED:
                self.store.expire(request.approval_id, at=DEADLINE)
            case ApprovalStatus.CANCELLED:
                self.store.cancel(make_cancel(request), at=RECORDED)
            case ApprovalStatus.EXECUTED | ApprovalStatus.FAILED:
                self.claim(request)
                failed = ExecutionOutcome(error="The target system said no.")
                outcome = make_outcome() if status is ApprovalStatus.EXECUTED else failed
                self.store.finish(request.approval_id, outcome, at=RECORDED)
            case _:
                pass
        assert self.status(request) is status
        return request

    def claim(self, request: ApprovalRequest, *, worker_refuses: str | None = None) -> Claim:
        """Claim the execution, as a worker that has nothing against it unless it says so."""

        def refusal(_: StoredApproval) -> str | None:
            return worker_refuses

        return self.claims.claim(request.approval_id, at=RECORDED, refusal=refusal)

    def get(self, request: ApprovalRequest) -> Approval:
        """Return the approval as everyone reads it, before its deadline."""
        found = self.reads.get(request.approval_id, now=RECORDED)
        assert found is not None
        return found

    def execution(self, request: ApprovalRequest) -> dict[str, Any] | None:
        """Return the row that claims the approval's execution, or None."""
        claims = self.rows_of(request)["executions"]
        return claims[0] if claims else None

    def status(self, request: ApprovalRequest) -> ApprovalStatus:
        """Return where the approval stands."""
        return self.store.state(request.approval_id).status

    def events(self, request: ApprovalRequest) -> list[AuditEvent]:
        """Return the approval's audit trail, in order."""
        with self.database.read() as connection:
            return [line for _, line in read_events(connection, approval_id=request.approval_id, limit=1_000)]

    def actions(self, request: ApprovalRequest) -> list[str]:
        """Return the actions of the audit trail, in order."""
        return [line.action for line in self.events(request)]

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """Return every row of every table, to show that nothing has changed."""
        with self.database.read() as connection:
            return {
                table.name: [
                    dict(row._mapping)  # noqa: SLF001  SQLAlchemy's public way to a row's columns, despite its name
                    for row in connection.execute(select(table).order_by(*table.primary_key.columns))
                ]
                for table in metadata.sorted_tables
            }

    def rows_of(self, request: ApprovalRequest) -> dict[str, list[dict[str, Any]]]:
        """Return every row that tells of one approval."""
        with self.database.read() as connection:
            return {
                table.name: [
                    dict(row._mapping)  # noqa: SLF001  as above
                    for row in connection.execute(
                        select(table).where(column == request.approval_id).order_by(*table.primary_key.columns)
                    )
                ]
                for table, column in (
                    (approvals, approvals.c.id),
                    (decisions, decisions.c.approval_id),
                    (executions, executions.c.approval_id),
                    (audit_events, audit_events.c.approval_id),
                )
            }

    def execute_sql(self, statement: str, **values: object) -> None:
        """Change the database behind everybody's back; fails when that changes nothing."""
        with self.database.write() as connection:
            assert connection.execute(text(statement), values).rowcount > 0


_AFTER_APPROVAL = (ApprovalStatus.APPROVED, ApprovalStatus.EXECUTED, ApprovalStatus.FAILED)


@contextmanager
def open_record(database_url: str) -> Iterator[Record]:
    """Open the record in a migrated database, and close every connection afterwards."""
    database = Database(database_url)
    try:
        yield Record(database)
    finally:
        database.close()
