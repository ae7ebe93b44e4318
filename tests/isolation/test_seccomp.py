"""The tables of the seccomp filter, compared with the kernel's headers."""

import re
import struct
import subprocess
import sys
from errno import ENOSYS, EPERM
from pathlib import Path

import pytest

from docmill.isolation.sandbox.seccomp import MACHINES, program
from docmill.isolation.sandbox.syscall_numbers import (
    BY_ARGUMENT,
    DENIED,
    LAST_REVIEWED,
    PROGRAMS_NEED,
)

X86_64 = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
GENERIC = Path("/usr/include/asm-generic/unistd.h")
FIRST_OF_32_BIT, LAST_OF_32_BIT = 403, 423
"""Calls with 64-bit times, which only 32-bit machines have."""

PID = 4242

ALLOWED = frozenset((Path(__file__).parent / "allowed_calls.txt").read_text("ascii").split())
"""Calls that were looked at and left: they reach nothing but the process itself and its files."""


def _listed(header: Path) -> dict[str, int]:
    """The calls of a header by name; skips with the reason when this machine has no headers."""
    if not header.exists():
        pytest.skip(f"the kernel's headers (linux-libc-dev) are not installed: no {header}")
    found = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", header.read_text(encoding="utf-8"))
    calls = {name: int(number) for name, number in found}
    return {
        name: number
        for name, number in calls.items()
        if not FIRST_OF_32_BIT <= number <= LAST_OF_32_BIT
        and name not in ("syscalls", "arch_specific_syscall")
    }


@pytest.mark.parametrize(("machine", "header"), [("x86_64", X86_64), ("aarch64", GENERIC)])
def test_system_call_numbers_equal_the_kernels(machine: str, header: Path) -> None:
    listed = _listed(header)
    number = MACHINES[machine].number
    ours = {name: number(numbers) for name, numbers in (DENIED | BY_ARGUMENT).items()}

    assert {
        name: listed[name] for name in ours if name in listed and listed[name] != ours[name]
    } == {}
    assert [
        name
        for name, own in ours.items()
        if own is not None and own in listed.values() and name not in listed
    ] == []


@pytest.mark.parametrize("header", [X86_64, GENERIC])
def test_every_system_call_is_listed_as_allowed_or_denied(header: Path) -> None:
    """A call that a newer kernel has is denied until somebody looked at it."""
    unknown = {
        name: number
        for name, number in _listed(header).items()
        if number <= LAST_REVIEWED and name not in ALLOWED | DENIED.keys() | BY_ARGUMENT.keys()
    }
    assert unknown == {}


def test_no_system_call_is_both_allowed_and_denied() -> None:
    assert not ALLOWED & (DENIED.keys() | BY_ARGUMENT.keys())
    assert DENIED.keys().isdisjoint(BY_ARGUMENT)
    assert DENIED.keys() >= PROGRAMS_NEED


@pytest.mark.parametrize("machine", MACHINES)
def test_seccomp_filter_denies_the_calls_of_its_table(machine: str) -> None:
    here = MACHINES[machine]
    for name, numbers in DENIED.items():
        number = here.number(numbers)
        if number is not None:
            assert _answer(machine, number) == f"errno {EPERM}", name
            programs = _answer(machine, number, programs=True)
            assert programs == ("allow" if name in PROGRAMS_NEED else f"errno {EPERM}"), name


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("clone3", (), f"errno {ENOSYS}"),
        ("clone", (0x003D0F00,), "allow"),  # a thread, as glibc makes it
        ("clone", (0x01200011,), f"errno {EPERM}"),  # a process, as glibc makes it
        ("clone", (0x10010000,), f"errno {EPERM}"),  # a thread in a user namespace of its own
        ("kill", (PID, 6), "allow"),
        ("kill", (1, 0), f"errno {EPERM}"),
        ("kill", (2**32 - 1, 9), f"errno {EPERM}"),  # everybody
        ("tgkill", (PID, PID, 6), "allow"),
        ("tgkill", (1, 1, 6), f"errno {EPERM}"),
        ("prlimit64", (0, 9, 0), "allow"),
        ("prlimit64", (PID, 9, 0), "allow"),
        ("prlimit64", (1, 9, 0), f"errno {EPERM}"),
        ("prlimit64", (0, 9, 0x1000), f"errno {EPERM}"),
        ("prlimit64", (0, 9, 0x100000000), f"errno {EPERM}"),
        ("prctl", (15, 0), "allow"),  # a thread's name
        ("prctl", (1, 0), f"errno {EPERM}"),  # the tie to its parent
        ("fcntl", (3, 3), "allow"),
        ("fcntl", (3, 8, 1), f"errno {EPERM}"),  # signals to another process
        ("ioctl", (0, 0x5412), f"errno {EPERM}"),  # typing into a terminal
    ],
)
def test_seccomp_filter_checks_arguments(
    machine: str, name: str, arguments: tuple[int, ...], expected: str
) -> None:
    number = MACHINES[machine].number(BY_ARGUMENT[name])
    assert number is not None
    assert _answer(machine, number, *arguments) == expected


@pytest.mark.parametrize("machine", MACHINES)
def test_unreviewed_system_call_is_rejected(machine: str) -> None:
    assert _answer(machine, LAST_REVIEWED + 1) == f"errno {ENOSYS}"
    assert _answer(machine, 10_000) == f"errno {ENOSYS}"


def test_call_by_another_calling_convention_kills_the_process() -> None:
    assert _answer("x86_64", 0x40000000 + 59) == "kill"
    assert _answer("x86_64", 11, audit=0x40000003) == "kill"  # i386's execve
    assert _answer("aarch64", 11, audit=0x40000028) == "kill"  # 32-bit ARM's execve


@pytest.mark.integration
def test_kernel_accepts_the_filter() -> None:
    code = (
        "import errno, os, socket\n"
        "from docmill.isolation.sandbox import seccomp\n"
        "machine = seccomp.machine()\n"
        "if machine is None: raise SystemExit(77)\n"
        "seccomp.install(machine)\n"
        "socket.socketpair()\n"
        "try: socket.socket()\n"
        "except PermissionError: os.write(1, b'denied')\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, timeout=30, check=False)
    if done.returncode == 77:
        pytest.skip("this system has no filter of system calls for which there is a table")
    assert done.stdout == b"denied", done.stderr


def _answer(
    machine: str, number: int, *arguments: int, programs: bool = False, audit: int | None = None
) -> str:
    """Run the filter as the kernel does, on one call."""
    here = MACHINES[machine]
    code = program(here, PID, programs=programs)
    words = (*arguments, *[0] * (6 - len(arguments)))
    data = struct.pack("=iIQ6Q", number, audit or here.audit, 0, *words)
    value, at = 0, 0
    while True:
        operation, yes, no, operand = struct.unpack_from("=HBBI", code, at * 8)
        at += 1
        match operation:
            case 0x20:
                (value,) = struct.unpack_from("=I", data, operand)
            case 0x15:
                at += yes if value == operand else no
            case 0x35:
                at += yes if value >= operand else no
            case 0x45:
                at += yes if value & operand else no
            case 0x06:
                break
            case _:
                pytest.fail(f"the filter has an instruction that is not its own: {operation:#x}")
    actions = {0x7FFF0000: "allow", 0x80000000: "kill"}
    return actions.get(operand, f"errno {operand & 0xFFFF}")
