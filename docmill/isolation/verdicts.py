"""The memory of a child process, and why it died: out of memory, or crashed."""

import re
import resource
import signal
import sys
from dataclasses import dataclass

from docmill.errors import FailureClass, ItemFailure

_MIB = 1024 * 1024
_NEAR_THE_LIMIT = 0.5
"""A process can die of its address space long before its resident memory reaches it."""

_ALLOCATION = re.compile(
    rb"memory allocation of|bad_alloc|out of memory|cannot allocate|MemoryError|alloc(ation)? fail",
    re.I,
)
_ALLOCATION_ENDS = frozenset(
    {signal.SIGABRT, signal.SIGKILL, signal.SIGSEGV, signal.SIGBUS, signal.SIGTRAP, signal.SIGILL}
)
"""How allocators give up, and the kernel's own way."""


@dataclass(frozen=True, slots=True)
class Death:
    """How a child ended.

    Attributes:
        code: exit code, or minus the number of the signal.
        peak_bytes: the most resident memory of its own; 0 when that was below what it inherited.
        last_words: the end of its standard error.
    """

    code: int
    peak_bytes: int
    last_words: bytes

    @property
    def how(self) -> str:
        """The end in one word or two: ``SIGSEGV``, ``exit code 3``."""
        if self.code >= 0:
            return f"exit code {self.code}"
        try:
            return signal.Signals(-self.code).name
        except ValueError:
            return f"signal {-self.code}"


def verdict(death: Death, memory_bytes: int) -> ItemFailure:
    """Return the failure that ``death`` means for the item that was being worked on.

    Args:
        death: how the child ended.
        memory_bytes: the limit that it ran under.
    """
    said_so = _ALLOCATION.search(death.last_words) is not None
    near = death.peak_bytes >= memory_bytes * _NEAR_THE_LIMIT
    if said_so or (near and -death.code in _ALLOCATION_ENDS):
        return out_of_memory(memory_bytes)
    return ItemFailure(FailureClass.CRASHED, f"The engine's process died ({death.how}).")


def out_of_memory(memory_bytes: int) -> ItemFailure:
    """Return the failure of an engine that needed more than its limit."""
    return ItemFailure(
        FailureClass.OUT_OF_MEMORY,
        f"The engine needed more memory than its limit of {memory_bytes // _MIB} MiB.",
    )


def peak_so_far() -> int:
    """Return the most resident memory, in bytes, that the kernel puts down to this process.

    Just after the start that is what the process which started it had: `vfork` lends a child its
    parent's memory, and the kernel counts it as the child's.
    """
    return peak_bytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def peak_bytes(maxrss: int) -> int:
    """Return ``ru_maxrss`` in bytes: Linux counts in KiB, macOS in bytes."""
    return maxrss if sys.platform == "darwin" else maxrss * 1024
