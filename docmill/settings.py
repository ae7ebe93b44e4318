"""Settings from the environment: ``DOCMILL_*``. Temporal's own settings are ``TEMPORAL_*``.

They are read once, when a process starts; errors name the variable of an invalid value.
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
"""Whether Docmill is installed from a wheel; otherwise it runs from a checkout."""
APPLICATION = _PACKED if IS_INSTALLED else Path(__file__).resolve().parents[1]
"""Folder of worker.py, server.py, ``workflows`` and ``activities``."""
CODE = Path(__file__).resolve().parent
"""Folder of the package ``docmill``."""

_URL_OR_NOTHING = r"^(https?://[^\s/]+.*)?$"
_BucketUrl = Annotated[str, Field(pattern=r"^(s3|gs|az)://[^\s/?#@]+(/[^?#]*)?$")]
_ADDRESS_OR_NOTHING = r"^((\[[0-9a-fA-F:.]+\]|[^\s:\[\]]+):\d{1,5})?$"
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
"""Hosts that only this machine reaches: a server may listen there without further settings."""
REFERENCE = "secret:"
"""Start of the value of a secret setting that names a file in ``DOCMILL_SECRETS_DIR``."""

_ITEM_SLOTS_PER_ENGINE = 4
"""A slot waits for its next activity for about as long as a short activity takes. With 8 slots
instead of 2, Temporal's server spends less than half of the time on each activity."""
_MAX_ITEM_SLOTS = 16
"""More slots are not faster, as measured with 2 to 32."""


def _split(separator: str) -> Callable[[object], object]:
    """Return a validator that splits the text of an environment variable into a list."""

    def split(value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(part.strip() for part in value.split(separator) if part.strip())

    return split


class Settings(BaseSettings):
    """All settings, with defaults that need no other service.

    Attributes:
        home: folder of all local data: database, results, Temporal's file.
        database_url: SQLAlchemy URL (``postgresql://``); empty means SQLite in the home folder.
        database_wait_seconds: how long a command that starts waits for a PostgreSQL that does not
            answer; 0 ends it at once.
        secret_key: encrypts webhook endpoints, saved configurations and the keys of signed links
            in the records: 32 bytes in base64. Several keys are separated by commas: the first
            encrypts, all decrypt. For SQLite the default is a key file next to the database; a
            shared database without it stores them as they are, which ``auth=keys`` refuses.
        payload_keys: encrypts the payloads in Temporal: keys ``ID:BASE64`` of 32 bytes, separated
            by commas or lines. The first encrypts, all decrypt. Empty leaves payloads plain.
        payload_keys_command: command that prints these keys, run once by each process without a
            shell; instead of ``payload_keys``.
        codec_proxy_secret: secret that an authenticating proxy adds to each request to the codec
            server, in the header ``X-Docmill-Proxy-Secret``; without it the codec server listens on
            loopback only.
        store_url: object store (``s3://``, ``gs://``, ``az://``); empty means files in the home
            folder.
        temporal_ui_url: URL of the Web UI of a Temporal server that is not embedded, for links to
            batches.
        engine_slots: files that one worker parses at the same time, one child process each; see
            also `item_slots`.
        engine_timeout_seconds: time limit for one file, to which its pages add; after it the child
            process is killed.
        engine_timeout_page_seconds: time that each page adds.
        engine_timeout_ocr_page_seconds: additional time for each page that needs OCR.
        engine_timeout_max_seconds: maximum time limit of one run of an engine, also for the
            ``timeouts`` of a parse.
        engine_memory_mb: maximum address space of one child process, in MiB.
        engine_output_mb: maximum size of a file that a child process writes, in MiB.
        engine_folder_mb: maximum total size of the files of one child process, in MiB.
        sandbox: confinement of child processes: ``require`` starts no worker without Landlock and
            system call filters, ``prefer`` uses what the system supports, ``off`` disables it.
        sandbox_reuse: what one child process may read: ``group`` for any number of documents of one
            project, ``document`` for one document.
        sandbox_bubblewrap: whether child processes also run in namespaces of the program
            bubblewrap, where it starts: without a network, with a read-only file system.
        engines_allow: names of the installed third-party engines that may be loaded, separated
            by commas; ``*`` allows all, an empty value none.
        engines_prefer: names of third-party engines that are preferred to built-in ones for media
            types that both read, in this order, separated by commas.
        max_file_mb: larger files are skipped (``size_limit_exceeded``), in MiB.
        max_pages: maximum pages of one file; a file with more fails as ``too_many_pages``.
        slice_from_pages: a document with more requested pages is read in slices, by several
            processes at the same time; 0 reads every document in one process.
        slice_from_ocr_pages: likewise for pages that need OCR.
        max_cells: maximum cells of all tables of one file; a file with more fails as
            ``limit_exceeded``. A million cells take the engine about a gigabyte of memory.
        max_html_mb: maximum size of one HTML page, in MiB; a larger one fails as
            ``limit_exceeded``.
        max_unpacked_mb: maximum unpacked size of one Office file or e-book, in MiB; a larger one
            fails as ``limit_exceeded``.
        concurrency: items of one batch in flight at the same time, over all workers.
        items_per_activity: maximum number of small files of a batch that share one activity, 1..64;
            ``auto`` groups them by their expected work.
        max_running_batches: batches of one project that run at the same time; further ones are
            queued as THROTTLED. 0 sets no limit.
        max_upload_mb: maximum size of an upload to the HTTP API, in MiB.
        auth: ``keys`` requires an API key for every request, even before the first key exists;
            empty requires one once a key exists.
        public_url: URL of the HTTP API behind a reverse proxy: links start with it, and requests
            with its host are accepted.
        source_roots: folders below which the HTTP API may list local files, separated by ``:``;
            if empty, only the command line can create directories over local folders.
        source_buckets: URLs of buckets (``s3://bucket/prefix``) below which the HTTP API may list
            objects, separated by commas; if empty, only the command line can create directories
            over buckets.
        destination_roots: folders below which the HTTP API may have results of batches written, as
            the workers see them, separated by ``:``; ``{project_id}`` stands for the UUID of the
            request's project. If empty, results are written to no folder.
        destination_buckets: URLs of buckets (``s3://bucket/results/{project_id}``) below which the
            HTTP API may have results of batches written, separated by commas; likewise.
        fence_allow: hosts, addresses and networks that URLs may use although they are not on the
            public Internet, separated by commas.
        fetch_timeout_seconds: time limit for fetching one URL, including redirects.
        fetch_proxies: URLs of the HTTP proxies that a request may name, separated by commas.
        result_ttl_days: results that were not used for this time are purged; 0 keeps them.
        webhook_log_days: how long entries of the webhook delivery log are kept.
        webhook_give_up_days: how long an event is retried before it is given up.
        parse_engine: engine of parse jobs: ``local`` or ``llamacloud``.
        classify_engine: engine of classify jobs: ``basic``, ``llm`` or ``llamacloud``; empty means
            ``llm`` if an endpoint is configured, else ``basic``.
        extract_engine: engine of extract jobs: ``basic``, ``llm`` or ``llamacloud``; empty means
            ``llm`` if it is configured, else ``llamacloud``.
        llm_base_url: URL of an OpenAI-compatible endpoint, including its ``/v1``.
        llm_model: the model's name at that endpoint.
        llm_api_key: its API key; empty sends none.
        llm_context_chars: maximum characters of a document in one request to the model; longer
            documents are split. Four characters are about one token.
        llamacloud_base_url: URL of LlamaCloud, or of a server with its API.
        llamacloud_api_key: its API key; empty means that LlamaCloud is not used.
        llamacloud_project_id: the project there; empty means the default project of the key.
        llamacloud_keep_files: whether uploaded files are kept there after their item has ended.
        remote_slots: items of remote engines that one worker processes at the same time.
        remote_concurrency: maximum requests in flight to one remote host.
        remote_rate: maximum requests per second to one remote host; 0 sets no limit.
        remote_timeout_seconds: time limit for one item at a remote engine, including waiting.
        secrets_dir: folder of the secrets that settings name as ``secret:NAME``.
        temporal_namespaces: further namespaces that a v1 request may name, separated by commas.
        worker_deployment: name of the Temporal Worker Deployment of this worker, of letters,
            digits, ``_`` and ``-``; empty uses no worker versioning. It needs a Temporal server of
            your own.
        worker_build_id: version of this worker's code in its deployment, for example the tag of its
            image; empty means a hash of Docmill's code.
        strict: default codes or kinds of warnings that make a completed file fail, separated by
            commas; empty for none.
        worker_metrics_address: ``HOST:PORT`` at which a worker exposes its metrics to Prometheus,
            without authentication; empty exposes none.
        api_metrics_address: likewise for the HTTP API, on a port of its own; empty exposes none.
        worker_health_address: ``HOST:PORT`` at which a worker answers probes: ``/healthz`` while it
            runs, ``/readyz`` while it takes tasks; empty opens no port.
        stuck_seconds: a running batch without a new outcome for this time counts as stuck in the
            metrics.
        otlp_endpoint: base URL of an OpenTelemetry collector (OTLP over HTTP) that takes traces;
            empty creates none. It needs the extra ``otel``.
        log_level: ``DEBUG``, ``INFO``, ``WARNING`` or ``ERROR``.
        log_format: ``console`` or ``json``.
    """

    model_config = SettingsConfigDict(env_prefix="DOCMILL_", extra="ignore", frozen=True)

    home: Path = Field(default_factory=lambda: user_data_path("docmill"))
    database_url: SecretStr = SecretStr("")
    database_wait_seconds: float = Field(default=60, ge=0, le=3_600)
    secret_key: SecretStr = SecretStr("")
    payload_keys: SecretStr = SecretStr("")
    payload_keys_command: str = ""
    codec_proxy_secret: SecretStr = SecretStr("")
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
    sandbox_bubblewrap: bool = False
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
    source_buckets: Annotated[tuple[_BucketUrl, ...], NoDecode, BeforeValidator(_split(","))] = ()
    destination_roots: Annotated[
        tuple[Path, ...], NoDecode, BeforeValidator(_split(os.pathsep))
    ] = ()
    destination_buckets: Annotated[
        tuple[_BucketUrl, ...], NoDecode, BeforeValidator(_split(","))
    ] = ()
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
    worker_deployment: str = Field(default="", pattern=r"^[A-Za-z0-9_-]*$", max_length=100)
    worker_build_id: str = Field(default="", pattern=r"^[A-Za-z0-9._+-]*$", max_length=100)
    strict: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split(","))] = ()
    worker_metrics_address: str = Field(default="", pattern=_ADDRESS_OR_NOTHING)
    api_metrics_address: str = Field(default="", pattern=_ADDRESS_OR_NOTHING)
    worker_health_address: str = Field(default="", pattern=_ADDRESS_OR_NOTHING)
    stuck_seconds: float = Field(default=3600, gt=0)
    otlp_endpoint: str = Field(default="", pattern=_URL_OR_NOTHING)
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
        """The async SQLAlchemy URL of the database."""
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
        """Single items that one worker processes at the same time.

        There are more than engine processes, so that items are read, hashed, stored and recorded
        while the engine processes work on others.
        """
        slots = min(_ITEM_SLOTS_PER_ENGINE * self.engine_slots, _MAX_ITEM_SLOTS)
        return max(slots, self.engine_slots)

    @property
    def scratch(self) -> Path:
        """The folder for temporary files; each process has its own folder below it."""
        return self.home / "scratch"

    @property
    def store(self) -> str:
        """The URL of the object store."""
        return self.store_url or (self.home / "objects").as_uri()


def load_settings(**overrides: object) -> Settings:
    """Return the settings of this process.

    Args:
        overrides: values from the command line, which override the environment.

    Raises:
        UsageError: a value is invalid; the message names the variable.
    """
    try:
        settings = Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = "DOCMILL_" + str(first["loc"][0]).upper()
        raise UsageError(f"{name}: {first['msg']}", f"Correct or unset {name}.") from None
    known = {"home": settings.home.expanduser().absolute()}
    return settings.model_copy(update=known | _resolved_secrets(settings))


def _resolved_secrets(settings: Settings) -> dict[str, SecretStr]:
    """Return the secrets that settings name as ``secret:NAME``, read from their files.

    Raises:
        UsageError: a file cannot be read; the message names the variable, never a secret.
    """
    found: dict[str, SecretStr] = {}
    for field, value in settings:
        if not isinstance(value, SecretStr) or not value.get_secret_value().startswith(REFERENCE):
            continue
        name = value.get_secret_value().removeprefix(REFERENCE)
        try:
            path = settings.secrets_dir / Path(name).name
            found[field] = SecretStr(path.read_text(encoding="utf-8").strip())
        except (OSError, ValueError):
            raise UsageError(
                f"DOCMILL_{field.upper()} names the secret {name}, which cannot be read.",
                f"Write it to a file with that name in {settings.secrets_dir}, "
                "or set DOCMILL_SECRETS_DIR.",
            ) from None
    return found
