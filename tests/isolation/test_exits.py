"""Exit codes of child processes and the failures that they indicate."""

import pytest

from docmill.errors import FailureClass
from docmill.isolation.exits import ProcessExit, failure_of_exit

LIMIT = 1000 * 1024 * 1024
SMALL = 50 * 1024 * 1024
LARGE = 900 * 1024 * 1024


@pytest.mark.parametrize(
    ("exit_", "expected"),
    [
        (ProcessExit(-11, SMALL, b""), FailureClass.CRASHED),
        (ProcessExit(-6, SMALL, b"assertion failed"), FailureClass.CRASHED),
        (ProcessExit(3, LARGE, b""), FailureClass.CRASHED),
        (ProcessExit(-9, SMALL, b""), FailureClass.CRASHED),
        (ProcessExit(-9, LARGE, b""), FailureClass.OUT_OF_MEMORY),
        (ProcessExit(-6, LARGE, b""), FailureClass.OUT_OF_MEMORY),
        (
            ProcessExit(-6, SMALL, b"memory allocation of 99 bytes failed"),
            FailureClass.OUT_OF_MEMORY,
        ),
        (ProcessExit(-6, SMALL, b"what():  std::bad_alloc"), FailureClass.OUT_OF_MEMORY),
        (
            ProcessExit(127, SMALL, b"cannot allocate memory for thread-local"),
            FailureClass.OUT_OF_MEMORY,
        ),
        (ProcessExit(-11, LARGE, b""), FailureClass.OUT_OF_MEMORY),
    ],
)
def test_running_out_of_memory_is_distinguished_from_a_crash(
    exit_: ProcessExit, expected: FailureClass
) -> None:
    assert failure_of_exit(exit_, LIMIT).failure_class is expected
