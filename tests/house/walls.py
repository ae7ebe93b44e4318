"""Which modules may import which: one table for our modules, one for owned libraries.

A rule belongs to the longest prefix of the importing module that is in the table. An entry of
its list allows that module and everything below it; a room may always import itself.
"""

from pathlib import Path

from tests.house.code import PROGRAMS, ROOMS, ROOT, imports

BASE = (
    "docmill.contracts",
    "docmill.errors",
    "docmill.ids",
    "docmill.logs",
    "docmill.settings",
    "docmill.tracing",
)
"""What every package may import."""

STORAGE = ("docmill.objects", "docmill.records", "docmill.sources")
"""What holds data: the bytes, the ledger, where bytes come from."""

ENGINES = ("docmill.engines", "docmill.isolation", "docmill.parameters", "docmill.remote")
"""What turns a file into a result: in child processes, and over the network."""

SERVICES = (
    *BASE,
    *STORAGE,
    *ENGINES,
    "docmill.batches",
    "docmill.metrics",
    "docmill.outbound",
    "docmill.outputs",
    "docmill.processing",
    "docmill.temporal",
    "docmill.upkeep",
    "docmill.webhooks",
)
"""All that doors to Docmill (API, command line, worker) put to use."""

MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "docmill": (),
    "docmill.errors": (),
    "docmill.ids": (),
    "docmill.logs": ("docmill.tracing",),
    "docmill.tracing": ("docmill.errors",),
    "docmill.contracts": ("docmill.errors", "docmill.ids"),
    "docmill.settings": ("docmill.contracts", "docmill.errors"),
    "docmill.client": ("docmill.contracts", "docmill.errors", "docmill.ids"),
    "docmill.parameters": ("docmill.contracts", "docmill.errors", "docmill.ids"),
    "docmill.outbound": ("docmill.errors",),
    "docmill.objects": BASE,
    "docmill.records": BASE,
    "docmill.sources": (*BASE, "docmill.objects"),
    "docmill.temporal": (*BASE, "docmill.client"),
    "docmill.embedded": (*BASE, "docmill.client"),
    "docmill.engines": (*BASE, "docmill.parameters"),
    "docmill.isolation": (*BASE, "docmill.engines"),
    "docmill.testing": (*BASE, "docmill.engines", "docmill.isolation", "docmill.records"),
    "docmill.remote": (
        *BASE,
        "docmill.engines",
        "docmill.outbound",
        "docmill.parameters",
        "docmill.records.steps",
    ),
    "docmill.outputs": (*BASE, "docmill.objects", "docmill.records"),
    "docmill.webhooks": (*BASE, "docmill.client", "docmill.outbound", "docmill.records"),
    "docmill.processing": (*BASE, *STORAGE, *ENGINES, "docmill.outbound"),
    "docmill.batches": (
        *BASE,
        *STORAGE,
        "docmill.client",
        "docmill.engines.choice",
        "docmill.outputs",
        "docmill.parameters",
        "docmill.processing",
        "docmill.temporal",
    ),
    "docmill.codec_server": (*BASE, "docmill.temporal"),
    "docmill.metrics": (*BASE, "docmill.records", "docmill.temporal"),
    "docmill.upkeep": (
        *BASE,
        *STORAGE,
        "docmill.client",
        "docmill.engines.choice",
        "docmill.processing",
        "docmill.remote",
        "docmill.temporal",
    ),
    "docmill.api": SERVICES,
    "docmill.api.core": SERVICES,
    "docmill.cli": (*SERVICES, "docmill.codec_server", "docmill.embedded", "docmill.testing"),
    "activities": SERVICES,
    "workflows": ("docmill.contracts", "docmill.errors", "docmill.ids", "activities"),
    "worker": ("workflows", "activities", "docmill"),
    "starter": ("docmill",),
    "server": ("docmill",),
}
"""What each package may import beside itself. No two of them import each other."""

NEVER: dict[str, tuple[str, ...]] = {}
"""Exceptions inside an allowed prefix."""

OWNED_LIBRARIES: dict[str, tuple[str, ...]] = {
    "sqlalchemy": ("docmill.records",),
    "alembic": ("docmill.records",),
    "httpcore": ("docmill.outbound.fence",),
    "obstore": ("docmill.objects",),
    "liteparse": ("docmill.engines",),
    "xberg": ("docmill.engines",),
    "fastapi": ("docmill.api", "server"),
    "starlette": ("docmill.api", "docmill.codec_server", "server"),
    "opentelemetry": ("docmill.tracing",),
    "prometheus_client": ("docmill.api.core.metrics",),
    "typer": ("docmill.cli", "starter"),
    "rich": ("docmill.cli", "starter"),
}
"""A library with one owner can be replaced by changing one room."""


def within(module: str, prefix: str) -> bool:
    """Whether ``module`` is ``prefix`` or lies below it."""
    return module == prefix or module.startswith(prefix + ".")


def rule_of(module: str) -> str:
    """The longest prefix of ``module`` that has a rule; an unknown one has none, and says so."""
    matches = [prefix for prefix in MAY_IMPORT if within(module, prefix)]
    return max(matches, key=len, default="")


def room_of(module: str) -> str | None:
    """Return the package that ``module`` belongs to, as the map of the rooms names it."""
    parts = module.split(".")
    if parts[0] not in (*ROOMS, *PROGRAMS):
        return None
    if parts[0] != "docmill":
        return parts[0]
    return ".".join(parts[: 3 if parts[1:2] == ["api"] else 2])


def crossings(root: Path = ROOT) -> list[str]:
    """Every import across a wall, each as a sentence that teaches the way out."""
    found = []
    for one in imports(root):
        top = one.target.partition(".")[0]
        if top in OWNED_LIBRARIES:
            owners = OWNED_LIBRARIES[top]
            if not any(within(one.importer, owner) for owner in owners):
                found.append(
                    f"{one.place}: {one.importer} imports {top}, which belongs to "
                    f"{' and '.join(owners)}. Add a method there, and call that."
                )
        elif top in (*ROOMS, *PROGRAMS) and one.target != "docmill":
            rule = rule_of(one.importer)
            allowed = (rule, *MAY_IMPORT.get(rule, ()))
            denied = NEVER.get(rule, ())
            if not any(within(one.target, a) for a in allowed) or any(
                within(one.target, d) for d in denied
            ):
                found.append(
                    f"{one.place}: {one.importer} imports {one.target}. {rule or 'It'} may import "
                    f"only itself{_words(MAY_IMPORT.get(rule, ()))}. Move what both need to the "
                    "side that both may import, or pass the object in from the caller."
                )
    return found


def _words(names: tuple[str, ...]) -> str:
    return "" if not names else " and " + ", ".join(names)
