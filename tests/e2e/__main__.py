"""Runs the deployment in containers; see the package.

python -m tests.e2e [--files 2000] [--page FILE] [--keep] [--observability]
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.e2e import faults, observability
from tests.e2e.command import run_command
from tests.e2e.deployment import (
    VERSIONS,
    Deployment,
    build,
    build_stand_ins,
    make_base,
    megabytes,
    previous_commit,
    run,
)
from tests.e2e.faults import Faults
from tests.e2e.observability import Observability
from tests.e2e.report import Report
from tests.house.code import ROOT

PREVIOUS, CURRENT, OCR = "e2e-previous", "e2e-current", "docmill:ocr"
LIMITS = {f"docmill:{CURRENT}": 450, OCR: 850}
"""Maximum sizes of the images without their base, in MB."""


def images(report: Report) -> None:
    """Build all images, and check the sizes of those that are published."""
    commit = previous_commit()
    build(f"docmill:{PREVIOUS}", commit)
    build(OCR, target="ocr")
    for tag, limit in LIMITS.items():
        size = megabytes(tag)
        assert size < limit, f"{tag} has {size} MB"
        report.say(f"image {tag}: {size} MB without its base (limit {limit})")
    report.say(f"images are built; the previous one is of commit {commit[:10]}")


def with_faults(secrets: Path, report: Report, options: argparse.Namespace) -> None:
    """Run a batch through faults and an upgrade, then the command `run`."""
    images(report)
    settings = {"DOCMILL_WORKER_DEPLOYMENT": VERSIONS}
    deployment = Deployment(secrets, workers=faults.WORKERS, **settings)
    try:
        Faults(deployment, report, options.files or 2000, PREVIOUS, CURRENT).run()
        run_command(deployment, report)
    finally:
        if not options.keep:
            deployment.down()
    report.say("nothing was lost, doubled or stuck")


def observed(secrets: Path, report: Report, options: argparse.Namespace) -> None:
    """Run a batch with the profile `observability`."""
    settings = {"DOCMILL_OTLP_ENDPOINT": "http://otel-collector:4318"}
    deployment = Deployment(secrets, workers=observability.WORKERS, **settings)
    try:
        Observability(deployment, report, options.files or 200, CURRENT).run()
    finally:
        if not options.keep:
            deployment.down()


def main() -> int:
    """Run one of the two; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e", description=__doc__)
    parser.add_argument("--files", type=int, help="documents of the batch")
    parser.add_argument("--page", type=Path, help="page whose block of output is replaced")
    parser.add_argument("--keep", action="store_true", help="leave the containers running")
    parser.add_argument(
        "--observability", action="store_true", help="run the profile instead of the faults"
    )
    options = parser.parse_args()
    report = Report("e2e-observability" if options.observability else "e2e")
    make_base()
    build_stand_ins()
    build(f"docmill:{CURRENT}")
    with tempfile.TemporaryDirectory() as folder:
        secrets = Path(folder, "secrets")
        secrets.write_text(run("sh", str(ROOT / "deploy/secrets.sh")), encoding="utf-8")
        scenario = observed if options.observability else with_faults
        scenario(secrets, report, options)
    if options.page:
        report.write(options.page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
