"""Output names: mirrored, safe and unique."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docmill.outputs.names import output_names

RESERVED = ["manifest.jsonl", "manifest.parquet", "manifest.sha256", "manifests", "report.html"]

ODD = [
    "..",
    ".",
    "",
    "a",
    "a.md",
    "a.files",
    "page_1.png",
    "a.json",
    "A.MD",
    ".git",
    "~0123456789abcdef",
    "x" * 300,
]
part = st.text(min_size=0, max_size=12) | st.sampled_from([*ODD, *RESERVED])
paths = st.lists(part, min_size=1, max_size=4).map("/".join)


def test_output_names_mirror_the_source_and_keep_the_extension() -> None:
    names = output_names("2024/müller & söhne/Invoice 1.pdf")
    assert names.json == "2024/müller & söhne/Invoice 1.pdf.json"
    assert names.markdown == names.of("document.md") == "2024/müller & söhne/Invoice 1.pdf.md"
    assert names.of("page_1.png") == "2024/müller & söhne/Invoice 1.pdf.files/page_1.png"


@pytest.mark.parametrize("path", ["a.pdf", "a.pdf.md", "manifest", "report.html", "noext", "a b"])
def test_ordinary_name_is_unchanged(path: str) -> None:
    assert output_names(path).markdown == f"{path}.md"


@pytest.mark.parametrize(
    "path", [f"{name}/x.pdf" for name in RESERVED] + ["a.md/x", "a.json/x", "a.files/x"]
)
def test_folder_never_has_the_name_of_an_output(path: str) -> None:
    assert not output_names(path).json.startswith(path.partition("/")[0] + "/")
    assert output_names(path).json.endswith("/" + path.rpartition("/")[2] + ".json")


@given(paths)
def test_output_name_is_safe_for_any_path(path: str) -> None:
    names = output_names(path)
    for name in (names.json, names.markdown, names.of("page_1.png")):
        name.encode()
        parts = name.split("/")
        assert all(p and p not in (".", "..") and not p.startswith(".") for p in parts)
        assert all(len(p.encode()) <= 255 and p.isprintable() for p in parts)
        assert len(name.encode()) < 3100
        assert not Path(name).is_absolute()
        assert parts[0] not in RESERVED


@given(st.lists(paths, min_size=2, max_size=6, unique=True))
def test_output_names_of_files_and_folders_are_unique(many: list[str]) -> None:
    names = [output_names(path) for path in many]
    files = [n for one in names for n in (one.json, one.markdown, one.of("page_1.png"))]
    assert len(set(files)) == len(files)
    folders = {str(parent) for file in files for parent in Path(file).parents}
    assert not folders & set(files)


def test_output_name_that_looks_hashed_is_hashed() -> None:
    changed = output_names("../a.pdf").json.removesuffix(".json")
    again = output_names(changed).json.removesuffix(".json")
    names = [changed, again, output_names(again).json.removesuffix(".json")]
    assert all(one != other for one, other in itertools.combinations(names, 2))


def test_overlong_path_is_shortened() -> None:
    deep = "/".join(["folder"] * 1000) + "/a.pdf"
    assert output_names(deep).json.startswith("a.pdf~")
    assert output_names(deep).json != output_names("x/" + deep).json
