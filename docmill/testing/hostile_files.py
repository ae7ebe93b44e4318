"""Attempts to reach secrets and files."""

import ctypes
import os
import struct
from pathlib import Path

from docmill.testing.hostile_calls import Attempts, Command, call, first_bytes, libc

ATTEMPTS = Attempts()
"""By name."""
_AT_FDCWD = -100


@ATTEMPTS.add
def secret_file(command: Command) -> object:
    """Read a file of this user."""
    return first_bytes(command["secret"])


@ATTEMPTS.add
def secret_behind_a_link(command: Command) -> object:
    """Read it through a link in the own folder."""
    Path("link").symlink_to(command["secret"])
    return first_bytes("link")


@ATTEMPTS.add
def home_of_docmill(command: Command) -> object:
    """List the home."""
    return [path.name for path in Path(command["home"]).iterdir()]


@ATTEMPTS.add
def records(command: Command) -> object:
    """Read the database."""
    return first_bytes(command["records"])


@ATTEMPTS.add
def document_of_a_neighbour(command: Command) -> object:
    """Read what another engine process reads."""
    return [path.name for path in Path(command["neighbour_folder"], "documents").iterdir()]


@ATTEMPTS.add
def result_of_a_neighbour(command: Command) -> object:
    """Read what it wrote."""
    return [path.name for path in Path(command["neighbour_folder"], "output").iterdir()]


@ATTEMPTS.add
def own_document_changed(command: Command) -> object:
    """Write to the document that is to be read."""
    return Path(command["document"]).write_bytes(b"forged")


@ATTEMPTS.add
def passwords(_: Command) -> object:
    """Read who may log in."""
    return first_bytes("/etc/passwd")


@ATTEMPTS.add
def file_outside(command: Command) -> object:
    """Write beside the secret."""
    return Path(command["outside"], "new").write_bytes(b"x")


@ATTEMPTS.add
def folder_outside(command: Command) -> None:
    """Make a folder there."""
    Path(command["outside"], "new-folder").mkdir()


@ATTEMPTS.add
def temporary_file_of_the_system(_: Command) -> object:
    """Write where everybody may."""
    return Path("/tmp/docmill-hostile").write_bytes(b"x")  # noqa: S108


@ATTEMPTS.add
def shared_memory(_: Command) -> object:
    """Leave something for the next process in memory."""
    return Path("/dev/shm/docmill-hostile").write_bytes(b"x")  # noqa: S108


@ATTEMPTS.add
def system_v_memory(_: Command) -> object:
    """The same by an older interface."""
    return call("shmget", 0x4D494C4C, 4096, 0o1600)


@ATTEMPTS.add
def emptied_file(command: Command) -> None:
    """Cut the secret to nothing."""
    os.truncate(command["secret"], 0)


@ATTEMPTS.add
def removed_file(command: Command) -> None:
    """Remove a file."""
    Path(command["victim"]).unlink()


@ATTEMPTS.add
def moved_file(command: Command) -> object:
    """Move a file into the own folder."""
    return Path(command["victim"]).rename("moved")


@ATTEMPTS.add
def hard_link(command: Command) -> None:
    """Give the secret a second name in the own folder."""
    Path("second-name").hardlink_to(command["secret"])


@ATTEMPTS.add
def changed_mode(command: Command) -> None:
    """Let everybody read the secret."""
    Path(command["victim"]).chmod(0o777)


@ATTEMPTS.add
def changed_owner(command: Command) -> None:
    """Give a file to somebody."""
    os.chown(command["victim"], os.getuid(), os.getgid())


@ATTEMPTS.add
def changed_times(command: Command) -> None:
    """Make a source look changed."""
    os.utime(command["victim"], (0, 0))


@ATTEMPTS.add
def changed_attributes(command: Command) -> None:
    """Write an attribute of a file."""
    os.setxattr(command["victim"], "user.docmill", b"x")


@ATTEMPTS.add
def watched_folder(command: Command) -> object:
    """Be told of files that come and go."""
    made = libc.inotify_init()
    return call("inotify_add_watch", made, command["outside"].encode(), 0xFFF)


@ATTEMPTS.add
def file_by_handle(command: Command) -> object:
    """Open a file without its path."""
    handle = ctypes.create_string_buffer(struct.pack("Ii", 128, 0) + bytes(128))
    mount = ctypes.c_int()
    path = command["secret"].encode()
    return call("name_to_handle_at", _AT_FDCWD, path, handle, ctypes.byref(mount), 0)


@ATTEMPTS.add
def disk(_: Command) -> object:
    """Read the disk itself."""
    devices = ("/dev/vda", "/dev/sda", "/dev/nvme0n1", "/dev/mem")
    return os.open(next((d for d in devices if Path(d).exists()), devices[-1]), os.O_RDONLY)


@ATTEMPTS.add
def device_file(_: Command) -> object:
    """Make a device in the own folder."""
    return call("mknodat", _AT_FDCWD, b"zero", 0o20666, os.makedev(1, 5))


@ATTEMPTS.add
def fifo(_: Command) -> None:
    """Make a FIFO in the own folder, for the worker to open."""
    os.mkfifo("fifo")
