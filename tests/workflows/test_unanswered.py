"""An update of a batch is unavailable when no worker runs it."""

from datetime import timedelta
from pathlib import Path

import pytest

from docmill import client
from docmill.errors import UnavailableError
from tests.fixtures.mill import Mill, write_texts


async def test_update_is_unavailable_when_no_worker_accepts_it(
    small_mill: Mill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "RPC_TIMEOUT", timedelta(seconds=0.5))
    batch = await small_mill.start(write_texts(tmp_path / "in", 1))
    with pytest.raises(UnavailableError, match="No worker has accepted"):
        await small_mill.client.set_concurrency(batch.id, 3)
