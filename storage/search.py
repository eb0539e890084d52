"""Finding approvals by words: the one place where that becomes SQL."""

from sqlalchemy import ColumnElement, or_

from storage.tables import approvals

_SEARCHED = (
    approvals.c.id,
    approvals.c.agent_id,
    approvals.c.operation_type,
    approvals.c.resource_type,
    approvals.c.resource_id,
    approvals.c.reason,
)


def found_by(q: str) -> list[ColumnElement[bool]]:
    """Return the conditions on `approvals` that every word of `q` occurs in it, in capitals or not."""
    return [
        or_(*(column.icontains(form, autoescape=True) for column in _SEARCHED for form in _forms(word)))
        for word in sorted(set(q.split()))
    ]


def _forms(word: str) -> list[str]:
    """Return how `word` may be written: databases do not agree on capitals beyond ASCII."""
    return [word] if word.isascii() else sorted({word, word.lower(), word.upper(), word.capitalize()})
