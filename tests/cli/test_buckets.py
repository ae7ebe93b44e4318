"""`run` on buckets, with a worker that reads them: changes, failures, a second run, errors."""

import json

import pytest

from docmill.objects.buckets import Bucket
from docmill.objects.open import open_bucket
from docmill.objects.places import BucketUrl
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


def test_bucket_is_run_into_a_bucket_and_again_after_changes(cold_cli: Cli, bucket: Bucket) -> None:
    put(bucket, "broken.pdf", "%PDF-1.4 this is no PDF")
    url, out = str(bucket.url), f"{bucket.url}/out"

    done = cold_cli("run", url, "--out", out)
    bucket.delete("out/a.md.md")
    bucket.delete("out/a.md.json")
    put(bucket, "broken.pdf", "# Repaired\n")
    bucket.delete("b.csv")
    changed = cold_cli("run", url, "--out", out, "--json")
    again = json.loads(changed.stdout)
    verified = cold_cli("verify", out)
    bucket.delete("out/letters/c ü.txt.md")
    damaged = cold_cli("verify", out)
    same = cold_cli("run", url, "--out", f"{url}/")

    assert done.returncode == 1, done.stdout + done.stderr
    assert f"Report:    {out}/report.html" in done.stdout
    assert (again["total"], again["completed"], again["exit_code"]) == (3, 1, 0)
    assert "Gone since the last run: b.csv" in changed.stderr
    assert b"Repaired" in (bucket.read("out/broken.pdf.md") or b"")
    assert b"Text of the first paper." in (bucket.read("out/a.md.md") or b"")
    rows = [json.loads(line) for line in (bucket.read("out/manifest.jsonl") or b"").splitlines()]
    assert [row["output_path"] for row in rows if row["path"] == "a.md"] == ["a.md.json"]
    runs = [
        json.loads(line) for line in (bucket.read("out/manifests/_index.jsonl") or b"").splitlines()
    ]
    assert [run["counts"] for run in runs] == [
        {"completed": 3, "failed": 1},
        {"completed": 1, "skipped": 2},
    ]
    assert runs[-1]["batch_id"] == again["batch_id"]
    stored = [path for path in cold_cli.home.rglob("*") if path.is_file()]
    assert not [path for path in stored if b"test-secret" in path.read_bytes()]
    assert (verified.returncode, damaged.returncode) == (0, 1), verified.stderr + damaged.stderr
    assert verified.stdout == f"Everything in {out} is as it was written.\n"
    assert "letters/c ü.txt.md is missing" in damaged.stdout
    assert same.returncode == 2
    assert "at the same time" in same.stderr


def test_missing_buckets_are_named_before_anything_runs(cli: Cli, bucket: Bucket) -> None:
    source = cli("run", "s3://no-such-bucket/x")
    out = cli("run", str(bucket.url), "--out", "s3://no-such-bucket/x")
    for ended in (source, out):
        assert ended.returncode == 2, ended.stdout + ended.stderr
        assert "no bucket no-such-bucket" in ended.stderr
