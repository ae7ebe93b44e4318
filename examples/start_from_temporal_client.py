"""Starts a batch with nothing but a Temporal client: wire names and plain JSON, no Docmill code.

A client in any other language does the same with the same names (see examples/README.md).
Run it from the root, beside `starter.py up`, with the address that `up` prints:

    TEMPORAL_ADDRESS=127.0.0.1:PORT .venv/bin/python examples/start_from_temporal_client.py FOLDER
"""

import asyncio
import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from temporalio.client import Client, WorkflowHandle
from temporalio.envconfig import ClientConfig
from temporalio.service import RPCError


async def main(folder: Path) -> str:
    """Parse every file of ``folder``, show how it goes, and return the batch's status."""
    client = await Client.connect(**ClientConfig.load_client_connect_config())
    batch_id = f"bat-{uuid4()}"
    batch = await client.start_workflow(
        "Batch",
        {
            "batch_id": batch_id,
            "spec": {
                "folder": str(folder),
                "job": {"type": "parse", "parameters": {"tier": "cost_effective"}},
            },
        },
        id=batch_id,
        task_queue="docmill",
        static_summary=f"files of {folder.name}",
        result_type=dict,
    )
    print(f"Started {batch.id}")
    finished = asyncio.create_task(batch.result())
    while not finished.done():
        await show_progress(batch)
        await asyncio.wait([finished], timeout=1)
    result = await finished
    print(f"{result['status']}: {result['tally']} of {result['total']} files")
    return str(result["status"])


async def show_progress(batch: WorkflowHandle[Any, Any]) -> None:
    """Print one line of counts; every query answers while the batch runs and after it ended."""
    try:
        progress = await batch.query("progress", result_type=dict, rpc_timeout=timedelta(seconds=5))
    except RPCError as error:
        print(f"no answer yet, is a worker running? ({error.message})")
        return
    done = sum(progress[outcome] for outcome in ("processed", "failed", "skipped", "cancelled"))
    print(f"{progress['state']}: {done} of {progress['total']}, {progress['in_flight']} in flight")


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():  # noqa: PLR2004 - name and folder
        sys.exit(f"usage: {sys.argv[0]} FOLDER")
    status = asyncio.run(main(Path(sys.argv[1]).resolve()))
    sys.stdout.flush()
    # A process that used a Temporal client can abort in the interpreter's own shutdown.
    os._exit(0 if status == "COMPLETED" else 1)
