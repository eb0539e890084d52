"""What the workflow may call: names and types only. `activities/` does it."""

from abc import ABC, abstractmethod

from temporalio import activity

from domain.approval import ApprovalState, ExecutionOutcome
from domain.messages import Assess, Execute, RecordExpiry, RecordOutcome, RecordSignal


class AssessmentInterface(ABC):
    """The first record of an approval."""

    @activity.defn(name="assess")
    @abstractmethod
    def assess(self, command: Assess) -> ApprovalState | None:
        """Return the stored approval; None when the request was not signed by an Assent API."""


class RecordingInterface(ABC):
    """Every later record. Each returns the stored approval, which the workflow adopts."""

    @activity.defn(name="record_signal")
    @abstractmethod
    def record_signal(self, command: RecordSignal) -> ApprovalState:
        """Record a decision or a cancel, accepted or refused."""

    @activity.defn(name="record_expiry")
    @abstractmethod
    def record_expiry(self, command: RecordExpiry) -> ApprovalState:
        """Record that no decision came in time."""

    @activity.defn(name="record_outcome")
    @abstractmethod
    def record_outcome(self, command: RecordOutcome) -> ApprovalState:
        """Record how the execution ended."""


class ExecutionInterface(ABC):
    """The run of an approved operation."""

    @activity.defn(name="execute")
    @abstractmethod
    async def execute(self, command: Execute) -> ExecutionOutcome:
        """Run the stored operation if it is approved; return how it ended."""
