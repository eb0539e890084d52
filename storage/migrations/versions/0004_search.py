"""What approvals are found by, and in which order they are listed."""

# ruff: noqa: S608  every statement is made of the names below

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from storage.columns import UtcTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_COPIED = "id, status, agent_id, operation_type, resource_type, risk_level, created_at, expires_at"
_SEARCHED = ("id", "agent_id", "operation_type", "resource_type", "resource_id", "reason")
_URGENCY = "CASE {}risk_level WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2 ELSE 3 END"
_OPEN = "('pending', 'approved')"
_INDEXED = "text || ' ' || status || ' ' || risk_level"


def upgrade() -> None:
    """Make what searches read, with all that is there; triggers keep it, for the release before as well."""
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    _tables(is_sqlite=is_sqlite)
    (_trigrams_on_sqlite if is_sqlite else _trigrams_function_on_postgresql)()
    # What has ended stays as it is: most of the work is done before anybody has to wait for it.
    _fill("filed_texts", f"approvals.status NOT IN {_OPEN}", is_sqlite=is_sqlite)
    _filed_indexes(is_sqlite=is_sqlite)
    (_triggers_on_sqlite if is_sqlite else _triggers_on_postgresql)()
    # From the first trigger on nobody else writes approvals until this commits: nothing falls between.
    _fill(
        "recent_texts",
        "NOT EXISTS (SELECT 1 FROM filed_texts WHERE filed_texts.id = approvals.id)",
        is_sqlite=is_sqlite,
    )


def _tables(*, is_sqlite: bool) -> None:
    op.create_table("recent_texts", *_columns(), sa.PrimaryKeyConstraint("id", name=op.f("pk_recent_texts")))
    op.create_index(op.f("ix_recent_texts_urgency_expires_at_id"), "recent_texts", ["urgency", "expires_at", "id"])
    op.create_table(
        "filed_texts",
        sa.Column("number", sa.Integer() if is_sqlite else sa.BigInteger(), nullable=False, autoincrement=True),
        *_columns(),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_filed_texts")),
        sa.UniqueConstraint("id", name=op.f("uq_filed_texts_id")),
        sqlite_autoincrement=True,
    )


def _columns() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("text", sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql"), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("agent_id", sa.String(length=63), nullable=False),
        sa.Column("operation_type", sa.String(length=128), nullable=False),
        sa.Column("resource_type", sa.String(length=128), nullable=False),
        sa.Column("risk_level", sa.String(length=16), nullable=False),
        sa.Column("urgency", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
    )


def _filed_indexes(*, is_sqlite: bool) -> None:
    for columns in (["created_at", "id"], ["expires_at", "id"], ["urgency", "expires_at", "id"]):
        op.create_index(op.f(f"ix_filed_texts_{'_'.join(columns)}"), "filed_texts", columns)
    if not is_sqlite:
        op.execute("SET LOCAL maintenance_work_mem = '256MB'")
        op.execute(f"CREATE INDEX ix_filed_texts_trigrams ON filed_texts USING gin (assent_trigrams({_INDEXED}))")
        # Nobody asks how many rows have which trigram, and to find out would cost seconds each time.
        op.execute("ALTER INDEX ix_filed_texts_trigrams ALTER COLUMN 1 SET STATISTICS 0")


def _trigrams_on_sqlite() -> None:
    # Without the text, which filed_texts has, and without positions, which looking at that text makes up for.
    op.execute(
        "CREATE VIRTUAL TABLE filed_trigrams"
        " USING fts5(text, content='', columnsize=0, detail=none, tokenize='trigram case_sensitive 1')"
    )
    op.execute(
        "CREATE TRIGGER filed_texts_insert AFTER INSERT ON filed_texts BEGIN INSERT INTO filed_trigrams (rowid, text)"
        " VALUES (new.number, new.text || ' ' || new.status || ' ' || new.risk_level); END"
    )
    op.execute("CREATE VIRTUAL TABLE filed_trigram_words USING fts5vocab(filed_trigrams, row)")


def _trigrams_function_on_postgresql() -> None:
    # As costly as it is, so that nothing but its index is ever thought of.
    op.execute(
        "CREATE FUNCTION assent_trigrams(written text) RETURNS tsvector"
        " LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS"
        " $$ SELECT array_to_tsvector(array_agg(substr(written, n, 3)))"
        " FROM generate_series(1, length(written) - 2) AS n $$"
    )


def _triggers_on_sqlite() -> None:
    copied = ", ".join(f"new.{name}" for name in _COPIED.split(", "))
    op.execute(
        "CREATE TRIGGER approvals_insert_text AFTER INSERT ON approvals BEGIN"
        f" INSERT INTO recent_texts ({_COPIED}, urgency, text)"
        f" VALUES ({copied}, {_URGENCY.format('new.')}, {_text('new', is_sqlite=True)}); END"
    )
    op.execute(
        "CREATE TRIGGER approvals_update_text AFTER UPDATE OF status, risk_level, expires_at ON approvals BEGIN"
        f" UPDATE recent_texts SET status = new.status, risk_level = new.risk_level, expires_at = new.expires_at,"
        f" urgency = {_URGENCY.format('new.')} WHERE id = new.id; END"
    )


def _triggers_on_postgresql() -> None:
    copied = ", ".join(f"new.{name}" for name in _COPIED.split(", "))
    op.execute(
        "CREATE FUNCTION assent_keep_text() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF TG_OP = 'INSERT' THEN"
        f"  INSERT INTO recent_texts ({_COPIED}, urgency, text)"
        f"  VALUES ({copied}, {_URGENCY.format('new.')}, {_text('new', is_sqlite=False)});"
        " ELSE"
        "  UPDATE recent_texts SET status = new.status, risk_level = new.risk_level, expires_at = new.expires_at,"
        f"  urgency = {_URGENCY.format('new.')} WHERE id = new.id;"
        " END IF; RETURN NULL; END $$"
    )
    op.execute(
        "CREATE TRIGGER approvals_keep_text AFTER INSERT OR UPDATE OF status, risk_level, expires_at ON approvals"
        " FOR EACH ROW EXECUTE FUNCTION assent_keep_text()"
    )


def _fill(table: str, condition: str, *, is_sqlite: bool) -> None:
    op.execute(
        f"INSERT INTO {table} ({_COPIED}, urgency, text)"
        f" SELECT {_COPIED}, {_URGENCY.format('')}, {_text('approvals', is_sqlite=is_sqlite)}"
        f" FROM approvals WHERE {condition}"
    )


def _text(row: str, *, is_sqlite: bool) -> str:
    """Return what is searched, in small letters as far as ASCII goes: further, databases do not agree on capitals."""
    joined = " || ' ' || ".join(f"{row}.{name}" for name in _SEARCHED)
    return f"lower({joined})" if is_sqlite else f'lower(({joined}) COLLATE "C")'
