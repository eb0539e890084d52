"""What the benchmark tells a client process to do, and what it hears back: one line of JSON each."""

from enum import StrEnum

from domain.frozen import Frozen


class Step(StrEnum):
    """What the clients do.

    The whole is to submit all, and to decide all of them once they wait; at once is to decide each as soon as it has
    been submitted.
    """

    WHOLE = "whole"
    AT_ONCE = "at once"
    SUBMIT = "submit"
    DECIDE = "decide"


class Order(Frozen):
    """So many `approvals` by so many `clients` at once, each of which begins a next one when its last has ended.

    `decide` takes those that were submitted before and are not decided yet.
    """

    approvals: int
    clients: int
    step: Step = Step.WHOLE


class Taken(Frozen):
    """One step of one approval: how many milliseconds it took, and in which second of the order it ended."""

    milliseconds: float
    ended_at: float


class Report(Frozen):
    """What became of an order. `executed` counts from sending the decision to knowing that the operation has run.

    `workflow_ids` are those that were submitted.
    """

    seconds: float
    submitted: tuple[Taken, ...] = ()
    executed: tuple[Taken, ...] = ()
    workflow_ids: tuple[str, ...] = ()
