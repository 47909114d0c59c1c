"""Database schema: after `release` it is the contract's, so that stacks can share a database and a team can change its stack."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import psycopg
import pymysql
import pytest

from scaffold.conformance import contract, expect, pg_catalogue
from scaffold.conformance.database import PostgresqlDatabase, same_id
from scaffold.conformance.registry import check

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scaffold.conformance.accounts import People, Shop
    from scaffold.conformance.database import Database
    from scaffold.conformance.service import Launcher

_NEEDS = {"sql"}


@check(
    "SCH01",
    "PostgreSQL's catalogue shows the contract's schema: columns, keys, check rules and indexes.",
    source="contract 7, 11.22",
    needs=_NEEDS | {"settings"},
    databases={"postgresql"},
)
@pytest.mark.parametrize("part", pg_catalogue.PARTS)
def check_catalogue(database: Database, launcher: Launcher, answers: Mapping[str, object], part: str) -> None:
    model = launcher.empty_database()
    assert isinstance(database, PostgresqlDatabase)
    assert isinstance(model, PostgresqlDatabase)
    model.execute(contract.schema_sql(answers))
    tables = sorted(contract.tables(answers))
    expected, got = (pg_catalogue.rows(source, part, tables) for source in (model, database))
    missing, surplus = sorted(set(expected) - set(got)), sorted(set(got) - set(expected))
    expect.that(not missing and not surplus, f"{part}\nmissing: {_lines(missing)}\nsurplus: {_lines(surplus)}")
    # A duplicate costs a write each time, though it changes no rule.
    expect.same(f"duplicate {part}", sorted(row for row in set(got) if got.count(row) > 1), [])


def _lines(rows: list[str]) -> str:
    return "".join(f"\n  {row}" for row in rows) or "nothing"


@dataclass
class Table:
    """What schema.sql says of a table, as far as all three kinds of database can tell it."""

    columns: dict[str, bool] = field(default_factory=dict)
    """Whether each may be null."""
    unique: set[tuple[str, ...]] = field(default_factory=set)
    indexes: set[tuple[str, ...]] = field(default_factory=set)


def _expected(answers: Mapping[str, object]) -> dict[str, Table]:
    text = re.sub(r"--[^\n]*", "", contract.schema_sql(answers))
    tables: dict[str, Table] = {}
    for name, body in re.findall(r"CREATE TABLE (\w+) \((.*?)\n\);", text, re.DOTALL):
        table = tables[name] = Table()
        for line in re.split(r",\s*\n", body.strip()):
            together = re.match(r"UNIQUE \(([^)]*)\)", line.strip())
            if together:
                table.unique.add(tuple(re.split(r",\s*", together[1])))
                continue
            column = line.split()[0]
            table.columns[column] = "NOT NULL" not in line
            if " UNIQUE" in line:
                table.unique.add((column,))
            if " PRIMARY KEY" in line:
                table.unique.add((column,))
    for name, columns in re.findall(r"CREATE INDEX ON (\w+) \(([^)]*)\)", text):
        tables[name].indexes.add(tuple(re.split(r",\s*", columns)))
    return tables


def _found(database: Database, name: str) -> Table:
    reader = {"sqlite": _sqlite_table, "postgresql": _postgresql_table, "mysql": _mysql_table}[database.dialect]
    return reader(database, name)


def _sqlite_table(database: Database, name: str) -> Table:
    table = Table()
    primary: list[tuple[int, str]] = []
    for row in database.query(f"PRAGMA table_info({name})"):
        table.columns[row["name"]] = not row["notnull"] and not row["pk"]
        if row["pk"]:
            primary.append((row["pk"], row["name"]))
    table.unique.add(tuple(column for _, column in sorted(primary)))
    for index in database.query(f"PRAGMA index_list({name})"):
        columns = tuple(row["name"] for row in database.query(f"PRAGMA index_info('{index['name']}')"))
        (table.unique if index["unique"] else table.indexes).add(columns)
    return table


def _postgresql_table(database: Database, name: str) -> Table:
    table = Table()
    for row in database.query(pg_catalogue.COLUMNS, [name]):
        table.columns[row["column_name"]] = row["is_nullable"] == "YES"
    for row in database.query(pg_catalogue.INDEXES, [name]):
        (table.unique if row["indisunique"] else table.indexes).add(
            tuple(column.strip('"') for column in row["columns"])
        )
    return table


def _mysql_table(database: Database, name: str) -> Table:
    table = Table()
    for row in database.query(
        "SELECT column_name AS name, is_nullable AS nullable FROM information_schema.columns"
        " WHERE table_schema = database() AND table_name = %s",
        name,
    ):
        table.columns[row["name"]] = row["nullable"] == "YES"
    grouped: dict[str, list[dict[str, Any]]] = {}
    for row in database.query(
        "SELECT index_name AS name, column_name AS col, non_unique AS plain FROM information_schema.statistics"
        " WHERE table_schema = database() AND table_name = %s ORDER BY index_name, seq_in_index",
        name,
    ):
        grouped.setdefault(row["name"], []).append(row)
    for rows in grouped.values():
        (table.indexes if rows[0]["plain"] else table.unique).add(tuple(row["col"] for row in rows))
    return table


@check(
    "SCH02",
    "The contract's tables have its columns, nullability, unique rules and indexes in every kind of database.",
    source="contract 7, 11.22, 12",
    needs=_NEEDS,
)
def check_tables(database: Database, answers: Mapping[str, object]) -> None:
    present = set(database.tables())
    for name, expected in _expected(answers).items():
        expect.that(name in present, f"the table {name} is missing; there are {sorted(present)}")
        found = _found(database, name)
        columns = {column: nullable for column, nullable in found.columns.items() if column in expected.columns}
        expect.same(f"columns of {name}", columns, expected.columns)
        # A unique rule over the contract's columns alone would refuse what the contract takes.
        unique = {rule for rule in found.unique if columns.keys() >= set(rule)}
        expect.same(f"unique rules of {name}", unique, expected.unique)
        expect.same(f"indexes that {name} lacks", expected.indexes - found.indexes, set())


@check("SCH03", "Without the sample there are no tables of the sample.", source="contract 11.21", needs=_NEEDS)
def check_parts(database: Database, answers: Mapping[str, object]) -> None:
    everything = contract.tables(dict(answers) | {"sample": True})
    expected = contract.tables(answers)
    expect.same("tables of the contract", set(database.tables()) & everything, expected)


class Rule(StrEnum):
    """Kinds of rules that a database keeps."""

    CHECK = "a check rule"
    UNIQUE = "a unique rule"
    NOT_NULL = "not null"
    FOREIGN_KEY = "a foreign key"


#: How each kind of database says which kind of rule a statement has broken: SQLSTATE, SQLite's name, MySQL's and
#: MariaDB's numbers.
_BROKEN: Mapping[object, Rule] = {
    "23514": Rule.CHECK, "23505": Rule.UNIQUE, "23502": Rule.NOT_NULL, "23503": Rule.FOREIGN_KEY,
    "SQLITE_CONSTRAINT_CHECK": Rule.CHECK, "SQLITE_CONSTRAINT_UNIQUE": Rule.UNIQUE,
    "SQLITE_CONSTRAINT_NOTNULL": Rule.NOT_NULL, "SQLITE_CONSTRAINT_FOREIGNKEY": Rule.FOREIGN_KEY,
    4025: Rule.CHECK, 3819: Rule.CHECK, 1062: Rule.UNIQUE, 1048: Rule.NOT_NULL, 1451: Rule.FOREIGN_KEY,
}  # fmt: skip


def _refused(database: Database, rule: Rule, statement: str, *parameters: object) -> None:
    """Expect the database to refuse a statement because of this kind of rule, and of no other."""
    try:
        database.execute(statement, *parameters)
    except psycopg.Error as error:
        told: object = error.sqlstate
    except sqlite3.Error as error:
        told = error.sqlite_errorname
    except pymysql.err.Error as error:
        told = error.args[0]
    else:
        expect.fail(f"the database accepts {statement}")
    expect.same(f"what keeps the database from {statement} ({told})", _BROKEN.get(told), rule)


@check(
    "SCH04",
    "The database itself keeps the rules: roles, uniqueness, and no session without its user.",
    source="ASVS 2.3.3; contract 11.22",
    needs=_NEEDS,
)
def check_rules(database: Database, people: People) -> None:
    first, second = people.new(), people.new()
    own = database.raw_id(first.id)
    _refused(database, Rule.CHECK, "UPDATE users SET role = 'root' WHERE id = %s", own)
    _refused(database, Rule.UNIQUE, "UPDATE users SET email = %s WHERE id = %s", second.email, own)
    _refused(database, Rule.NOT_NULL, "UPDATE users SET password_hash = NULL WHERE id = %s", own)
    _refused(database, Rule.FOREIGN_KEY, "DELETE FROM users WHERE id = %s", own)
    _refused(database, Rule.FOREIGN_KEY, "DELETE FROM sessions WHERE user_id = %s", own)
    expect.same("email", database.row("users", first.id)["email"], first.email)


@check(
    "SCH05",
    "The database itself keeps the sample's rules: stock and prices never negative, SKUs unique, no order without its lines' products.",
    source="ASVS 2.3.3; contract 2, 11.22",
    needs=_NEEDS | {"admin"},
    part="sample",
)
def check_sample_rules(database: Database, people: People, shop: Shop) -> None:
    first, second = shop.product(stock=5), shop.product()
    order = shop.order(people.new(), (first, 1))
    product, placed = database.raw_id(first["id"]), database.raw_id(order["id"])
    _refused(database, Rule.CHECK, "UPDATE products SET stock = -1 WHERE id = %s", product)
    _refused(database, Rule.CHECK, "UPDATE products SET price_cents = -1 WHERE id = %s", product)
    _refused(database, Rule.UNIQUE, "UPDATE products SET sku = %s WHERE id = %s", second["sku"], product)
    _refused(database, Rule.FOREIGN_KEY, "DELETE FROM products WHERE id = %s", product)
    _refused(database, Rule.CHECK, "UPDATE orders SET status = 'lost' WHERE id = %s", placed)
    _refused(database, Rule.CHECK, "UPDATE orders SET total_cents = -1 WHERE id = %s", placed)
    _refused(database, Rule.CHECK, "UPDATE order_lines SET quantity = 0 WHERE order_id = %s", placed)
    _refused(database, Rule.CHECK, "UPDATE order_lines SET price_cents = -1 WHERE order_id = %s", placed)
    _refused(database, Rule.FOREIGN_KEY, "DELETE FROM orders WHERE id = %s", placed)


@check(
    "SCH06",
    "Rows hold what the API shows: the same id, the address in lower case, times cut to milliseconds.",
    source="contract 1, 10",
    needs=_NEEDS,
)
def check_rows(database: Database, people: People) -> None:
    from scaffold.conformance.database import timestamp  # noqa: PLC0415 - beside its only use

    email = people.fresh_email()
    user = expect.status(people.register(email=email.replace("canary", "Canary")), 201).json()
    row = database.row("users", user["id"])
    expect.that(same_id(row["id"], user["id"]), f"id: {row['id']!r}")
    expect.same("email", row["email"], email.lower())
    for name in ("created_at", "updated_at"):
        stored = timestamp(row[name])
        expect.same(name, stored.strftime("%Y-%m-%dT%H:%M:%S.") + f"{stored.microsecond // 1000:03d}Z", user[name])
        expect.same(f"microseconds below a millisecond of {name}", stored.microsecond % 1000, 0)


@check(
    "SCH07",
    "On MariaDB text compares by its bytes, but for the product's name.",
    source="contract 11.22",
    needs=_NEEDS,
    databases={"mysql"},
)
def check_collations(database: Database, answers: Mapping[str, object]) -> None:
    rows = database.query(
        "SELECT table_name AS tab, column_name AS col, collation_name AS coll FROM information_schema.columns"
        " WHERE table_schema = database() AND collation_name IS NOT NULL"
    )
    tables = contract.tables(answers)
    for row in rows:
        if row["tab"] not in tables:
            continue
        binary = row["coll"].endswith("_bin")
        folded = (row["tab"], row["col"]) == ("products", "name")
        expect.same(f"collation of {row['tab']}.{row['col']} is binary ({row['coll']})", binary, not folded)


@check(
    "SCH08",
    "Blanks at the end of a text count, on every database.",
    source="contract (schema.sql)",
    needs=_NEEDS,
)
def check_blanks_count(database: Database, people: People) -> None:
    first, second = people.new(), people.new()
    # An address that differs by nothing but the blank is another one; the same address twice is refused.
    own = database.raw_id(first.id)
    _refused(database, Rule.UNIQUE, "UPDATE users SET email = %s WHERE id = %s", second.email, own)
    database.execute("UPDATE users SET email = %s WHERE id = %s", f"{second.email} ", own)
    found = [row["email"] for row in database.query("SELECT email FROM users WHERE email = %s", f"{second.email} ")]
    database.execute("UPDATE users SET email = %s WHERE id = %s", first.email, own)
    expect.same("addresses found with the blank", found, [f"{second.email} "])


_FOREIGN_KEYS: Mapping[str, str] = {
    "postgresql": (
        "SELECT con.conname AS name, att.attname AS col FROM pg_constraint con"
        " CROSS JOIN LATERAL unnest(con.conkey) WITH ORDINALITY AS key(number, position)"
        " JOIN pg_attribute att ON att.attrelid = con.conrelid AND att.attnum = key.number"
        " WHERE con.contype = 'f' AND con.conrelid = to_regclass(%s) ORDER BY con.conname, key.position"
    ),
    "mysql": (
        "SELECT constraint_name AS name, column_name AS col FROM information_schema.key_column_usage"
        " WHERE table_schema = database() AND table_name = %s AND referenced_table_name IS NOT NULL"
        " ORDER BY constraint_name, ordinal_position"
    ),
}


def _foreign_keys(database: Database, table: str) -> list[tuple[str, ...]]:
    """The columns of each foreign key of a table."""
    grouped: dict[object, list[str]] = {}
    if database.dialect == "sqlite":
        for row in database.query(f"PRAGMA foreign_key_list({table})"):
            grouped.setdefault(row["id"], []).append(row["from"])
    else:
        for row in database.query(_FOREIGN_KEYS[database.dialect], table):
            grouped.setdefault(row["name"], []).append(row["col"])
    return [tuple(columns) for columns in grouped.values()]


@check(
    "SCH09",
    "Every foreign key of every table has an index that begins with it, the service's own included.",
    source="contract §12, §11.22",
    needs=_NEEDS,
)
def check_foreign_key_indexes(database: Database) -> None:
    for table in database.tables():
        found = _found(database, table)
        for columns in _foreign_keys(database, table):
            begins = any(index[: len(columns)] == columns for index in found.indexes | found.unique)
            expect.that(begins, f"{table}: the foreign key ({', '.join(columns)}) has no index")
