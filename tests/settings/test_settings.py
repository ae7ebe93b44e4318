"""Settings: an invalid one is named with its variable, and secrets can be read from files."""

from pathlib import Path

import pytest

from docmill.errors import UsageError
from docmill.settings import load_settings


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of secrets."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    monkeypatch.setenv("DOCMILL_SECRETS_DIR", str(folder))
    return folder


def test_secret_is_read_from_the_file_that_its_setting_names(
    secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (secrets / "model").write_text("key-in-a-file\n")
    (secrets / "database").write_text("postgresql://user:word@host/db")
    monkeypatch.setenv("DOCMILL_LLM_API_KEY", "secret:model")
    monkeypatch.setenv("DOCMILL_DATABASE_URL", "secret:database")
    monkeypatch.setenv("DOCMILL_LLAMACLOUD_API_KEY", "plain")
    settings = load_settings()
    assert settings.llm_api_key.get_secret_value() == "key-in-a-file"
    assert settings.database == "postgresql+asyncpg://user:word@host/db"
    assert settings.llamacloud_api_key.get_secret_value() == "plain"
    assert "key-in-a-file" not in repr(settings)


@pytest.mark.parametrize("name", ["missing", "../outside", "", "/etc/hostname"])
def test_missing_secret_file_is_named_in_the_error(
    secrets: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (secrets.parent / "outside").write_text("not for reading")
    monkeypatch.setenv("DOCMILL_LLM_API_KEY", f"secret:{name}")
    with pytest.raises(UsageError, match="DOCMILL_LLM_API_KEY") as raised:
        load_settings()
    assert str(secrets) in raised.value.hint


@pytest.mark.parametrize(
    ("name", "value"),
    [("ENGINE_SLOTS", "0"), ("LLM_BASE_URL", "localhost:8000"), ("PARSE_ENGINE", "magic")],
)
def test_invalid_value_is_named_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"DOCMILL_{name}", value)
    with pytest.raises(UsageError, match=f"DOCMILL_{name}"):
        load_settings()
