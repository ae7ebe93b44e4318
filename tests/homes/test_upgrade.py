"""A home of an earlier version opens with all its batches, items, jobs and results."""

import asyncio
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import httpx
import pytest

from docmill.errors import GUIDES, FailureClass
from tests.fixtures.api import ApiServer
from tests.homes.answers import answers_of

STORED = Path(__file__).parent / "stored"
HOMES = sorted(STORED.glob("*/*.tar.xz"))
CHANGES_BY_ITSELF = ("rate",)
"""What a running batch shows differently at every look."""

Answers = dict[str, Any]


@pytest.fixture(params=HOMES, ids=lambda path: f"{path.parent.name}-{path.name.split('.')[0]}")
def upgraded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[ApiServer, Answers]]:
    """An API over a stored home, and what the version that made it answered."""
    home = tmp_path / "home"
    with tarfile.open(request.param) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # from Python 3.11.4 on
        archive.extractall(home)
    environment = {}
    if request.param.name.startswith("postgresql"):
        url = request.getfixturevalue("postgres_url")
        asyncio.run(_load(url, (home / "records.sql").read_text()))
        environment["DOCMILL_DATABASE_URL"] = url
    with ApiServer(home, **environment) as server:
        yield server, _in_todays_words(json.loads((home / "answers.json").read_text()))


async def _load(url: str, dump: str) -> None:
    """Run a dump of pg_dump; its lines with a backslash are for psql alone."""
    statements = "\n".join(line for line in dump.splitlines() if not line.startswith("\\"))
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    await connection.execute(statements)
    await connection.close()


async def test_home_of_an_earlier_version_opens_with_all_its_records(
    upgraded: tuple[ApiServer, Answers],
) -> None:
    server, before = upgraded
    async with httpx.AsyncClient(base_url=server.url, timeout=60) as api:
        after = await answers_of(api, list(before["batches"]))

    for batch_id, found in before["batches"].items():
        lasting = _lasting(found)
        assert _of_then(_lasting(after["batches"][batch_id]), lasting) == lasting
    for contract in ("v1", "v2"):
        assert _of_then(after[contract], before[contract]) == before[contract]
    for path, found in before["jobs"].items():
        jobs = _lasting_jobs(found)
        assert _of_then(_lasting_jobs(after["jobs"][path]), jobs) == jobs


def _in_todays_words(answer: Any) -> Any:
    """Return an earlier answer as it would be now.

    A project's id was shown with its prefix; what a failure class means was worded differently.
    """
    if isinstance(answer, list):
        return [_in_todays_words(one) for one in answer]
    if not isinstance(answer, dict):
        return answer
    if "meaning" in answer and "failure_class" in answer:
        guide = GUIDES[FailureClass(answer["failure_class"])]
        answer = answer | {"meaning": guide.meaning, "advice": guide.advice}
    return {
        name: value.removeprefix("prj-") if name == "project_id" else _in_todays_words(value)
        for name, value in answer.items()
    }


def _of_then(answer: Any, then: Any) -> Any:
    """Return an answer without the fields that the earlier version did not know."""
    if isinstance(answer, dict) and isinstance(then, dict):
        return {name: _of_then(answer[name], then[name]) for name in then if name in answer}
    if isinstance(answer, list) and isinstance(then, list) and len(answer) == len(then):
        return [_of_then(*pair) for pair in zip(answer, then, strict=True)]
    return answer


def _lasting(batch: Answers) -> Answers:
    live = {name: value for name, value in batch["live"].items() if name not in CHANGES_BY_ITSELF}
    return batch | {"live": live}


def _lasting_jobs(jobs: Answers) -> list[Answers]:
    """Return what every version must answer, by the jobs' ids: their order has changed."""
    found = []
    for shown in sorted((*jobs["shown"], *jobs["listed"]), key=_id_of):
        job = dict(shown.get("job", shown))
        del job["updated_at"]  # had the time of the job's own row
        if job["status"] == "CANCELLED":
            del job["error_message"]  # was in the ledger alone
        job.pop("tier", None)  # was the redriven batch's, also of what had completed before
        found.append(shown | {"job": job} if "job" in shown else job)
    return found


def _id_of(job: Answers) -> str:
    return str(job.get("job", job)["id"])
