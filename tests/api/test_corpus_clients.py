"""Every official client over the whole corpus gets the same results as the command."""

import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.api.command import Files, differences, run_command
from tests.fixtures.running import RunningDocmill
from tests.fixtures.sdks import Sdk

CLIENTS = {
    "v2": "v2_loop.py",
    "v2 asynchronously": "corpus_async.py",
    "v1": "corpus_v1.py",
    "TypeScript": "corpus.cjs",
}

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def everything(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All documents of the corpus in one flat folder."""
    folder = tmp_path_factory.mktemp("everything")
    for kind in ("documents", "hostile"):
        for path in (corpus / kind).iterdir():
            assert not (folder / path.name).exists()
            shutil.copy(path, folder / path.name)
    return folder


@pytest.fixture(scope="module")
def started(
    running: RunningDocmill, everything: Path, latest_sdk: Sdk, v1_sdk: Sdk, typescript_sdk: Sdk
) -> Iterator[dict[str, Future[Any]]]:
    """What each client prints; all of them are at work at the same time, without the cache."""
    sdks = {"v1": v1_sdk, "TypeScript": typescript_sdk}
    with ThreadPoolExecutor(len(CLIENTS)) as threads:
        yield {
            name: threads.submit(
                sdks.get(name, latest_sdk).run, script, running.url, str(everything)
            )
            for name, script in CLIENTS.items()
        }


@pytest.fixture(scope="module")
def from_command(
    started: object, everything: Path, tmp_path_factory: pytest.TempPathFactory
) -> Files:
    """What the command makes of the same files, while the clients are at work."""
    scratch = tmp_path_factory.mktemp("command")
    parameters = scratch / "parameters.json"
    parameters.write_text('{"disable_cache": true}')  # two files have the same bytes
    return run_command(everything, scratch, "--config", str(parameters), expected=1)


@pytest.mark.parametrize("client", CLIENTS)
def test_every_client_and_the_command_give_the_same_corpus_results(
    client: str, started: dict[str, Future[Any]], from_command: Files
) -> None:
    answer = started[client].result()
    assert answer["status"].lower() == "completed"
    assert differences(answer["files"], from_command) == {}
    assert {file["status"].lower() for file in answer["files"].values()} == {"completed", "failed"}
