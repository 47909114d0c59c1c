"""What PostgreSQL's catalogue says of tables, in rows that compare: names and order of constraints left aside."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scaffold.conformance.database import PostgresqlDatabase

COLUMNS = """
    SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, column_default,
           is_identity, is_generated
    FROM information_schema.columns WHERE table_schema = 'public' AND table_name = ANY(%s)"""
KEYS = """
    SELECT t.relname, c.contype::text,
           (SELECT array_agg(a.attname::text ORDER BY n) FROM unnest(c.conkey) WITH ORDINALITY k(attnum, n)
            JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.attnum) AS columns,
           r.relname AS target, c.confdeltype::text AS on_delete, c.confupdtype::text AS on_update
    FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid LEFT JOIN pg_class r ON r.oid = c.confrelid
    WHERE c.contype IN ('p', 'u', 'f') AND t.relname = ANY(%s)"""
CHECK_RULES = """
    SELECT t.relname, pg_get_constraintdef(c.oid) AS rule
    FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
    WHERE c.contype = 'c' AND t.relname = ANY(%s)"""
INDEXES = """
    SELECT t.relname, i.indisunique, pg_get_expr(i.indpred, i.indrelid) AS predicate, am.amname,
           (SELECT array_agg(pg_get_indexdef(i.indexrelid, n, true) ORDER BY n)
            FROM generate_series(1, i.indnkeyatts) n) AS columns,
           (SELECT array_agg(o.opcname::text ORDER BY n) FROM unnest(i.indclass) WITH ORDINALITY k(oid, n)
            JOIN pg_opclass o ON o.oid = k.oid) AS classes,
           i.indoption::text AS options
    FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid
    JOIN pg_am am ON am.oid = x.relam WHERE t.relname = ANY(%s)"""

_STATEMENTS = {"columns": COLUMNS, "keys": KEYS, "check rules": CHECK_RULES, "indexes": INDEXES}
PARTS = tuple(_STATEMENTS)


def rows(database: PostgresqlDatabase, part: str, tables: Sequence[str]) -> list[str]:
    """What the catalogue says of these tables, sorted."""
    return sorted(str(tuple(row.values())) for row in database.query(_STATEMENTS[part], list(tables)))
