"""`run` on buckets, with a worker that reads them: first run, changes, failures."""

import json

import pytest

from docmill.objects.bucket_url import BucketUrl
from docmill.objects.buckets import Bucket
from docmill.objects.open import open_bucket
from tests.cli.starting import Cli


@pytest.fixture
def bucket(s3_url: str) -> Bucket:
    """A bucket with three good documents, one of them in a sub-folder."""
    bucket = open_bucket(BucketUrl.parse(s3_url))
    put(bucket, "a.md", f"# Title of {s3_url}\n\nText of the first paper.\n")
    put(bucket, "b.csv", "name,number\none,1\n")
    put(bucket, "letters/c ü.txt", f"Dear reader of {s3_url}.\n")
    return bucket


def put(bucket: Bucket, path: str, text: str) -> None:
    bucket.put_bytes(path, text.encode(), "text/plain")


def test_bucket_is_run_and_only_changes_are_processed_again(cold_cli: Cli, bucket: Bucket) -> None:
    url = str(bucket.url)
    first = cold_cli.json("run", url)
    again = cold_cli.json("run", url)
    put(bucket, "a.md", "# Another title\n")
    put(bucket, "d.md", "# New\n")
    bucket.delete("b.csv")
    changed = cold_cli("run", url)

    assert (first["completed"], first["exit_code"]) == (3, 0)
    out = cold_cli.cwd / "docmill-out" / "prefix"
    assert again["skipped_by_reason"] == {"already_processed": 3}
    assert changed.returncode == 0, changed.stdout + changed.stderr
    assert "Gone since the last run: b.csv" in changed.stdout
    assert "completed          2" in changed.stdout
    assert "Another title" in (out / "a.md.md").read_text()
    assert json.loads((out / "letters" / "c ü.txt.json").read_text())["product"] == "parse"
