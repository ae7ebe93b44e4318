"""No child outlives its worker, however the worker ends."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.code import ROOT
from tests.isolation.processes import alive, engine_folder, leftovers, until

WORKER = """
import asyncio, json, sys
from pathlib import Path
from docmill.engines.base import EngineTask
from docmill.isolation.pool import EnginePool
from docmill.isolation.sandbox.confinement import Mode, available
from docmill.testing.mock_engine import MODULE

folder = Path(sys.argv[1])
commands = json.loads(sys.argv[2])

async def main():
    async with EnginePool(len(commands), engines=MODULE, confinement=available(Mode.OFF)) as pool:
        def started():
            if len(pool.pids) == len(commands):
                pids = json.dumps({"children": sorted(pool.pids), "guard": pool.guard_pid})
                (folder / "pids.new").write_text(pids)
                (folder / "pids.new").rename(folder / "pids.json")

        async def run(number, command):
            document = folder / f"{number}.txt"
            document.write_text(json.dumps(command))
            output = folder / f"out-{number}"
            output.mkdir()
            task = EngineTask("parse", str(document), document.name, str(output))
            await pool.run(task, on_started=started)

        await asyncio.gather(*(run(n, c) for n, c in enumerate(commands)))

asyncio.run(main())
"""


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    commands = (
        f'[{{"do": "sleep"}}, {{"do": "fork", "pid": "{tmp_path}/stays", "seconds": 600}},'
        f' {{"do": "fork", "pid": "{tmp_path}/escapes", "escape": true, "seconds": 600}}]'
    )
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(tmp_path), commands],
        env={"PYTHONPATH": str(ROOT)},
    )
    yield process
    process.kill()
    process.wait()


@pytest.mark.integration
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_no_process_and_no_folder_outlives_a_worker(
    worker: subprocess.Popen[bytes], tmp_path: Path, how: signal.Signals
) -> None:
    names = ("pids.json", "stays", "escapes")
    await until(lambda: all((tmp_path / name).exists() for name in names))
    pids = json.loads((tmp_path / "pids.json").read_text())
    family = [*pids["children"], pids["guard"]]
    family += [int((tmp_path / name).read_text()) for name in ("stays", "escapes")]
    assert all(alive(pid) for pid in family)
    folders = [engine_folder(pid) for pid in pids["children"]]

    os.kill(worker.pid, how)
    worker.wait()

    await until(lambda: not any(alive(pid) for pid in family))
    assert leftovers(folders) == []
