"""The files of a result: unique keys, and a removal that can be interrupted anywhere."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from docmill.engines.base import EngineReport
from docmill.errors import FailureClass, ItemFailure, UnavailableError
from docmill.objects.base import ObjectStore
from docmill.objects.local import LocalStore
from docmill.objects.results import (
    RESULT_FILE,
    delete_result,
    named_files,
    result_key,
    result_prefix,
)
from docmill.processing.results import store_result

PREFIX = result_prefix("prj-1", "bat-1", position=70_000, epoch=2, attempt=3)
IMAGES = ("page_1.png", "page_2.png")


def output(folder: Path, *names: str, named: tuple[str, ...] = IMAGES) -> EngineReport:
    """What an engine leaves: a result that names ``named``, and the files ``names``."""
    folder.mkdir()
    files = dict.fromkeys(("document.md", *named), "")
    (folder / RESULT_FILE).write_text(json.dumps({"files": files}))
    for name in ("document.md", *names):
        (folder / name).write_text(name)
    return EngineReport(
        engine="none",
        engine_version="1",
        media_type="text/plain",
        pages_total=1,
        pages_ok=1,
        pages_failed=0,
        partial=False,
        warnings=[],
        files=[RESULT_FILE, "document.md", *names],
    )


def objects(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_items_share_folders_and_no_two_attempts_share_a_name() -> None:
    assert PREFIX == "results/prj-1/bat-1/1/70000-2-3."
    assert result_key(PREFIX, "a.png") == "results/prj-1/bat-1/1/70000-2-3.a.png"
    one, eleven = (result_prefix("p", "b", 1, 1, attempt) for attempt in (1, 11))
    assert not eleven.startswith(one)


def test_result_of_an_older_version_is_read_in_its_folder() -> None:
    assert (
        result_key("results/prj-1/pjb-1/1/1", RESULT_FILE) == "results/prj-1/pjb-1/1/1/result.json"
    )


async def test_removal_of_a_result_removes_all_its_objects_and_no_others(
    store: ObjectStore, tmp_path: Path
) -> None:
    others = [result_prefix("prj-1", "bat-1", 70_000, 2, attempt) for attempt in (2, 31)]
    for number, prefix in enumerate((PREFIX, *others)):
        folder = tmp_path / str(number)
        await store_result(store, prefix, "key", output(folder, *IMAGES), folder)
    await delete_result(store, PREFIX)
    await delete_result(store, PREFIX)
    names = (RESULT_FILE, "document.md", *IMAGES)
    assert [await store.size(result_key(PREFIX, name)) for name in names] == [None] * 4
    for prefix in others:
        assert None not in [await store.size(result_key(prefix, name)) for name in names]


class Stopped(LocalStore):
    """A store whose process dies after so many changes."""

    left = 0

    async def put_files(self, files: Mapping[str, Path | bytes]) -> None:
        for key, file in files.items():
            self.count()
            await super().put_files({key: file})

    async def delete(self, key: str) -> None:
        self.count()
        await super().delete(key)

    def count(self) -> None:
        if not self.left:
            raise UnavailableError("killed")
        self.left -= 1


@pytest.mark.parametrize("changes", range(8))
async def test_objects_of_a_killed_attempt_are_removed(tmp_path: Path, changes: int) -> None:
    """Killed after every number of changes, while it stored or while another one removed it."""
    root, folder = tmp_path / "objects", tmp_path / "output"
    dying = Stopped(root)
    dying.left = changes
    report = output(folder, *IMAGES)
    try:
        await store_result(dying, PREFIX, "key", report, folder)
        await delete_result(dying, PREFIX)
    except UnavailableError:
        assert objects(root) or not changes
    await delete_result(LocalStore(root), PREFIX)
    assert objects(root) == []


@pytest.mark.parametrize(
    ("names", "named"),
    [
        (("a.png",), ()),
        ((".hidden",), (".hidden",)),
        (("a b.png",), ("a b.png",)),
        (("bild-\u00fc.png",), ("bild-\u00fc.png",)),
        (("A.png", "a.png"), ("A.png", "a.png")),
    ],
)
async def test_file_with_an_invalid_name_fails_the_item_and_stores_nothing(
    tmp_path: Path, names: tuple[str, ...], named: tuple[str, ...]
) -> None:
    store, folder = LocalStore(tmp_path / "objects"), tmp_path / "output"
    report = output(folder, *names, named=named)
    with pytest.raises(ItemFailure) as refused:
        await store_result(store, PREFIX, "key", report, folder)
    assert refused.value.failure_class is FailureClass.ENGINE_ERROR
    assert objects(tmp_path / "objects") == []


@pytest.mark.parametrize("name", ["../a", "/a", "a/b", ".a", "", "a\n", "x" * 201])
def test_image_name_that_leaves_its_folder_is_rejected(name: str) -> None:
    with pytest.raises(ValueError, match="names invalid files"):
        named_files(json.dumps({"files": {name: ""}}).encode())
