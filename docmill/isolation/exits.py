"""Exits of child processes: out of memory, or crashed. Measurement of their memory."""

import re
import resource
import signal
import sys
from dataclasses import dataclass

from docmill.errors import FailureClass, ItemFailure

_MIB = 1024 * 1024
_NEAR_THE_LIMIT = 0.5
"""A process can exhaust its address space long before its resident memory reaches the limit."""

_ALLOCATION = re.compile(
    rb"memory allocation of|bad_alloc|out of memory|cannot allocate|MemoryError|alloc(ation)? fail",
    re.I,
)
_ALLOCATION_ENDS = frozenset(
    {signal.SIGABRT, signal.SIGKILL, signal.SIGSEGV, signal.SIGBUS, signal.SIGTRAP, signal.SIGILL}
)
"""Failures of allocators, and the signal of the kernel."""


@dataclass(frozen=True, slots=True)
class ProcessExit:
    """How a child process ended.

    Attributes:
        code: exit code, or the negative number of the signal.
        peak_bytes: peak of its own resident memory; 0 if it was below the inherited one.
        stderr_tail: the end of its standard error.
    """

    code: int
    peak_bytes: int
    stderr_tail: bytes

    @property
    def how(self) -> str:
        """The end in short: ``SIGSEGV``, ``exit code 3``."""
        if self.code >= 0:
            return f"exit code {self.code}"
        try:
            return signal.Signals(-self.code).name
        except ValueError:
            return f"signal {-self.code}"


def failure_of_exit(exit_: ProcessExit, memory_bytes: int) -> ItemFailure:
    """Return the failure of the item that was being processed.

    Args:
        exit_: how the process ended.
        memory_bytes: its limit of memory.
    """
    said_so = _ALLOCATION.search(exit_.stderr_tail) is not None
    near = exit_.peak_bytes >= memory_bytes * _NEAR_THE_LIMIT
    if said_so or (near and -exit_.code in _ALLOCATION_ENDS):
        return out_of_memory(memory_bytes)
    return ItemFailure(FailureClass.CRASHED, f"The engine's process died ({exit_.how}).")


def out_of_memory(memory_bytes: int) -> ItemFailure:
    """Return the failure of an engine that exceeded its memory limit."""
    return ItemFailure(
        FailureClass.OUT_OF_MEMORY,
        f"The engine needed more memory than its limit of {memory_bytes // _MIB} MiB.",
    )


def peak_so_far() -> int:
    """Return the peak resident memory that the kernel attributes to this process, in bytes.

    At its start this is the peak of its parent: `vfork` shares the parent's memory with the child,
    and the kernel attributes it to the child.
    """
    return peak_bytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def peak_bytes(maxrss: int) -> int:
    """Return ``ru_maxrss`` in bytes: Linux counts in KiB, macOS in bytes."""
    return maxrss if sys.platform == "darwin" else maxrss * 1024
