"""The environment of child processes: nothing of the worker's, so no secret can leak."""

from docmill.settings import APPLICATION, IS_INSTALLED

_ONE_THREAD = ("OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "RAYON_NUM_THREADS", "TOKIO_WORKER_THREADS")
"""A child is one slot. Thread pools as wide as the machine would also eat its address space."""


def child_environment(folder: str | None = None) -> dict[str, str]:
    """Return the whole environment of a child process.

    Args:
        folder: its private folder, for temporary files and as its home; also the only place
            where programs are looked for, so that no library starts one by its name.
    """
    environment = {
        "LANG": "C.UTF-8",
        "MALLOC_ARENA_MAX": "2",
        **dict.fromkeys(_ONE_THREAD, "1"),
    }
    if not IS_INSTALLED:
        environment["PYTHONPATH"] = str(APPLICATION)
    if folder:
        environment |= dict.fromkeys(("HOME", "TMPDIR", "PATH"), folder)
    return environment
