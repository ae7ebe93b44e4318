"""Who may import whom. One table for our own modules, one for libraries with an owner.

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
    "docmill.parameters",
    "docmill.settings",
    "docmill.webhook_events",
)
"""The stable side: words that every room speaks."""

OUTWARD = ("docmill.fencing", "docmill.fetching")
"""What reaches out to addresses that come from outside."""

STORAGE = ("docmill.records", "docmill.objects", "docmill.sources")
"""What holds data: the ledger, the bytes, where bytes come from."""

TEMPORAL = (
    "docmill.attributes",
    "docmill.client",
    "docmill.preflight",
    "docmill.scheduling",
    "docmill.temporal_link",
)
"""What speaks to a Temporal server on behalf of the rooms."""

DELIVERY = ("docmill.webhooks",)
"""What tells others: messages, signatures, attempts, rounds."""

SERVICES = (
    "docmill.batches",
    "docmill.choosing",
    "docmill.closing",
    "docmill.creation",
    "docmill.item_documents",
    "docmill.item_engines",
    "docmill.item_groups",
    "docmill.item_limits",
    "docmill.item_slices",
    "docmill.leftovers",
    "docmill.reconciling",
    "docmill.redriving",
    "docmill.results",
    "docmill.retention",
    "docmill.scanning",
)
"""What a user asks for, put together from the rooms below; API, CLI and activities call it."""

ENGINES = ("docmill.engines", "docmill.remote")
"""What turns a file into a result: in child processes, and over the network."""

_SERVICE = (
    *BASE,
    *OUTWARD,
    *STORAGE,
    *TEMPORAL,
    *DELIVERY,
    *SERVICES,
    *ENGINES,
    "docmill.outputs",
)

MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "docmill": (),
    "docmill.contracts": ("docmill.errors", "docmill.ids"),
    "docmill.errors": (),
    "docmill.ids": (),
    "docmill.logs": (),
    "docmill.parameters": ("docmill.contracts", "docmill.errors", "docmill.ids"),
    "docmill.settings": ("docmill.errors", "docmill.contracts.warnings"),
    "docmill.webhook_events": ("docmill.contracts",),
    "docmill.fencing": ("docmill.errors",),
    "docmill.fetching": ("docmill.errors", "docmill.fencing"),
    "docmill.records": (*BASE, "docmill.engines.media", "docmill.sources.entries"),
    "docmill.objects": BASE,
    "docmill.sources": (
        *BASE,
        *OUTWARD,
        "docmill.objects",
        "docmill.records",
    ),
    "docmill.sources.entries": BASE,
    "docmill.engines": (*BASE, "docmill.isolation"),
    "docmill.engines.media": BASE,
    "docmill.isolation": (*BASE, "docmill.engines"),
    "docmill.remote": (
        *BASE,
        *OUTWARD,
        "docmill.choosing",
        "docmill.engines",
        "docmill.records.steps",
    ),
    "docmill.testing": (*BASE, "docmill.engines", "docmill.isolation"),
    "docmill.embedded": (*BASE, *TEMPORAL),
    "docmill.outputs": (*BASE, *STORAGE, "docmill.engines.base"),
    "docmill.webhooks": (*BASE, *OUTWARD, *TEMPORAL, "docmill.records"),
    **dict.fromkeys(TEMPORAL, (*BASE, *TEMPORAL)),
    **dict.fromkeys(SERVICES, _SERVICE),
    "docmill.item_engines": (*_SERVICE, "docmill.isolation"),
    "docmill.item_slices": (*_SERVICE, "docmill.isolation"),
    "docmill.api": _SERVICE,
    "docmill.cli": ("docmill",),
    "activities": ("docmill",),
    "workflows": ("docmill.contracts", "docmill.errors", "docmill.ids", "activities"),
    "worker": ("workflows", "activities", "docmill"),
    "starter": ("docmill",),
    "server": ("docmill",),
}

NEVER: dict[str, tuple[str, ...]] = {
    "activities": ("docmill.api", "docmill.cli"),
    "docmill.cli": ("docmill.api",),
}
"""Exceptions inside an allowed prefix."""

OWNED_LIBRARIES: dict[str, tuple[str, ...]] = {
    "sqlalchemy": ("docmill.records",),
    "alembic": ("docmill.records",),
    "httpcore": ("docmill.fencing",),
    "obstore": ("docmill.objects",),
    "liteparse": ("docmill.engines",),
    "xberg": ("docmill.engines",),
    "fastapi": ("docmill.api", "server"),
    "starlette": ("docmill.api", "server"),
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
