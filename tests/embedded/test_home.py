"""The home folder."""

from pathlib import Path

import pytest

from docmill.embedded.home import Home
from docmill.errors import UsageError


def test_home_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    home = Home(tmp_path / "new" / "home").create()

    assert home.root.stat().st_mode & 0o777 == 0o700
    assert home.objects.is_dir()
    assert home.logs.is_dir()


def test_home_that_cannot_be_created_is_named_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(UsageError, match="cannot be used") as caught:
        Home(tmp_path / "file").create()

    assert "DOCMILL_HOME" in caught.value.hint


def test_free_space_is_measured_before_the_home_exists(tmp_path: Path) -> None:
    assert Home(tmp_path / "not" / "yet").free_bytes() > 0
