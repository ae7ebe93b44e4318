"""Real documents, valid and hostile, in a whole batch with one worker."""

from pathlib import Path

from docmill.errors import FailureClass
from tests.fixtures.mill import Mill

ALWAYS_FAIL = {
    "encrypted.pdf": "encrypted",
    "random.bin": "unsupported_type",
    "zero_bytes.pdf": "empty",
}


async def test_real_documents_complete_and_hostile_ones_have_typed_outcomes(
    small_mill: Mill, corpus: Path
) -> None:
    async with small_mill.worker():
        good = await small_mill.run(corpus / "documents")
        hostile = await small_mill.run(corpus / "hostile")
        again = await small_mill.run(corpus / "documents")
    assert set((await small_mill.outcomes(good)).values()) == {"completed"}
    assert set((await small_mill.outcomes(again)).values()) == {"skipped"}
    items = {item.path: item for item in await small_mill.items(hostile)}
    assert {item.status for item in items.values()} <= {"completed", "failed", "skipped"}
    for item in items.values():
        if item.status == "failed":
            assert item.failure_class in set(FailureClass) - {FailureClass.INTERNAL}
            assert item.failure_message
    assert {path: items[path].failure_class for path in ALWAYS_FAIL} == ALWAYS_FAIL
