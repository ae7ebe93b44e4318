"""Somebody who may write to a source folder replaces its files and folders at any moment."""

import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from docmill.contracts.scans import LeftOut
from docmill.engines.base import EngineTask, file_state
from docmill.errors import FailureClass, ItemFailure
from docmill.isolation.private_folder import PrivateFolder
from docmill.objects.local import LocalStore
from docmill.sources import documents
from docmill.sources.documents import OpenedDocument, open_local
from docmill.sources.folder import FolderSource
from tests.sources.test_reading import Item, item_of

SECRET = b"the secret outside of the folder"
TURNS = 200


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with ``sub/a.txt``, and another one outside of it with a secret of that name."""
    for place, content in (("in/sub", b"own"), ("outside", SECRET)):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "a.txt").write_bytes(content)
    return tmp_path / "in"


@pytest.fixture
def private(tmp_path: Path) -> Iterator[PrivateFolder]:
    path = tmp_path / "private"
    path.mkdir()
    private = PrivateFolder(path)
    yield private
    private.close()


def _open(item: Item, tmp_path: Path) -> OpenedDocument:
    document = open_local(item, LocalStore(tmp_path / "objects"))
    assert document is not None
    return document


def _task(document: OpenedDocument, tmp_path: Path) -> EngineTask:
    path, output = str(document.path), str(tmp_path / "output")
    return EngineTask("parse", path, "a.txt", output, file_state=file_state(document.status))


def _link(file: Path) -> None:
    file.unlink()
    file.symlink_to(file.parents[2] / "outside/a.txt")


def _hard_link(file: Path) -> None:
    file.unlink()
    file.hardlink_to(file.parents[2] / "outside/a.txt")


def _pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def _folder_link(file: Path) -> None:
    file.parent.rename(file.parent.with_name("old"))
    file.parent.symlink_to(file.parents[2] / "outside")


def _device(file: Path) -> None:
    file.unlink()
    file.symlink_to("/dev/zero")


def _change(file: Path) -> None:
    os.utime(file, (1, 1))


REPLACEMENTS = [_link, _hard_link, _pipe, _folder_link, _device, _change]


@pytest.mark.parametrize("replace", REPLACEMENTS)
def test_file_replaced_before_an_engine_process_gets_it_is_not_handed_in(
    folder: Path, tmp_path: Path, private: PrivateFolder, replace: Callable[[Path], None]
) -> None:
    document = _open(item_of(folder, "sub/a.txt"), tmp_path)
    replace(folder / "sub/a.txt")

    with pytest.raises(ItemFailure) as failed:
        private.hand_in(_task(document, tmp_path))

    assert failed.value.failure_class is FailureClass.SOURCE_CHANGED
    assert not any(path.read_bytes() for path in private.path.rglob("*") if path.is_file())


def test_unchanged_file_is_handed_in(folder: Path, tmp_path: Path, private: PrivateFolder) -> None:
    document = _open(item_of(folder, "sub/a.txt"), tmp_path)

    task = private.hand_in(_task(document, tmp_path))

    assert Path(task.document).read_bytes() == b"own"
    assert task.file_state is None


def test_folder_replaced_by_a_link_after_the_check_of_the_path_is_not_followed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (outside,) = [
        entry for chunk in FolderSource.resolve(tmp_path / "outside").scan() for entry in chunk
    ]
    item = Item(
        source=FolderSource.resolve(folder).as_json(),
        source_path=b"sub/a.txt",
        signature=outside.signature,  # as if the listing had been deceived as well
    )
    original = documents.read_whole

    def replaced_first(*arguments: object, **options: object) -> OpenedDocument:
        _folder_link(folder / "sub/a.txt")
        return original(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(documents, "read_whole", replaced_first)
    with pytest.raises(ItemFailure) as failed:
        _open(item, tmp_path)
    assert failed.value.failure_class in (
        FailureClass.SOURCE_VANISHED,
        FailureClass.SOURCE_CHANGED,
    )


@contextmanager
def _swapping(folder: Path) -> Iterator[None]:
    """Swap ``sub`` for a link to the outside and back until the block ends."""
    sub, link, stop = folder / "sub", folder / ".link", threading.Event()
    link.symlink_to(folder.parent / "outside")

    def work() -> None:
        while not stop.is_set():
            for one, other in ((sub, folder / ".sub"), (link, sub), (sub, link)):
                one.rename(other)
            (folder / ".sub").rename(sub)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_secret_is_never_read_while_a_folder_is_swapped_for_a_link(
    folder: Path, tmp_path: Path, private: PrivateFolder
) -> None:
    item = item_of(folder, "sub/a.txt")
    read = []
    with _swapping(folder):
        for _ in range(TURNS):
            listed = [entry for chunk in FolderSource.resolve(folder).scan() for entry in chunk]
            signature = listed[0].signature if listed else item.signature
            deceived = Item(source=item.source, source_path=b"sub/a.txt", signature=signature)
            try:
                document = _open(deceived, tmp_path)
                task = private.hand_in(_task(document, tmp_path))
            except (ItemFailure, OSError):
                private.clear()
                continue
            read.append(Path(task.document).read_bytes())
            private.clear()
    assert set(read) <= {b"own"}


def test_sockets_pipes_and_devices_are_named_and_never_opened(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    os.mkfifo(folder / "pipe.pdf")
    os.mknod(folder / "socket.pdf", stat.S_IFSOCK | 0o600)
    left_out = LeftOut()

    assert list(FolderSource.resolve(folder).scan(left_out=left_out)) == []

    assert left_out.as_json() == {"special": {"count": 2, "names": ["pipe.pdf", "socket.pdf"]}}


def test_devices_of_this_machine_are_named_and_never_opened() -> None:
    devices = ("null", "zero", "full", "random")
    source = FolderSource.resolve(Path("/dev"), recursive=False, include=devices)
    left_out = LeftOut()

    assert list(source.scan(left_out=left_out)) == []

    found = (left_out.as_json() or {})["special"]
    assert (found["count"], found["names"]) == (4, sorted(devices))


def test_links_through_proc_and_dev_lead_out_of_the_folder(folder: Path, tmp_path: Path) -> None:
    descriptor = os.open(tmp_path / "outside", os.O_RDONLY)
    outside = tmp_path / "outside/a.txt"
    for name, target in {
        "root": f"/proc/self/root{outside}",
        "cwd": f"/proc/{os.getpid()}/root{outside.parent}",
        "fd": f"/dev/fd/{descriptor}",
        "up": "../../outside/a.txt",
    }.items():
        (folder / name).symlink_to(target)
    left_out = LeftOut()
    source = FolderSource.resolve(folder, follow_links=True)

    names = [entry.unique_id for chunk in source.scan(left_out=left_out) for entry in chunk]

    os.close(descriptor)
    assert names == ["sub/a.txt"]
    assert left_out.as_json() == {
        "symlink_outside": {"count": 4, "names": ["cwd", "fd", "root", "up"]}
    }
