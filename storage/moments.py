"""What SQL makes of times, meaning the same on SQLite and on PostgreSQL."""

from typing import Any

from sqlalchemy import Integer, String
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class UtcDay(FunctionElement[str]):
    """The UTC day of a `UtcTime`, as `2026-01-31`."""

    inherit_cache = True
    type = String()


class SecondsBetween(FunctionElement[int]):
    """The seconds from one `UtcTime` to a later one, rounded."""

    inherit_cache = True
    type = Integer()


@compiles(UtcDay, "sqlite")
def _day_on_sqlite(element: UtcDay, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401  SQLAlchemy's own
    return f"substr({compiler.process(element.clauses, **options)}, 1, 10)"


@compiles(UtcDay, "postgresql")
def _day_on_postgresql(element: UtcDay, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    return f"to_char(timezone('UTC', {compiler.process(element.clauses, **options)}), 'YYYY-MM-DD')"


@compiles(SecondsBetween, "sqlite")
def _seconds_on_sqlite(element: SecondsBetween, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    earlier, later = (compiler.process(clause, **options) for clause in element.clauses)
    return f"CAST(round((julianday({later}) - julianday({earlier})) * 86400) AS INTEGER)"


@compiles(SecondsBetween, "postgresql")
def _seconds_on_postgresql(element: SecondsBetween, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    earlier, later = (compiler.process(clause, **options) for clause in element.clauses)
    return f"CAST(round(extract(epoch FROM {later} - {earlier})) AS INTEGER)"
