"""Environment of child processes. It contains nothing of the worker's, so no secret can leak."""

from docmill.settings import APPLICATION, IS_INSTALLED

_ONE_THREAD = ("OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "RAYON_NUM_THREADS", "TOKIO_WORKER_THREADS")
"""A child process is one slot. Thread pools for all cores would also use up its address space."""


def child_environment(folder: str | None = None) -> dict[str, str]:
    """Return the complete environment of a child process.

    Args:
        folder: its private folder, used as home and for temporary files. It is also the only folder
            on the path, so that no library starts a program by its name.
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
