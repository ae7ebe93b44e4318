"""The results of ``starter.py run`` over a folder, to compare with those of the API's clients."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.fixtures.api import ROOT

Files = dict[str, dict[str, Any]]
"""By name: ``status`` in lower case, ``error``, and the Markdown of each page that was read."""


def run_command(folder: Path, scratch: Path, *flags: str, expected: int) -> Files:
    """Run the command over ``folder`` in a home of its own; it must exit with ``expected``."""
    out = scratch / "out"
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DOCMILL_", "TEMP"))}
    ended = subprocess.run(
        [sys.executable, "starter.py", "run", str(folder), "--out", str(out), *flags],
        cwd=ROOT,
        env={**kept, "DOCMILL_HOME": str(scratch / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == expected, ended.stderr
    found: Files = {}
    for line in (out / "manifest.jsonl").read_text().splitlines():
        row = json.loads(line)
        pages = None
        if row["outcome"] == "completed":
            result = json.loads((out / f"{row['path']}.json").read_text())
            pages = [page["markdown"] for page in result["pages"] if page["success"]]
        found[row["path"]] = {
            "status": row["outcome"],
            "error": row["failure_message"],
            "markdown": pages,
        }
    return found


def differences(files: Files, from_command: Files) -> dict[str, Any]:
    """Return what a client got and what the command made of each file where they differ."""
    found = {}
    for name in files.keys() | from_command.keys():
        got, expected = dict(files.get(name, {})), from_command.get(name)
        got["status"] = got.get("status", "").lower()
        if got != expected:
            found[name] = {"client": got, "command": expected}
    return found
