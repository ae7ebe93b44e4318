"""Fixtures are one file per noun under `tests/fixtures`."""

pytest_plugins = [
    "tests.fixtures.api",
    "tests.fixtures.cloud",
    "tests.fixtures.corpus",
    "tests.fixtures.databases",
    "tests.fixtures.engines",
    "tests.fixtures.llama",
    "tests.fixtures.llm",
    "tests.fixtures.logs",
    "tests.fixtures.no_skips",
    "tests.fixtures.packages",
    "tests.fixtures.receivers",
    "tests.fixtures.remote",
    "tests.fixtures.running",
    "tests.fixtures.sdks",
    "tests.fixtures.stores",
    "tests.fixtures.temporal",
    "tests.fixtures.tiers",
    "tests.fixtures.web",
]
