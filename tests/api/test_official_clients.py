"""The unmodified official clients against a whole Docmill; results equal the command's."""

import json
import shutil
from pathlib import Path

import pytest

from tests.api.command import Files, differences, run_command
from tests.engines.documents import handbook
from tests.fixtures.api import ROOT
from tests.fixtures.running import RunningDocmill
from tests.fixtures.sdks import Sdk

DOCUMENTS = ROOT / "examples/documents"


@pytest.fixture(scope="session")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A flat folder with a good document of several kinds and a broken one."""
    folder = tmp_path_factory.mktemp("papers")
    for path in DOCUMENTS.iterdir():
        if path.is_file() and path.suffix != ".png":
            shutil.copy(path, folder / path.name)
    return folder


@pytest.fixture(scope="session")
def from_command(papers: Path, tmp_path_factory: pytest.TempPathFactory) -> Files:
    """What ``starter.py run`` makes of the same folder, of which one file is broken."""
    return run_command(papers, tmp_path_factory.mktemp("command"), expected=1)


def test_official_client_processes_a_folder_through_v2(
    running: RunningDocmill, python_sdk: Sdk, papers: Path, from_command: Files
) -> None:
    answer = python_sdk.run("v2_loop.py", running.url, str(papers))
    assert answer["status"] == "COMPLETED"
    assert differences(answer["files"], from_command) == {}
    broken = answer["files"]["broken-upload.pdf"]
    assert broken["status"] == "FAILED"
    assert broken["error"]


def test_asynchronous_client_processes_a_folder_through_v2(
    running: RunningDocmill, python_sdk: Sdk, papers: Path, from_command: Files
) -> None:
    answer = python_sdk.run("v2_async.py", running.url, str(papers))
    assert answer["status"] == "COMPLETED"
    assert differences(answer["files"], from_command) == {}


def test_official_client_processes_a_folder_through_v1(
    running: RunningDocmill, v1_sdk: Sdk, papers: Path
) -> None:
    answer = v1_sdk.run("v1_loop.py", running.url, str(papers))
    job, files = answer["job"], answer["files"]
    assert (job["status"], answer["progress"]) == ("completed", 100.0)
    assert job["total_items"] == len(files) == len(list(papers.iterdir()))
    assert job["failed_items"] == 1
    # What an earlier test has parsed with the same parameters is skipped here.
    assert job["processed_items"] + job["skipped_items"] == job["total_items"] - 1
    assert files["broken-upload.pdf"]["status"] == "failed"
    assert answer["history"][0]["job_type"] == "parse"
    assert str(running.home) not in json.dumps(answer)
    assert answer["refused"] == 409
    assert answer["repeated"]["status"] == "skipped"
    assert answer["repeated"]["skip_reason"] == "already_processed"


def test_official_client_runs_single_parse_jobs(
    running: RunningDocmill, python_sdk: Sdk, papers: Path, from_command: Files
) -> None:
    name = "service-contract.docx"
    answer = python_sdk.run("parse_once.py", running.url, str(papers / name))
    assert answer["markdown"] == from_command[name]["markdown"]
    assert answer["names"] == [name, name]
    job = answer["job"]
    assert (job["status"], job["tier"], job["user_metadata"]) == (
        "COMPLETED",
        "fast",
        {"mine": "yes"},
    )
    assert answer["listed"]
    assert answer["async"] == "COMPLETED"
    assert answer["refused"] == {"cancel": 409, "url": 422, "unknown": 422}
    assert "Files of single jobs" not in answer["directories"]


def test_official_client_reads_images_items_and_downloads(
    running: RunningDocmill, python_sdk: Sdk, tmp_path: Path
) -> None:
    document = tmp_path / "handbook.pdf"
    document.write_bytes(handbook("The gauge of pier one.", "Of pier two.", "Of pier three."))
    answer = python_sdk.run("parse_images.py", running.url, str(document))

    embedded, again, first, second = answer["images"]
    assert answer["total"] == 4
    assert [image["index"] for image in answer["images"]] == [0, 1, 2, 3]
    assert embedded["filename"] == again["filename"] == "img_p1_1.png"
    assert embedded["bbox"] == {"x": 100, "y": 242, "w": 200, "h": 150}
    assert (first["category"], second["filename"]) == ("screenshot", "page_2.png")
    hashes = answer["job"]["files"]
    for image in answer["images"]:
        assert image["file"]["type"] == image["content_type"] == "image/png"
        assert image["file"]["sha256"] == hashes[image["filename"]]
    assert answer["named"] == ["page_2.png"]
    assert answer["item_types"][0] == [
        ["HeaderItem", "header"],
        ["TextItem", "text"],
        ["ImageItem", "image"],
        ["FooterItem", "footer"],
    ]
    assert answer["boxes"][0] > 50
    assert answer["footers"] == ["- 7 -", "- 8 -"]
    assert answer["printed"] == ["7", "8"]
    assert [w for w in answer["job"]["warnings"] if "watermark_handling" in w["message"]]
    contents = answer["contents"]
    missing = {name for name, content in contents.items() if not content["exists"]}
    assert missing == {"forms", "xlsx"}
    for name in contents.keys() - missing:
        assert contents[name]["size"] == contents[name]["file"]["size"] > 0, name
    assert contents["outputPDF"]["file"]["start"] == "%PDF"


def test_typescript_client_reads_all_pages(
    running: RunningDocmill, typescript_sdk: Sdk, tmp_path: Path
) -> None:
    document = tmp_path / "one.md"
    document.write_text("# One\n\nA line.\n")
    answer = typescript_sdk.run("walk.cjs", running.url, str(document))
    assert answer["status"] == "COMPLETED"
    assert "A line." in answer["markdown"]
    assert answer["listed"] == answer["made"][::-1]
