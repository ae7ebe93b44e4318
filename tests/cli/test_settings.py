"""The command settings: effective values, their sources, no secrets."""

from dataclasses import replace
from pathlib import Path

import pytest

from docmill.cli.effective import Setting, described, masked_url, of_temporal, unknown
from docmill.isolation.sandbox.confinement import available
from docmill.settings import Settings, load_settings
from tests.cli.starting import Cli

SECRETS = ("db-pass-word", "proxy-pass-word", "model-key-word", "file-key-word", "temporal-word")


def by_name(found: list[dict[str, str]]) -> dict[str, Setting]:
    return {one["name"]: Setting(**one) for one in found}


def test_settings_names_values_and_sources_without_secrets(cold_cli: Cli, tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "cloud").write_text("file-key-word")
    cli = replace(
        cold_cli,
        extra={
            "DOCMILL_DATABASE_URL": "postgresql://docmill:db-pass-word@db/docmill",
            "DOCMILL_FETCH_PROXIES": "http://me:proxy-pass-word@proxy:1,http://plain:2",
            "DOCMILL_LLM_API_KEY": "model-key-word",
            "DOCMILL_LLAMACLOUD_API_KEY": "secret:cloud",
            "DOCMILL_SECRETS_DIR": str(secrets),
            "DOCMILL_SANDBOX": "off",
            "DOCMILL_ENGIN_SLOTS": "3",
            "TEMPORAL_ADDRESS": "temporal:7233",
            "TEMPORAL_API_KEY": "temporal-word",
        },
    )
    answer = cli.json("settings")
    found = by_name(answer["settings"])

    assert found["DOCMILL_HOME"].source == "environment"
    assert found["DOCMILL_CONCURRENCY"] == Setting("DOCMILL_CONCURRENCY", "50", "default")
    assert found["DOCMILL_ENGINE_SLOTS"] == Setting("DOCMILL_ENGINE_SLOTS", "2", "environment")
    assert found["DOCMILL_DATABASE_URL"].value == "***"
    assert found["DOCMILL_LLM_API_KEY"].value == "***"
    assert found["DOCMILL_LLAMACLOUD_API_KEY"].source == f"secret file {secrets / 'cloud'}"
    assert found["DOCMILL_FETCH_PROXIES"].value == "http://***@proxy:1,http://plain:2"
    assert found["TEMPORAL_ADDRESS"].value == "temporal:7233"
    assert found["TEMPORAL_API_KEY"].value == "***"
    assert answer["sandbox"] == {"level": "none", "detail": str(available("off"))}
    assert answer["unknown"] == ["DOCMILL_ENGIN_SLOTS"]
    for done in (cli("settings"), cli("settings", "--json")):
        assert done.returncode == 0
        assert not [word for word in SECRETS if word in done.stdout + done.stderr]


def test_home_comes_from_the_option_when_it_is_given(tmp_path: Path) -> None:
    environment = {"DOCMILL_HOME": "/elsewhere"}
    effective = load_settings(home=tmp_path)
    source_of = {one.name: one.source for one in described(effective, environment, tmp_path)}
    assert source_of["DOCMILL_HOME"] == "option --home"
    inherited = described(effective, {"DOCMILL_HOME": str(tmp_path)}, tmp_path)
    assert next(inherited).source == "environment"


def test_every_setting_is_named_once() -> None:
    found = [one.name for one in described(Settings(), {})]
    assert found == [f"DOCMILL_{name.upper()}" for name in Settings.model_fields]


def test_unlisted_variable_of_temporal_is_masked() -> None:
    found = of_temporal({"TEMPORAL_GRPC_META_AUTHORIZATION": "Bearer x", "OTHER": "y"})
    assert list(found) == [Setting("TEMPORAL_GRPC_META_AUTHORIZATION", "***", "environment")]
    assert unknown({"DOCMILL_HOME": "", "docmill_home": "", "OTHER": ""}) == []


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("s3://bucket/prefix", "s3://bucket/prefix"),
        ("az://box?sig=abc#part", "az://box?***#***"),
        ("https://user@host/v1", "https://***@host/v1"),
        ("http://[broken", "***"),
        ("plain text", "plain text"),
    ],
)
def test_url_shows_no_credentials(url: str, masked: str) -> None:
    assert masked_url(url) == masked
