"""Audits what a user installs: known vulnerabilities and licences of the locked packages.

`make audit` runs it with the interpreter of the audit tools. Exit code 1: a package has a known
vulnerability, or a licence that is not on the list. Advisories come from PyPI's JSON interface;
where only an index without it can be reached, the output says so, and licences are still checked.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
UV = ROOT / ".venv/.uv/bin/uv"
TOOLS = ROOT / ".venv/.audit/bin"
INSTALLED = ROOT / ".venv/bin/python"

ALLOWED = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "CNRI-Python",
        "ISC",
        "MIT",
        "MIT-0",
        "MIT-CMU",
        "MPL-2.0",  # certifi's list of certificates, used unchanged
        "PSF-2.0",
    }
)
"""SPDX identifiers. All permit use, change and distribution with Docmill's own Apache-2.0."""

SPDX = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0",
    # pypdfium2 (its own code has the first two) with PDFium and the libraries in it: all permissive
    "BSD-3-Clause, Apache-2.0, dependency licenses": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
"""Identifiers for what packages without an SPDX expression state: PyPI's classifiers."""


def main() -> int:
    """Audit, print what was found, and return the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder) / "requirements.txt"
        requirements.write_text(_output([str(UV), "export", "--quiet", "--locked", "--no-dev"]))
        names = re.findall(r"^([A-Za-z0-9._-]+)", requirements.read_text(), re.MULTILINE)
        problems = [*_vulnerabilities(requirements), *_licences(names)]
    for problem in problems:
        print(problem)
    print(f"{len(names)} packages audited, {len(problems)} problems.")
    return 1 if problems else 0


def _vulnerabilities(requirements: Path) -> list[str]:
    command = [str(TOOLS / "pip-audit"), "--requirement", str(requirements)]
    ended = subprocess.run(
        [
            *command,
            "--no-deps",
            "--disable-pip",
            *("--progress-spinner", "off", "--format", "json", "--timeout", "10"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        found = json.loads(ended.stdout)["dependencies"]
    except (ValueError, KeyError):
        found = []
    if all("skip_reason" in one for one in found):
        print("Vulnerabilities were NOT checked: PyPI's advisories cannot be reached from here.")
        return []
    unknown = [one["name"] for one in found if "skip_reason" in one]
    if unknown:
        print(f"No advisories are published for {', '.join(unknown)}.")
    return [
        f"{one['name']} {one['version']}: {flaw['id']}, fixed in "
        f"{', '.join(flaw['fix_versions']) or 'no version yet'}."
        for one in found
        for flaw in one.get("vulns", ())
    ]


def _licences(names: Sequence[str]) -> list[str]:
    command = [str(TOOLS / "pip-licenses"), "--python", str(INSTALLED), "--from", "mixed"]
    listed = json.loads(_output([*command, "--format", "json", "--packages", *names]))
    return [
        f"{one['Name']} {one['Version']}: the licence {one['License']!r} is not on the list in "
        f"{Path(__file__).relative_to(ROOT)}."
        for one in listed
        if not is_allowed(one["License"])
    ]


def is_allowed(stated: str) -> bool:
    """Whether a stated licence is on the list.

    Args:
        stated: an SPDX expression without brackets, or classifiers separated by semicolons. Of
            alternatives (OR) one must be on the list, of a combination all.
    """
    combined = [part.strip() for part in re.split(r" AND |;", stated)]
    return all(
        any(SPDX.get(one.strip(), one.strip()) in ALLOWED for one in part.split(" OR "))
        for part in combined
    )


def _output(command: Sequence[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout


if __name__ == "__main__":
    sys.exit(main())
