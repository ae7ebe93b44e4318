"""Attempts to start programs, to raise limits, and to attack the kernel."""

import ctypes
import errno
import mmap
import os
import resource
import signal
import struct
import subprocess
import sys
from pathlib import Path

from docmill.testing.hostile_calls import Attempts, Command, call, libc

ATTEMPTS = Attempts()
"""The attempts by name."""
_CLONE_NEWUSER = 0x10000000


@ATTEMPTS.add
def program(_: Command) -> object:
    """Start a shell."""
    return subprocess.run(["/bin/sh", "-c", "echo started"], capture_output=True, check=True).stdout


@ATTEMPTS.add
def program_in_place(_: Command) -> object:
    """Replace this process by another program."""
    return os.execv(sys.executable, [sys.executable, "-c", "print(1)"])  # noqa: S606


@ATTEMPTS.add
def program_of_its_own(_: Command) -> object:
    """Write a program to a file, and start it."""
    with open("program", "wb", opener=lambda p, f: os.open(p, f, 0o700)) as file:
        file.write(b"#!/bin/sh\necho started\n")
    return os.posix_spawn("program", ["program"], {})


@ATTEMPTS.add
def program_in_memory(_: Command) -> object:
    """Create an anonymous file in memory, which could contain a program."""
    return call("memfd_create", b"program", 0)


@ATTEMPTS.add
def further_process(_: Command) -> object:
    """Fork; if that succeeds, the child exits at once."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    return pid


@ATTEMPTS.add
def process_that_survives(_: Command) -> object:
    """Leave a process behind in a new session."""
    pid = os.fork()
    if pid == 0:
        os.setsid()
        signal.pause()
    return pid


@ATTEMPTS.add
def process_by_the_newestcall(_: Command) -> object:
    """Fork with `clone3`, whose flags a filter cannot read."""
    arguments = struct.pack("8Q", 0, 0, 0, 0, signal.SIGCHLD, 0, 0, 0)
    pid = call("clone3", arguments, len(arguments))
    if pid == 0:
        os._exit(0)
    return pid


@ATTEMPTS.add
def process_by_number(_: Command) -> object:
    """Fork by the number of `clone`, without the function of the C library."""
    pid = call("clone", signal.SIGCHLD, None, None, None, None)
    if pid == 0:
        os._exit(0)
    return pid


@ATTEMPTS.add
def session_of_its_own(_: Command) -> None:
    """Leave the process group by which it is killed."""
    os.setpgid(0, os.getppid())


@ATTEMPTS.add
def more_memory(_: Command) -> None:
    """Raise the limit of the address space."""
    _unlimit(resource.RLIMIT_AS)


@ATTEMPTS.add
def larger_files(_: Command) -> None:
    """Raise the limit of the file size."""
    _unlimit(resource.RLIMIT_FSIZE)


@ATTEMPTS.add
def more_files(_: Command) -> object:
    """Raise the limit of open files."""
    return resource.prlimit(0, resource.RLIMIT_NOFILE, (65536, 65536))


@ATTEMPTS.add
def lower_score(_: Command) -> object:
    """Lower the OOM score, so that the kernel kills this process last."""
    return Path("/proc/self/oom_score_adj").write_text("-1000", encoding="ascii")


@ATTEMPTS.add
def life_without_a_parent(_: Command) -> object:
    """Disable the signal at the parent's death, to outlive the worker."""
    if libc.prctl(1, 0, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "PR_SET_PDEATHSIG")
    return "untied"


@ATTEMPTS.add
def hidden_process(_: Command) -> object:
    """Hide the descriptors from the worker, which counts the bytes of open files."""
    if libc.prctl(4, 0, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "PR_SET_DUMPABLE")
    return "hidden"


@ATTEMPTS.add
def locked_memory(_: Command) -> object:
    """Map more memory than the limit."""
    return mmap.mmap(-1, 1 << 42)


@ATTEMPTS.add
def io_uring(_: Command) -> object:
    """Create an `io_uring`, whose operations no filter sees."""
    return call("io_uring_setup", 1, ctypes.create_string_buffer(120))


@ATTEMPTS.add
def user_namespace(_: Command) -> object:
    """Create a user namespace, in which this process is root."""
    return call("unshare", _CLONE_NEWUSER)


@ATTEMPTS.add
def namespace_of_the_worker(_: Command) -> object:
    """Enter the namespaces of another process."""
    return call("setns", 0, 0)


@ATTEMPTS.add
def mounted_folder(_: Command) -> object:
    """Mount over the process's folder."""
    return call("mount", b"none", b".", b"tmpfs", 0, None)


@ATTEMPTS.add
def mounted_by_the_new_interface(_: Command) -> object:
    """Mount with the newer interface."""
    return call("fsopen", b"tmpfs", 0)


@ATTEMPTS.add
def other_root(_: Command) -> None:
    """Change the root folder."""
    os.chroot(".")


@ATTEMPTS.add
def bpf(_: Command) -> object:
    """Load code into the kernel."""
    return call("bpf", 0, ctypes.create_string_buffer(128), 128)


@ATTEMPTS.add
def kernel_module(_: Command) -> object:
    """Load a kernel module."""
    return call("init_module", None, 0, b"")


@ATTEMPTS.add
def page_faults(_: Command) -> object:
    """Create a `userfaultfd`, which can suspend the kernel during a copy."""
    return call("userfaultfd", 1)


@ATTEMPTS.add
def performance_counters(_: Command) -> object:
    """Measure other processes."""
    return call("perf_event_open", ctypes.create_string_buffer(128), 0, -1, -1, 0)


@ATTEMPTS.add
def keys(_: Command) -> object:
    """Read the keys that the kernel stores for this user."""
    return call("keyctl", 0, -3, 0)


@ATTEMPTS.add
def log_of_the_kernel(_: Command) -> object:
    """Read the kernel log, which contains addresses."""
    return call("syslog", 3, ctypes.create_string_buffer(128), 128)


@ATTEMPTS.add
def other_personality(_: Command) -> object:
    """Disable the randomization of addresses."""
    return call("personality", 0x0040000)  # ADDR_NO_RANDOMIZE


def _unlimit(kind: int) -> None:
    try:
        resource.setrlimit(kind, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except ValueError as error:  # Python raises it for EPERM here
        raise OSError(errno.EPERM, str(error)) from None
