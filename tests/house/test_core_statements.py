"""Statements that the scope hook cannot restrict to a project are in listed modules only.

The hook (`docmill.records.scope`) sees statements of the mapper only. Core statements on bare
tables and textual SQL run in sessions of all projects. The listed modules use them on the path of
items, where the mapper costs too much, and below the sessions.
"""

import re

from tests.house.code import ROOT, files

ALLOWED = {
    "docmill/records/database.py": "asks for a sign of life, begins transactions",
    "docmill/records/schema_version.py": "knows the schema's version",
    "docmill/records/statements.py": "makes the inserts of both databases",
    "docmill/records/scope.py": "names parents by aliases of their tables",
    "docmill/records/deletion.py": "orders tables",
    "docmill/records/rates.py": "one statement of its own",
    "docmill/records/counts.py": "on the path of items",
    "docmill/records/held_items.py": "on the path of items",
    "docmill/records/leases.py": "on the path of items",
    "docmill/records/ledger.py": "on the path of items",
    "docmill/records/ledger_statements.py": "on the path of items",
    "docmill/records/listing.py": "on the path of items",
    "docmill/records/pages.py": "on the path of items",
    "docmill/records/redrives.py": "reads the names of columns",
    "docmill/records/results.py": "on the path of items",
    "docmill/records/warning_counts.py": "on the path of items",
}
"""Each with its reason; a new line here needs one, and a session of `EVERY_PROJECT`."""

SCHEMA = ("docmill/records/migrations/", "docmill/records/tables/")
"""Tables and their history; nothing else imports SQLAlchemy outside of the records."""

CORE = re.compile(
    r"\b(table_of|insert_for|exec_driver_sql|__table__)\b"
    r"|(?<![\w.])text\(|\.connection\(\)|await run\("
)


def test_raw_sql_is_used_only_in_listed_modules() -> None:
    found = set()
    for path in files():
        name = path.relative_to(ROOT).as_posix()
        source = path.read_text(encoding="utf-8")
        if name.startswith("docmill/records/") and CORE.search(source):
            found.add(name)
    found -= {name for name in found if name.startswith(SCHEMA)}
    assert found == set(ALLOWED), "write it with mapped classes, or list it with a reason"


def test_scope_of_all_projects_is_used_only_in_listed_handlers() -> None:
    allowed = {"access.py", "metrics.py", "projects.py", "services.py"}
    handlers = (path for path in files() if path.is_relative_to(ROOT / "docmill/api"))
    using = {path.name for path in handlers if "EVERY_PROJECT" in path.read_text("utf-8")}
    assert using == allowed, "handlers get the services of their request's project"
