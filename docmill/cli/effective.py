"""The command settings: the effective settings, and where each comes from."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr
from rich.table import Table

from docmill.cli.console import Console
from docmill.cli.execute import execute, settings_of
from docmill.cli.exits import Exit
from docmill.cli.options import HomeOption, JsonOption
from docmill.errors import UsageError
from docmill.isolation.sandbox.confinement import available
from docmill.settings import REFERENCE, Settings

MASK = "***"
PREFIX = "DOCMILL_"
TEMPORAL_PREFIX = "TEMPORAL_"
DEFAULT, ENVIRONMENT, OPTION = "default", "environment", "option --home"

TEMPORAL_SHOWN = frozenset(
    f"{TEMPORAL_PREFIX}{name}"
    for name in (
        "ADDRESS",
        "NAMESPACE",
        "PROFILE",
        "CONFIG_FILE",
        "TLS",
        "TLS_SERVER_NAME",
        "TLS_CLIENT_CERT_PATH",
        "TLS_CLIENT_KEY_PATH",
        "TLS_SERVER_CA_CERT_PATH",
    )
)
"""Variables of the SDK that hold no secret; the values of all others are masked.
Source: https://docs.temporal.io/develop/environment-configuration."""


def settings(as_json: JsonOption = False, home: HomeOption = None) -> None:
    """Print the effective settings, and where each comes from.

    Secrets are masked: the values of secret settings, and passwords and queries in URLs. Variables
    DOCMILL_… that are no settings are listed too, because they have no effect.
    """
    execute(print_settings(as_json=as_json, home=home))


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as it takes effect.

    Attributes:
        name: its environment variable.
        value: as text; secrets are masked.
        source: ``default``, ``environment``, ``secret file PATH`` or ``option --home``.
    """

    name: str
    value: str
    source: str


async def print_settings(*, as_json: bool, home: Path | None) -> int:
    """Print all settings, Temporal's variables and the level of the sandbox."""
    console = Console(as_json=as_json)
    effective = settings_of(home)
    found = [*described(effective, os.environ, home), *of_temporal(os.environ)]
    level, remark = sandbox_of(effective)
    ignored = unknown(os.environ)
    console.print_json(
        {
            "settings": [asdict(one) for one in found],
            "sandbox": {"level": level, "detail": remark},
            "unknown": ignored,
        }
    )
    if not as_json:
        table = Table("variable", "value", "from", box=None, pad_edge=False)
        for one in found:
            style = None if one.source == DEFAULT else "bold"
            table.add_row(one.name, one.value, one.source, style=style)
        console.print_table(table)
        console.print(f"\nSandbox of engine processes: {remark}")
        for name in ignored:
            console.print(f"{name} is not a setting and has no effect.", style="yellow")
    return Exit.OK


def described(
    effective: Settings, environment: Mapping[str, str], home: Path | None = None
) -> Iterator[Setting]:
    """Yield every setting of Docmill, in the order of their documentation.

    Args:
        effective: the settings.
        environment: variables from which they were read.
        home: value of the option ``--home``, which takes its default from the environment.
    """
    given = {name.upper(): value for name, value in environment.items()}
    for field, value in effective:
        name = PREFIX + field.upper()
        source = _source(effective.secrets_dir, value, given.get(name))
        if field == "home" and home is not None and str(home) != given.get(name):
            source = OPTION
        yield Setting(name, shown(value), source)


def _source(secrets: Path, value: Any, given: str | None) -> str:
    if isinstance(value, SecretStr) and given and given.startswith(REFERENCE):
        return f"secret file {secrets / Path(given.removeprefix(REFERENCE)).name}"
    return DEFAULT if given is None else ENVIRONMENT


def of_temporal(environment: Mapping[str, str]) -> Iterator[Setting]:
    """Yield the variables of Temporal's SDK that are set."""
    for name, value in sorted(environment.items()):
        if name.startswith(TEMPORAL_PREFIX):
            text = masked_url(value) if name in TEMPORAL_SHOWN else MASK
            yield Setting(name, text, ENVIRONMENT)


def unknown(environment: Mapping[str, str]) -> list[str]:
    """Return variables with Docmill's prefix that are no settings, such as misspelled ones."""
    known = {PREFIX + field.upper() for field in Settings.model_fields}
    return sorted(
        name
        for name in environment
        if name.upper().startswith(PREFIX) and name.upper() not in known
    )


def sandbox_of(effective: Settings) -> tuple[str, str]:
    """Return the level of confinement on this machine, and the line that `doctor` prints."""
    try:
        found = available(effective.sandbox, bubblewrap=effective.sandbox_bubblewrap)
    except UsageError as error:
        return "unavailable", error.message
    return str(found.level), str(found)


def shown(value: Any) -> str:
    """Return a value as text without secrets."""
    if isinstance(value, SecretStr):
        return MASK if value.get_secret_value() else ""
    if isinstance(value, tuple):
        return ",".join(shown(part) for part in value)
    return masked_url(f"{value:g}" if isinstance(value, float) else str(value))


def masked_url(text: str) -> str:
    """Mask the user, password and query of a URL; other text is returned as it is."""
    if "://" not in text:
        return text
    try:
        parts = urlsplit(text)
    except ValueError:
        return MASK
    credentials, at, host = parts.netloc.rpartition("@")
    return urlunsplit(
        parts._replace(
            netloc=f"{MASK if credentials else ''}{at}{host}",
            query=MASK if parts.query else "",
            fragment=MASK if parts.fragment else "",
        )
    )
