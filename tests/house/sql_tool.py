"""Stands in for temporal-sql-tool, of which no package exists: its syntax, and what it remembers.

Options and their places are those of the command line interface in Temporal's sources
(``tools/sql/main.go``): connection first, then the command, then the command's own options.
Databases and the versions of their schemas are in the JSON file ``STATE``.
"""

import argparse
import json
import os
import sys
from pathlib import Path

LATEST = "1.18"


def main() -> None:
    """Check the arguments, note them, and do to the state what the command does to a database."""
    parser = argparse.ArgumentParser(prog="temporal-sql-tool", allow_abbrev=False)
    parser.add_argument("--plugin", "--pl", choices=("mysql8", "postgres12", "postgres12_pgx"))
    parser.add_argument("--endpoint", "--ep", required=True)
    parser.add_argument("--port", "-p", type=int, required=True)
    parser.add_argument("--user", "-u", required=True)
    parser.add_argument("--database", "--db", default="temporal")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("create-database", aliases=["create"])
    commands.add_parser("setup-schema", aliases=["setup"]).add_argument("--version", "-v")
    commands.add_parser("update-schema", aliases=["update"]).add_argument("--schema-dir", "-d")
    options = parser.parse_args()

    state = Path(os.environ["STATE"])
    found = json.loads(state.read_text()) if state.exists() else {"calls": [], "versions": {}}
    found["calls"].append({**vars(options), "password": os.environ.get("SQL_PASSWORD")})
    versions = found["versions"]
    failing = os.environ.get("FAILING") == options.command
    if failing or (options.command != "create" and options.database not in versions):
        sys.exit(f"Unable to connect to SQL database {options.database}.")
    if options.command == "create":
        versions.setdefault(options.database, "")
    elif options.command == "setup-schema":
        # A database that has a later version keeps it.
        versions[options.database] = versions[options.database] or options.version
    elif not versions[options.database]:
        sys.exit("relation schema_version does not exist")
    else:
        versions[options.database] = LATEST
    state.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
