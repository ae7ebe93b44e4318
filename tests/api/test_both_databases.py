"""Every filter and bound of every list gives the same answer over SQLite and PostgreSQL."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.test_security_headers import NAMES as HOSTILE
from tests.fixtures.api import ApiServer

NAMES = [
    "plain.txt",
    "PLAIN.TXT",
    "Äpfel und Öl.pdf",
    "äpfel.pdf",
    "İstanbul.csv",
    "ΣΊΣΥΦΟΣ.md",
    "100%_sure\\.txt",
    "o'neil; drop.txt",
    "漢" * 1_000,
    "z" * 3_000,
]
TEXTS = [
    *NAMES,
    "",
    "äPFEL",
    "i",
    "%",
    "_",
    "\\",
    "'",
    "\N{GREEK SMALL LETTER SIGMA}",
    "\N{PILE OF POO}",
    "漢漢",
]
NUMBERS = ["0", "2", "1001", "2147483648"]
TIMES = ["2020-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "soon"]
SKIPPED = {"page_token", "project_id", "organization_id"}
"""What no database is asked for: a token is checked, the others name the one scope."""
MANY = 1_000
"""Ids that one filter may name."""


pytestmark = pytest.mark.timeout(300)  # a thousand requests


class Side:
    """One server with the same objects as the other."""

    def __init__(self, server: ApiServer) -> None:
        self.http = httpx.Client(base_url=server.url, timeout=60)
        self.ids: dict[str, str] = {}
        made = self.http.post("/api/v1/beta/directories", json={"name": "the directory"})
        self.ids["directory_id"] = made.json()["id"]
        for number, name in enumerate(NAMES):
            self._make(number, name)

    def _make(self, number: int, name: str) -> None:
        post = self.http.post
        directory = self.ids["directory_id"]
        upload = {"upload_file": (f"{number}.txt", f"{number}".encode())}
        fields = {"display_name": name, "unique_id": name}
        made = post(f"/api/v1/beta/directories/{directory}/files/upload", files=upload, data=fields)
        assert made.status_code == 201, made.text
        file = {"file": (f"file {number}", f"file {number}".encode())}
        part = {"purpose": "parse", "external_file_id": name}
        assert post("/api/v1/beta/files", files=file, data=part).status_code == 201
        assert post("/api/v1/beta/directories", json={"name": name}).status_code == 201
        parameters = {"product_type": "parse_v2", "tier": "fast", "version": "latest"}
        configuration = {"name": name[:255], "parameters": parameters}
        assert post("/api/v1/beta/configurations", json=configuration).status_code == 201

    def ask(self, path: str, query: dict[str, Any]) -> Any:
        """The status, and of the rows what does not differ from server to server."""
        answer = self.http.get(path.format(**self.ids), params=query)
        body = answer.json()
        items = body.get("items") if isinstance(body, dict) else body
        if answer.is_error or not isinstance(items, list):
            return answer.status_code, None
        more = isinstance(body, dict) and body.get("next_page_token") is not None
        return answer.status_code, [_stable(item) for item in items], more


def _stable(item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    return [item.get(key) for key in ("display_name", "unique_id", "name", "external_file_id")]


@pytest.fixture(scope="module")
def sides(
    postgres_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Side, Side]]:
    homes: Path = tmp_path_factory.mktemp("sides")
    address = postgres_server.replace("/postgres?", "/template1?")
    name = "docmill_lists"
    import asyncio

    import asyncpg  # type: ignore[import-untyped]

    async def create() -> None:
        connection = await asyncpg.connect(address)
        await connection.execute(f"CREATE DATABASE {name}")
        await connection.close()

    asyncio.run(create())
    url = postgres_server.replace("/postgres?", f"/{name}?")
    with (
        ApiServer(homes / "sqlite") as one,
        ApiServer(homes / "pg", DOCMILL_DATABASE_URL=url) as two,
    ):
        both = Side(one), Side(two)
        yield both
        for side in both:
            side.http.close()


def _lists(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every parameter of every list that the document names."""
    for path, operations in document["paths"].items():
        places = set(re.findall(r"\{(\w+)\}", path))
        if "get" not in operations or not places <= {"directory_id"}:
            continue
        for parameter in operations["get"].get("parameters", ()):
            if parameter["in"] == "query" and parameter["name"] not in SKIPPED:
                yield path, parameter["name"], parameter["schema"]


def _values(schema: dict[str, Any]) -> list[Any]:
    text = json.dumps(schema)
    if '"date-time"' in text:
        return TIMES
    if '"integer"' in text:
        return NUMBERS
    if '"array"' in text:
        return [["a"], ["x"] * MANY, ["x"] * (MANY + 1)]
    return TEXTS


def test_every_filter_of_every_list_gives_the_same_answer_on_both_databases(
    sides: tuple[Side, Side],
) -> None:
    document = sides[0].http.get("/openapi.json").json()
    differences = []
    asked = 0
    for path, name, schema in _lists(document):
        for value in _values(schema):
            one, two = (side.ask(path, {name: value}) for side in sides)
            asked += 1
            if one != two or one[0] >= 500:
                differences.append((path, name, str(value)[:40], str(one)[:200], str(two)[:200]))
    assert asked > 100, "the document names its lists' parameters"
    assert not differences, "\n".join(map(str, differences))


def test_request_with_forty_thousand_ids_gets_the_same_answer_on_both_databases(
    sides: tuple[Side, Side],
) -> None:
    ids = [f"dfl-{number}" for number in range(40_000)]
    directory = "/api/v1/beta/directories/{directory_id}/files/bulk-delete"
    for path, body in (
        ("/api/v1/beta/files/query", {"filter": {"file_ids": ids}}),
        ("/api/v1/beta/batch-processing", {"item_ids": ids, "job_config": {"parameters": {}}}),
        (directory, {"directory_file_ids": ids}),
    ):
        one, two = (
            side.http.post(path.format(**side.ids), json=body).status_code for side in sides
        )
        assert one == two, path
        assert one in (404, 422), path


@pytest.mark.parametrize("name", [*HOSTILE, "a\0b.txt", " ", "a" * 3_001])
def test_hostile_name_gets_the_same_answer_on_both_databases(
    sides: tuple[Side, Side], name: str
) -> None:
    one, two = (_named(side, name) for side in sides)
    assert one == two
    status, names = one
    assert status in (201, 422)
    assert status == 422 or name in names


def _named(side: Side, name: str) -> tuple[int, list[Any]]:
    """Upload a file of this name; return the status, and the name wherever it is served."""
    text = name.encode()
    directory = f"/api/v1/beta/directories/{side.ids['directory_id']}/files"
    # Encoded here: a client would escape what a hostile one sends as it is.
    body = b"\r\n".join(
        [
            b"--b",
            b'Content-Disposition: form-data; name="display_name"\r\n',
            text,
            b"--b",
            b'Content-Disposition: form-data; name="upload_file"; filename="a.txt"\r\n',
            text,
            b"--b--\r\n",
        ]
    )
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    made = side.http.post(f"{directory}/upload", content=body, headers=headers)
    if made.status_code != 201:
        return made.status_code, []
    entry = made.json()
    one = side.http.get(f"{directory}/{entry['id']}").json()
    listed = side.http.get(directory, params={"display_name": name}).json()["items"]
    file = side.http.get(f"/api/v1/beta/files/{entry['id']}").json()
    return 201, [
        entry["display_name"],
        one["display_name"],
        *sorted(item["display_name"] for item in listed),
        file.get("name"),
    ]
