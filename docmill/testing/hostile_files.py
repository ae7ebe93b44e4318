"""Attempts to reach secrets and files."""

import ctypes
import os
import struct
from pathlib import Path

from docmill.testing.hostile_calls import Attempts, Command, call, first_bytes, libc

ATTEMPTS = Attempts()
"""The attempts by name."""
_AT_FDCWD = -100


@ATTEMPTS.add
def secret_file(command: Command) -> object:
    """Read a file of the worker's user."""
    return first_bytes(command["secret"])


@ATTEMPTS.add
def secret_behind_a_link(command: Command) -> object:
    """Read it through a symbolic link in the process's folder."""
    Path("link").symlink_to(command["secret"])
    return first_bytes("link")


@ATTEMPTS.add
def home_of_docmill(command: Command) -> object:
    """List the home folder of Docmill."""
    return [path.name for path in Path(command["home"]).iterdir()]


@ATTEMPTS.add
def records(command: Command) -> object:
    """Read the database file."""
    return first_bytes(command["records"])


@ATTEMPTS.add
def document_of_a_neighbour(command: Command) -> object:
    """List the documents of another engine process."""
    return [path.name for path in Path(command["neighbour_folder"], "documents").iterdir()]


@ATTEMPTS.add
def result_of_a_neighbour(command: Command) -> object:
    """List the results of another engine process."""
    return [path.name for path in Path(command["neighbour_folder"], "output").iterdir()]


@ATTEMPTS.add
def own_document_changed(command: Command) -> object:
    """Write to the input document."""
    return Path(command["document"]).write_bytes(b"forged")


@ATTEMPTS.add
def passwords(_: Command) -> object:
    """Read the list of user accounts."""
    return first_bytes("/etc/passwd")


@ATTEMPTS.add
def file_outside(command: Command) -> object:
    """Write a file next to the secret file."""
    return Path(command["outside"], "new").write_bytes(b"x")


@ATTEMPTS.add
def folder_outside(command: Command) -> None:
    """Create a folder next to the secret file."""
    Path(command["outside"], "new-folder").mkdir()


@ATTEMPTS.add
def temporary_file_of_the_system(_: Command) -> object:
    """Write to the folder for temporary files of all users."""
    return Path("/tmp/docmill-hostile").write_bytes(b"x")  # noqa: S108


@ATTEMPTS.add
def shared_memory(_: Command) -> object:
    """Write to shared memory, which the next process could read."""
    return Path("/dev/shm/docmill-hostile").write_bytes(b"x")  # noqa: S108


@ATTEMPTS.add
def system_v_memory(_: Command) -> object:
    """Create a shared memory segment of System V."""
    return call("shmget", 0x4D494C4C, 4096, 0o1600)


@ATTEMPTS.add
def emptied_file(command: Command) -> None:
    """Truncate the secret file."""
    os.truncate(command["secret"], 0)


@ATTEMPTS.add
def removed_file(command: Command) -> None:
    """Delete a file."""
    Path(command["victim"]).unlink()


@ATTEMPTS.add
def moved_file(command: Command) -> object:
    """Move a file into the process's folder."""
    return Path(command["victim"]).rename("moved")


@ATTEMPTS.add
def hard_link(command: Command) -> None:
    """Create a hard link to the secret file in the process's folder."""
    Path("second-name").hardlink_to(command["secret"])


@ATTEMPTS.add
def changed_mode(command: Command) -> None:
    """Grant all users access to a file."""
    Path(command["victim"]).chmod(0o777)


@ATTEMPTS.add
def changed_owner(command: Command) -> None:
    """Change the owner of a file."""
    os.chown(command["victim"], os.getuid(), os.getgid())


@ATTEMPTS.add
def changed_times(command: Command) -> None:
    """Change the modification time of a source file."""
    os.utime(command["victim"], (0, 0))


@ATTEMPTS.add
def changed_attributes(command: Command) -> None:
    """Write an extended attribute of a file."""
    os.setxattr(command["victim"], "user.docmill", b"x")


@ATTEMPTS.add
def watched_folder(command: Command) -> object:
    """Watch a folder for created and deleted files."""
    made = libc.inotify_init()
    return call("inotify_add_watch", made, command["outside"].encode(), 0xFFF)


@ATTEMPTS.add
def file_by_handle(command: Command) -> object:
    """Open a file by its handle, without its path."""
    handle = ctypes.create_string_buffer(struct.pack("Ii", 128, 0) + bytes(128))
    mount = ctypes.c_int()
    path = command["secret"].encode()
    return call("name_to_handle_at", _AT_FDCWD, path, handle, ctypes.byref(mount), 0)


@ATTEMPTS.add
def disk(_: Command) -> object:
    """Read the disk device."""
    devices = ("/dev/vda", "/dev/sda", "/dev/nvme0n1", "/dev/mem")
    return os.open(next((d for d in devices if Path(d).exists()), devices[-1]), os.O_RDONLY)


@ATTEMPTS.add
def device_file(_: Command) -> object:
    """Create a device file in the process's folder."""
    return call("mknodat", _AT_FDCWD, b"zero", 0o20666, os.makedev(1, 5))


@ATTEMPTS.add
def fifo(_: Command) -> None:
    """Create a FIFO in the process's folder, on which the worker would block."""
    os.mkfifo("fifo")
