"""Every table. `storage/migrations/` makes them; a test holds the two together."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects import postgresql

from storage.columns import JsonText, UtcTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite counts rows by itself only in a column declared INTEGER.
_COUNTER = BigInteger().with_variant(Integer(), "sqlite")

approvals = Table(
    "approvals",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("status", String(16), nullable=False),
    Column("agent_id", String(63), nullable=False),
    Column("agent_owner", String(63)),
    Column("operation_type", String(128), nullable=False),
    Column("resource_type", String(128), nullable=False),
    Column("resource_id", String(255), nullable=False),
    Column("parameters", JsonText, nullable=False),
    Column("reason", Text, nullable=False),
    Column("context", JsonText, nullable=False),
    Column("declaration", String(512), nullable=False),
    Column("plan", JsonText, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("content_digest", String(64), nullable=False),
    Column("verdict", String(8), nullable=False),
    Column("risk_level", String(16), nullable=False),
    Column("risk_reasons", JsonText, nullable=False),
    Column("required_approvals", Integer, nullable=False),
    Column("seal", JsonText, nullable=False),
    Column("decided_by", JsonText, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("closed_at", UtcTime),
    Column("run_id", String(64), nullable=False),
    # Since the second release; null in rows from before it.
    Column("rules", JsonText),
    Column("policy_version", String(64)),
    Column("open_to_patterns", Boolean),
    Column("pattern", JsonText),
    # Since the third release: whether alerts tell of it; null in older rows.
    Column("alerted", Boolean),
    Index(None, "status", "expires_at", "id"),
    Index(None, "expires_at", "id"),
    Index(None, "created_at", "id"),
    Index(None, "agent_id", "created_at", "id"),
    Index(None, "operation_type", "created_at", "id"),
    Index(None, "closed_at", "id"),
)

# Compared byte by byte: both databases then mean the same, and PostgreSQL is quick.
_SEARCHED_TEXT = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def _texts_columns() -> tuple[Column[Any], ...]:
    """What a list is narrowed and ordered by, and the text that is searched. Triggers on `approvals` write it."""
    return (
        # First what is looked at in every row: PostgreSQL reads a row up to the column that it needs.
        Column("text", _SEARCHED_TEXT, nullable=False),
        Column("status", String(16), nullable=False),
        Column("id", String(36), nullable=False),
        Column("agent_id", String(63), nullable=False),
        Column("operation_type", String(128), nullable=False),
        Column("resource_type", String(128), nullable=False),
        Column("risk_level", String(16), nullable=False),
        # 0 for critical, 3 for low: levels as words do not sort by the harm they stand for.
        Column("urgency", Integer, nullable=False),
        Column("created_at", UtcTime, nullable=False),
        Column("expires_at", UtcTime, nullable=False),
    )


# What waits, and what has ended a moment ago: few enough to be read whole.
recent_texts = Table(
    "recent_texts",
    metadata,
    *_texts_columns(),
    PrimaryKeyConstraint("id"),
    Index(None, "urgency", "expires_at", "id"),
)

# What has ended, which never changes. Its trigrams have an index that only migrations know, another on each database.
filed_texts = Table(
    "filed_texts",
    metadata,
    Column("number", _COUNTER, primary_key=True, autoincrement=True),
    *_texts_columns(),
    UniqueConstraint("id"),
    Index(None, "created_at", "id"),
    Index(None, "expires_at", "id"),
    Index(None, "urgency", "expires_at", "id"),
    sqlite_autoincrement=True,
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("approval_id", String(36), ForeignKey("approvals.id"), nullable=False),
    Column("reviewer", String(63), nullable=False),
    Column("owner", String(63)),
    Column("role", String(16), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("comment", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("decided_at", UtcTime, nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
    Column("accepted", Boolean, nullable=False),
    Column("refusal", String(32)),
    Column("content_digest", String(64), nullable=False),
    Column("signature", JsonText, nullable=False),
    Index(None, "approval_id", "recorded_at"),
)

executions = Table(
    "executions",
    metadata,
    # One claim per approval, for ever: the row is what makes an execution start at most once.
    Column("approval_id", String(36), ForeignKey("approvals.id"), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("finished_at", UtcTime),
    # JSON text of at most 64 KB; the digest and the size are those of the whole result.
    Column("result", Text),
    Column("result_digest", String(64)),
    Column("result_bytes", Integer),
    Column("error", Text),
    Column("outcome_unknown", Boolean, nullable=False),
)

audit_events = Table(
    "audit_events",
    metadata,
    Column("seq", _COUNTER, primary_key=True, autoincrement=True),
    Column("event_id", String(36), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("actor", String(96), nullable=False),
    Column("action", String(32), nullable=False),
    Column("approval_id", String(36)),
    Column("digest", String(64)),
    Column("details", JsonText, nullable=False),
    UniqueConstraint("event_id"),
    Index(None, "approval_id", "seq"),
    sqlite_autoincrement=True,
)

keys = Table(
    "keys",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(63), nullable=False),
    Column("role", String(16), nullable=False),
    Column("owner", String(63)),
    Column("secret_hash", String(64), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", String(96), nullable=False),
    Column("revoked_at", UtcTime),
    UniqueConstraint("name"),
)

trusted_patterns = Table(
    "trusted_patterns",
    metadata,
    Column("id", String(36), primary_key=True),
    # The one in force. Every change raises it, so the sum over all patterns tells whether any has changed.
    Column("revision", Integer, nullable=False),
    Column("suspended", Boolean, nullable=False),
    Column("removed", Boolean, nullable=False),
)

trusted_pattern_revisions = Table(
    "trusted_pattern_revisions",
    metadata,
    Column("pattern_id", String(36), ForeignKey("trusted_patterns.id"), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("content", JsonText, nullable=False),
)

pattern_uses = Table(
    "pattern_uses",
    metadata,
    Column("pattern_id", String(36), ForeignKey("trusted_patterns.id"), primary_key=True),
    # The UTC day, as 2026-01-31.
    Column("day", String(10), primary_key=True),
    Column("uses", Integer, nullable=False),
    Column("total", Double, nullable=False),
    Column("last_at", UtcTime, nullable=False),
)

people = Table(
    "people",
    metadata,
    Column("name", String(63), primary_key=True),
    Column("role", String(16), nullable=False),
    # None for a person who cannot sign in by password.
    Column("password_hash", String(255)),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", String(96), nullable=False),
    Column("disabled_at", UtcTime),
)

sessions = Table(
    "sessions",
    metadata,
    # Public: it names the session in lists and in the log. The cookie holds a secret, of which only the hash is kept.
    Column("id", String(32), primary_key=True),
    Column("token_hash", String(64), nullable=False),
    Column("person", String(63), ForeignKey("people.name"), nullable=False),
    Column("client", String(255), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("seen_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    UniqueConstraint("token_hash"),
    Index(None, "person", "created_at"),
)

sign_in_links = Table(
    "sign_in_links",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("person", String(63), ForeignKey("people.name"), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("used_at", UtcTime),
)

pauses = Table(
    "pauses",
    metadata,
    Column("id", String(36), primary_key=True),
    # With neither, everything is paused.
    Column("agent_id", String(63)),
    Column("operation_type", String(128)),
    Column("reason", Text, nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("started_by", String(96), nullable=False),
    Column("ended_at", UtcTime),
    Column("ended_by", String(96)),
    Index(None, "ended_at"),
)

settlements = Table(
    "settlements",
    metadata,
    # An unknown outcome is settled once. The approval's own row is its workflow's, and stays as it ended.
    Column("approval_id", String(36), ForeignKey("approvals.id"), primary_key=True),
    Column("outcome", String(16), nullable=False),
    Column("note", Text, nullable=False),
    Column("settled_at", UtcTime, nullable=False),
    Column("settled_by", String(96), nullable=False),
)

workers = Table(
    "workers",
    metadata,
    Column("identity", String(255), primary_key=True),
    Column("task_queue", String(255), nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("seen_at", UtcTime, nullable=False),
    Column("clock_ahead_ms", Integer, nullable=False),
)

stuck_approvals = Table(
    "stuck_approvals",
    metadata,
    # Without a foreign key: a workflow can be stuck before its approval has a row.
    Column("approval_id", String(36), primary_key=True),
    Column("since", UtcTime, nullable=False),
    Column("cause", Text, nullable=False),
)

alerts = Table(
    "alerts",
    metadata,
    # The webhook-id, the same at each try. A row is deleted when its alert is sent or given up.
    Column("id", String(36), primary_key=True),
    Column("approval_id", String(36), ForeignKey("approvals.id"), nullable=False),
    Column("type", String(32), nullable=False),
    Column("due_at", UtcTime, nullable=False),
    # Whoever sends it moves this ahead first, so that nobody else does meanwhile.
    Column("next_try_at", UtcTime, nullable=False),
    Column("attempts", Integer, nullable=False),
    Index(None, "next_try_at"),
)
