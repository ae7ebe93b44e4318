"""The measurements work. How fast things are is for `make bench` to say."""

import subprocess
import sys

from tests.house.code import ROOT


def test_the_quick_form_measures_everything() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--quick"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    for figure in (
        "whole product",
        "limit",
        "again",
        "first item",
        "cancel",
        "history",
        "beside",
        "lit",
        "words in Markdown",
        "checks of content",
    ):
        assert figure in done.stdout
