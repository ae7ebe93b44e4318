"""Settings from the environment: ``DOCMILL_*``; Temporal's own are ``TEMPORAL_*``.

Every wrong value is named with its variable when a process starts; nothing is read later.
"""

import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from platformdirs import user_data_path
from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from docmill.contracts.warnings import strict_codes
from docmill.errors import UsageError

MIB = 1024 * 1024

_PACKED = Path(__file__).resolve().parent / "_application"
IS_INSTALLED = _PACKED.is_dir()
"""Whether this is the wheel's application; else it runs from a checkout, which is its root."""
APPLICATION = _PACKED if IS_INSTALLED else Path(__file__).resolve().parents[1]
"""Folder of worker.py, server.py, ``workflows`` and ``activities``."""

_URL_OR_NOTHING = r"^(https?://[^\s/]+.*)?$"
_REFERENCE = "secret:"

_ITEM_SLOTS_PER_ENGINE = 4
"""A slot waits for its next activity for about as long as a short one takes. With 8 slots instead
of 2, Temporal's server spends less than half of the time on each activity."""
_MAX_ITEM_SLOTS = 16
"""More brings nothing: measured with 2 to 32 slots."""


def _split(separator: str) -> Callable[[object], object]:
    """Return what makes a list of an environment variable's text."""

    def split(value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(part.strip() for part in value.split(separator) if part.strip())

    return split


class Settings(BaseSettings):
    """All settings, with defaults that need nothing but Python.

    Attributes:
        home: folder of everything that Docmill keeps: database, results, Temporal's file.
        database_url: SQLAlchemy URL; empty means SQLite in the home. ``postgresql://`` works.
        store_url: object store; empty means files in the home. ``s3://``, ``gs://``, ``az://``.
        temporal_ui_url: address of the Web UI of a Temporal server that is not embedded; batches'
            own pages are printed below it.
        engine_slots: files that one worker parses at the same time, one child process each; see
            also `item_slots`.
        engine_timeout_seconds: wall clock for one file, without what its pages add; afterwards its
            child is killed.
        engine_timeout_page_seconds: what each page adds to it.
        engine_timeout_ocr_page_seconds: what each page adds besides on which text is recognised.
        engine_timeout_max_seconds: the most that one run of an engine may take, and that a parse's
            own ``timeouts`` can ask for.
        engine_memory_mb: address space of one child, in MiB.
        engine_output_mb: the largest file a child may write, in MiB.
        engine_folder_mb: what all files of one child may take together, in MiB.
        sandbox: how far child processes are confined: ``require`` refuses to start a worker where
            Landlock and a filter of system calls are not to be had, ``prefer`` takes what there is,
            ``off`` confines nothing.
        sandbox_reuse: what one child process may read: ``group`` for any number of documents of one
            project, ``document`` for one document.
        engines_allow: names of the installed third-party engines that may be loaded, separated
            by commas; ``*`` allows all, an empty value none.
        engines_prefer: names of third-party engines that win over built-in ones for what both
            read, in this order, separated by commas.
        max_file_mb: larger files are skipped (``size_limit_exceeded``), in MiB.
        max_pages: pages of one file; more fail as ``too_many_pages``.
        slice_from_pages: a document of which more pages are wanted is read in slices, by several
            processes at the same time; 0 reads every document in one process.
        slice_from_ocr_pages: likewise for pages on which text is recognised.
        max_cells: cells of all tables of one file; more fail as ``limit_exceeded``. A million cells
            take the engine about a gigabyte of memory.
        max_html_mb: size of one HTML page, in MiB; larger ones fail as ``limit_exceeded``.
        max_unpacked_mb: what one Office file or e-book may unpack to, in MiB; more fails as
            ``limit_exceeded``.
        concurrency: items of one batch in flight at the same time, over all workers.
        items_per_activity: how many small files of a batch share one activity at most, 1..64;
            ``auto`` groups them by the work that they are expected to be.
        max_running_batches: batches of one project that run at the same time; the next ones wait
            in line as THROTTLED. 0 sets no limit.
        max_upload_mb: the largest file that the HTTP API takes, in MiB.
        auth: ``keys`` demands an API key of every request, also before a first one was created;
            empty demands one as soon as there is one.
        public_url: where clients reach the HTTP API, when a proxy stands before it: links begin
            with it, and its host is served.
        source_roots: folders below which the HTTP API may list local files, separated by ``:``;
            none means that directories over local folders are made by the command line only.
        fence_allow: hosts, addresses and networks that URLs may lead to although they are not on
            the public Internet, separated by commas.
        fetch_timeout_seconds: wall clock for fetching one URL, redirects included.
        fetch_proxies: URLs of the HTTP proxies that a request may name, separated by commas.
        result_ttl_days: results that nothing has used for so long are purged; 0 keeps them.
        webhook_log_days: how long the log of webhook deliveries goes back.
        webhook_give_up_days: for how long an event is tried again before it waits to be asked for.
        parse_engine: what parses: ``local`` or ``llamacloud``.
        classify_engine: what classifies: ``basic``, ``llm`` or ``llamacloud``; empty takes ``llm``
            when an endpoint is configured, else ``basic``.
        extract_engine: what extracts: ``basic``, ``llm`` or ``llamacloud``; empty takes ``llm``,
            else ``llamacloud``, whichever is configured.
        llm_base_url: an OpenAI-compatible endpoint, up to and with its ``/v1``.
        llm_model: the model's name at that endpoint.
        llm_api_key: its key; empty sends none.
        llm_context_chars: characters of a document in one question to the model; longer documents
            are asked about in parts. Four characters are about one token.
        llamacloud_base_url: where LlamaCloud, or what speaks its API, is.
        llamacloud_api_key: its key; empty means that LlamaCloud is not used.
        llamacloud_project_id: the project there; empty takes the key's own.
        llamacloud_keep_files: whether uploaded files stay there when their item has ended.
        remote_slots: items that one worker has waiting for remote engines at the same time.
        remote_concurrency: requests in flight to one remote host, at most.
        remote_rate: requests a second to one remote host, at most; 0 sets no limit.
        remote_timeout_seconds: for one item at a remote engine, waiting included.
        secrets_dir: where ``secret:NAME``, as the value of any secret setting, is read from.
        temporal_namespaces: further namespaces that a v1 request may name, separated by commas.
        strict: codes or kinds of warnings that turn a completed file into a failed one, unless a
            batch says otherwise, separated by commas; empty for none.
        log_level: ``DEBUG``, ``INFO``, ``WARNING`` or ``ERROR``.
        log_format: ``console`` or ``json``.
    """

    model_config = SettingsConfigDict(env_prefix="DOCMILL_", extra="ignore", frozen=True)

    home: Path = Field(default_factory=lambda: user_data_path("docmill"))
    database_url: SecretStr = SecretStr("")
    store_url: str = ""
    temporal_ui_url: str = ""
    engine_slots: int = Field(default_factory=lambda: os.cpu_count() or 2, ge=1, le=256)
    engine_timeout_seconds: float = Field(default=300, gt=0, le=86_400)
    engine_timeout_page_seconds: float = Field(default=1, ge=0, le=3_600)
    engine_timeout_ocr_page_seconds: float = Field(default=15, ge=0, le=3_600)
    engine_timeout_max_seconds: float = Field(default=7200, gt=0, le=86_400)
    engine_memory_mb: int = Field(default=2048, ge=384)
    engine_output_mb: int = Field(default=1024, ge=1)
    engine_folder_mb: int = Field(default=4096, ge=1)
    sandbox: Literal["require", "prefer", "off"] = "prefer"
    sandbox_reuse: Literal["group", "document"] = "group"
    engines_allow: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split(","))] = ("*",)
    engines_prefer: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split(","))] = ()
    max_file_mb: int = Field(default=300, ge=1)
    max_pages: int = Field(default=5000, ge=1)
    slice_from_pages: int = Field(default=512, ge=0)
    slice_from_ocr_pages: int = Field(default=16, ge=0)
    max_cells: int = Field(default=1_000_000, ge=1)
    max_html_mb: int = Field(default=50, ge=1)
    max_unpacked_mb: int = Field(default=256, ge=1)
    concurrency: int = Field(default=50, ge=1, le=256)
    items_per_activity: Annotated[int, Field(ge=1, le=64)] | Literal["auto"] = "auto"
    max_running_batches: int = Field(default=100, ge=0)
    max_upload_mb: int = Field(default=4096, ge=1)
    auth: Literal["", "keys"] = ""
    public_url: str = Field(default="", pattern=_URL_OR_NOTHING)
    source_roots: Annotated[tuple[Path, ...], NoDecode, BeforeValidator(_split(os.pathsep))] = ()
    fence_allow: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split(","))] = ()
    fetch_timeout_seconds: float = Field(default=120, gt=0, le=3_600)
    fetch_proxies: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split(","))] = ()
    result_ttl_days: int = Field(default=0, ge=0, le=36_500)
    webhook_log_days: int = Field(default=30, ge=1, le=36_500)
    webhook_give_up_days: int = Field(default=7, ge=1, le=365)
    parse_engine: Literal["local", "llamacloud"] = "local"
    classify_engine: Literal["", "basic", "llm", "llamacloud"] = ""
    extract_engine: Literal["", "basic", "llm", "llamacloud"] = ""
    llm_base_url: str = Field(default="", pattern=_URL_OR_NOTHING)
    llm_model: str = ""
    llm_api_key: SecretStr = SecretStr("")
    llm_context_chars: int = Field(default=48_000, ge=500, le=10_000_000)
    llamacloud_base_url: str = Field(
        default="https://api.cloud.llamaindex.ai", pattern=_URL_OR_NOTHING
    )
    llamacloud_api_key: SecretStr = SecretStr("")
    llamacloud_project_id: str = ""
    llamacloud_keep_files: bool = False
    remote_slots: int = Field(default=32, ge=1, le=1_000)
    remote_concurrency: int = Field(default=8, ge=1, le=1_000)
    remote_rate: float = Field(default=0, ge=0)
    remote_timeout_seconds: int = Field(default=3_600, gt=0, le=86_400)
    secrets_dir: Path = Path("/run/secrets")
    temporal_namespaces: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split(","))] = ()
    strict: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split(","))] = ()
    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    log_format: str = Field(default="console", pattern="^(console|json)$")

    @field_validator("strict")
    @classmethod
    def _known_warnings(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return strict_codes(words)
        except UsageError as error:
            raise ValueError(f"{error.message} {error.hint}") from None

    @cached_property
    def database(self) -> str:
        """The async SQLAlchemy URL that is used."""
        url = self.database_url.get_secret_value()
        if not url:
            return f"sqlite+aiosqlite:///{self.home / 'records.db'}"
        for plain, driver in (
            ("postgresql://", "postgresql+asyncpg://"),
            ("sqlite://", "sqlite+aiosqlite://"),
        ):
            if url.startswith(plain):
                return driver + url.removeprefix(plain)
        return url

    @property
    def item_slots(self) -> int:
        """Single items that one worker has at the same time.

        More than engine processes: while those work, further items are read and hashed before
        they get one, and stored and recorded after it.
        """
        slots = min(_ITEM_SLOTS_PER_ENGINE * self.engine_slots, _MAX_ITEM_SLOTS)
        return max(slots, self.engine_slots)

    @property
    def scratch(self) -> Path:
        """The folder of what is not yet whole; each process has its own below it."""
        return self.home / "scratch"

    @property
    def store(self) -> str:
        """The object store URL that is used."""
        return self.store_url or (self.home / "objects").as_uri()


def load_settings(**overrides: object) -> Settings:
    """Return the settings of this process.

    Args:
        overrides: values from the command line; they win over the environment.

    Raises:
        UsageError: a value is wrong; the message names the variable.
    """
    try:
        settings = Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = "DOCMILL_" + str(first["loc"][0]).upper()
        raise UsageError(f"{name}: {first['msg']}", f"Mend or unset {name}.") from None
    known = {"home": settings.home.expanduser().absolute()}
    return settings.model_copy(update=known | _resolved_secrets(settings))


def _resolved_secrets(settings: Settings) -> dict[str, SecretStr]:
    """Return the secrets that are given by reference, read from their files.

    Raises:
        UsageError: there is no such file; the message names the variable, never a secret.
    """
    found: dict[str, SecretStr] = {}
    for field, value in settings:
        if not isinstance(value, SecretStr) or not value.get_secret_value().startswith(_REFERENCE):
            continue
        name = value.get_secret_value().removeprefix(_REFERENCE)
        try:
            path = settings.secrets_dir / Path(name).name
            found[field] = SecretStr(path.read_text(encoding="utf-8").strip())
        except (OSError, ValueError):
            raise UsageError(
                f"DOCMILL_{field.upper()} names the secret {name}, which cannot be read.",
                f"Put it into a file of that name in {settings.secrets_dir}, "
                "or set DOCMILL_SECRETS_DIR.",
            ) from None
    return found
