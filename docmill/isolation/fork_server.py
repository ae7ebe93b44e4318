"""Fork server of engine processes: ``… -m docmill.isolation.fork_server PARENT ENGINES``.

It imports the engines once, never reads a document, and has one thread. Standard input is a socket
to the worker. The command ``fork`` has three descriptors (requests, answers and standard error of
the new process); ``kill`` kills a process with its descendants. For each process the server sends
``forked``, and ``ended`` with its exit status.

On Linux it is the reaper of all descendants of its processes, in any session and with any
environment: children that it did not fork are killed.
"""

import gc
import os
import selectors
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from docmill.engines.base import Preloads, Profile, profile_of
from docmill.engines.registry import PARSE, Registry
from docmill.isolation import child, frames, limits
from docmill.isolation.exits import peak_bytes
from docmill.isolation.families import kill_marked
from docmill.isolation.sandbox.confinement import Level

DESCRIPTORS = 3
"""Descriptors of the command ``fork``."""
_READ = 64 * 1024
_SWEEPS = 1000
"""Passes to kill descendants; a process that forks meanwhile needs more than one."""


class ForkServer:
    """Event loop of the server: commands of the worker, and ends of its processes."""

    def __init__(self, worker: socket.socket, registry: Registry) -> None:
        self._worker = worker
        self._registry = registry
        self._processes: dict[int, int] = {}
        self._folders: dict[int, str] = {}
        self._received = frames.Decoder()
        self._descriptors: list[int] = []
        self._wakeup = socket.socketpair()

    def serve(self) -> None:
        """Serve until the worker closes the socket."""
        for end in self._wakeup:
            end.setblocking(False)
        signal.set_wakeup_fd(self._wakeup[1].fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        profiles = sorted({profile_of(engine) for engine in self._registry.engines(PARSE)})
        self._say({"profiles": profiles})
        with selectors.DefaultSelector() as selector:
            selector.register(self._worker, selectors.EVENT_READ)
            selector.register(self._wakeup[0], selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is not self._worker:
                        with suppress(BlockingIOError):
                            self._wakeup[0].recv(_READ)
                    elif not self._read():
                        return
                self._reap()

    def _read(self) -> bool:
        """Handle a message; return False when the worker is gone."""
        data, descriptors, _, _ = socket.recv_fds(self._worker, _READ, DESCRIPTORS)
        self._descriptors += descriptors
        for frame in self._received.feed(data):
            self._obey(frame.message)
        return bool(data)

    def _obey(self, message: dict[str, Any]) -> None:
        if "kill" in message:
            for pid, token in self._processes.items():
                if token == message["kill"]:
                    os.kill(pid, signal.SIGKILL)
            return
        token, folder = int(message["fork"]), message["folder"]
        given = self._descriptors[:DESCRIPTORS]
        del self._descriptors[:DESCRIPTORS]
        server = os.getpid()
        try:
            pid = os.fork()
            if pid == 0:
                self._become(message, given, server)
        except OSError as error:
            os.write(2, f"fork: {error}\n".encode())
            self._say({"ended": token, "code": 1, "peak": 0})
            return
        finally:
            for descriptor in given:
                os.close(descriptor)
        self._processes[pid] = token
        self._folders[pid] = folder
        self._say({"forked": token, "pid": pid})

    def _become(self, message: dict[str, Any], given: list[int], server: int) -> NoReturn:
        """Become an engine process."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            settings = child.ProcessSettings(
                server=server,
                folder=Path(message["folder"]),
                level=Level(message["level"]),
                profile=Profile(message["profile"]),
                memory_bytes=message["memory_bytes"],
                output_bytes=message["output_bytes"],
            )
            child.live(settings, given, self._registry)
            code = 0
        except BaseException as error:  # noqa: BLE001 - it must never continue as the server
            with suppress(OSError):
                os.write(2, f"{type(error).__name__}: {error}\n".encode())
        finally:
            # Native libraries may crash during the interpreter's shutdown.
            os._exit(code)

    def _reap(self) -> None:
        for pid in list(self._processes):
            if hasattr(os, "waitid"):
                if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
                    continue
                # Not reaped yet, so the group id cannot have been reused.
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid, signal.SIGKILL)
                self._end_orphans(self._folders[pid])
            ended, status, usage = os.wait4(pid, os.WNOHANG)
            if ended == 0:
                continue
            del self._folders[pid]
            token, code = self._processes.pop(pid), os.waitstatus_to_exitcode(status)
            self._say({"ended": token, "code": code, "peak": peak_bytes(usage.ru_maxrss)})

    def _end_orphans(self, folder: str) -> None:
        """Kill the descendants of a process, which became children of the server."""
        for _ in range(_SWEEPS):
            found = children()
            if found is None:
                kill_marked(folder)
                return
            orphans = found - self._processes.keys()
            if not orphans:
                return
            for pid in orphans:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                with suppress(ChildProcessError):
                    os.waitpid(pid, 0)

    def _say(self, message: dict[str, Any]) -> None:
        with suppress(OSError):  # the worker is gone; the next read ends the loop
            self._worker.sendall(frames.pack(message))


def children() -> set[int] | None:
    """Return the children of this process; None if the kernel does not list them."""
    try:
        listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii")
    except OSError:
        return None
    return {int(pid) for pid in listed.split()}


def main() -> None:
    """Import the engines, then serve."""
    parent, engines = int(sys.argv[1]), sys.argv[2]
    limits.die_with_parent(parent)
    worker = socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    registry = child.load_registry(engines)
    for engine in registry.engines(PARSE):
        if isinstance(engine, Preloads):
            engine.preload()
    # Loaded modules live as long as the process, so collections can skip them.
    gc.collect()
    gc.freeze()
    ForkServer(worker, registry).serve()
    os._exit(0)


if __name__ == "__main__":
    main()
