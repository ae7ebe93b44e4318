"""Messages between the pool and its processes, and small files that travel in them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docmill.engines.base import INLINE_BYTES, EngineReport, EngineTask, Limits, SliceReport
from docmill.errors import FailureClass, ItemFailure
from docmill.isolation import frames
from docmill.isolation.engine_process import _may_be_inline
from docmill.isolation.pool import EnginePool
from tests.fixtures.engines import Bench
from tests.isolation.processes import private_folder

REPORT = EngineReport("mock", "1", "text/plain", 1, 1, 0, partial=False, files=["result.json", "b"])


def _answer(**changes: object) -> frames.Frame:
    frame = frames.report_message(replace(REPORT, contents={"result.json": b"1", "b": b"23"}))
    return frames.Frame(frame.message | changes, frame.data)


@given(st.lists(st.binary(max_size=50), max_size=5), st.integers(1, 40))
def test_messages_are_complete_however_the_pipe_splits_them(datas: list[bytes], size: int) -> None:
    sent = [frames.Frame({"number": n}, data) for n, data in enumerate(datas)]
    stream = b"".join(frames.pack(*frame) for frame in sent)
    decoder = frames.Decoder()

    found = [
        frame
        for at in range(0, len(stream), size)
        for frame in decoder.feed(stream[at : at + size])
    ]

    assert found == sent


@pytest.mark.parametrize(
    "stream",
    [b"\xff" * 8, b"\0\0\0\2\xff\xff\xff\xff{}", b"\0\0\0\2\0\0\0\0[]", b"\0\0\0\1\0\0\0\0x"],
)
def test_invalid_bytes_are_no_message(stream: bytes) -> None:
    with pytest.raises(frames.FrameError):
        frames.Decoder().feed(stream)


def test_report_carries_the_bytes_of_its_files() -> None:
    answer = frames.answer_of(_answer())

    assert isinstance(answer, EngineReport)
    assert answer.contents == {"result.json": b"1", "b": b"23"}


@pytest.mark.parametrize("sizes", [[1], [1, 1], [4, -1], [1.0, 2.0], "12", {"1": 2}, [1, 2, 0], 3])
def test_report_with_wrong_sizes_is_invalid(sizes: object) -> None:
    with pytest.raises(frames.FrameError):
        frames.answer_of(_answer(sizes=sizes))


def test_report_cannot_set_the_bytes_of_its_files_itself() -> None:
    message = _answer().message["report"] | {"contents": {"a": "secret"}}

    with pytest.raises(frames.FrameError):
        frames.answer_of(_answer(report=message))


@pytest.mark.parametrize(
    ("inline", "part"), [(False, None), (True, SliceReport("1-400"))], ids=["unasked", "slice"]
)
def test_files_that_were_not_requested_are_rejected(inline: bool, part: SliceReport | None) -> None:
    report = replace(REPORT, contents={"result.json": b"1", "b": b"23"}, slice=part)
    task = EngineTask("parse", "a.txt", "a.txt", "out", inline=inline)

    assert not _may_be_inline(report, task)
    assert _may_be_inline(replace(report, contents={}), task)
    assert _may_be_inline(replace(report, slice=None), replace(task, inline=True))


@pytest.mark.integration
async def test_small_result_in_memory_equals_the_files(
    engine_pool: EnginePool, tmp_path: Path
) -> None:
    path = tmp_path / "note.txt"
    path.write_bytes(b"A line.\n")
    task = EngineTask("parse", str(path), path.name, str(tmp_path / "a"), {}, Limits(seconds=60))

    in_folder = await engine_pool.run(task)
    inline = replace(task, output_dir=str(tmp_path / "b"), content=path.read_bytes(), inline=True)
    in_memory = await engine_pool.run(inline)

    assert not in_folder.contents
    assert not Path(inline.output_dir).exists()
    assert replace(in_memory, contents={}) == in_folder
    found = {name: (tmp_path / "a" / name).read_bytes() for name in in_folder.files}
    assert _untimed(found) == _untimed(in_memory.contents)


@pytest.mark.integration
async def test_large_result_is_copied_to_the_folder(
    engine_pool: EnginePool, tmp_path: Path
) -> None:
    text = b"A line.\n" * (INLINE_BYTES // 16)
    output = tmp_path / "out"
    task = EngineTask(
        "parse", str(tmp_path / "gone"), "note.txt", str(output), content=text, inline=True
    )

    report = await engine_pool.run(task)

    assert not report.contents
    assert {path.name for path in output.iterdir()} == {*report.files}


@pytest.mark.integration
async def test_process_reads_copied_documents_in_a_row_when_results_are_in_messages(
    mock: Bench, tmp_path: Path
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("A line.\n")
    task = EngineTask("parse", str(path), path.name, str(tmp_path / "out"), inline=True)
    pids: set[int] = set()

    for _ in range(3):
        report = await mock.pool.run(task)
        assert report.contents
        pids |= mock.pool.pids
        (pid,) = mock.pool.pids
        assert [path for path in private_folder(pid).rglob("*") if path.is_file()] == []

    assert len(pids) == 1


@pytest.mark.integration
async def test_document_in_memory_leaves_nothing_in_the_private_folder(mock: Bench) -> None:
    content = json.dumps({"do": "fail", "failure_class": "corrupt"}).encode()
    task = EngineTask("parse", "nowhere", "a.txt", "nowhere", content=content, inline=True)

    with pytest.raises(ItemFailure) as failed:
        await mock.pool.run(task)

    assert failed.value.failure_class is FailureClass.CORRUPT
    (pid,) = mock.pool.pids
    assert [path for path in private_folder(pid).rglob("*") if path.is_file()] == []


def _untimed(files: dict[str, bytes]) -> dict[str, object]:
    result = json.loads(files["result.json"]) | {"timings": None}
    return {"result": result, "markdown": files["document.md"]}
