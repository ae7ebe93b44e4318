"""ListObjectsV2 of S3 with the keys as they are.

The library's listing ends at the first key that it cannot name (an empty part, ``..``, a control
character), and removes slashes from the ends of the others.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
"""

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote_plus, urlencode, urlsplit, urlunsplit
from xml.etree import ElementTree

import httpx
import obstore
from obstore.exceptions import GenericError
from obstore.store import S3Store

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ClientConfig, RetryConfig, S3Config

_VALID = timedelta(minutes=5)
"""Validity of a signed URL, which is used at once; clocks may differ by minutes."""
_ATTEMPTS = 3
_TIMEOUT = httpx.Timeout(60, connect=5)
_PASSING = frozenset({429, 500, 502, 503, 504})
"""Status codes of a service that is overloaded."""


def list_keys(
    bucket: str, prefix: str, after: str, *, client: "ClientConfig", retry: "RetryConfig"
) -> Iterator[list["ObjectMeta"]]:
    """Yield the objects page by page, in the order of their keys. Memory holds one page.

    Args:
        bucket: name of the bucket.
        prefix: beginning of the keys; empty means all.
        after: the first key is the next one after it; empty means the first.
        client: options of the library's clients.
        retry: of the library's requests for credentials.

    Raises:
        BaseError: the service returned an error, whose text has the code, or cannot be reached.
    """
    query = {"list-type": "2", "encoding-type": "url", "prefix": prefix}
    if after:
        query["start-after"] = after
    with httpx.Client(timeout=_TIMEOUT) as http:
        while True:
            page = _request(http, _Signer(bucket, client, retry), query)
            yield [_meta(entry) for entry in page.iterfind("{*}Contents")]
            if page.findtext("{*}IsTruncated") != "true":
                return
            query["continuation-token"] = page.findtext("{*}NextContinuationToken", "")


class _Signer:
    """Signs requests to a bucket with the credentials, region and endpoint of the library."""

    def __init__(self, bucket: str, client: "ClientConfig", retry: "RetryConfig") -> None:
        self._bucket = bucket
        self._client = client
        self._retry = retry
        self._anonymous = os.environ.get("AWS_SKIP_SIGNATURE", "").lower() in {"true", "1", "yes"}

    def url(self, query: dict[str, str]) -> str:
        """Return the URL of the bucket with a query and its signature.

        The library signs URLs of objects only. The endpoint of a second store carries the query;
        its end is a fragment, so that the path which the library appends is not sent.
        """
        scheme, host, path, *_ = urlsplit(obstore.sign(self._store({}), "GET", "x", _VALID))
        root = f"{scheme}://{host}{path.removesuffix('/x')}"
        carrier: S3Config = {
            "endpoint": f"{root}?{urlencode(query, quote_via=quote)}#",
            "virtual_hosted_style_request": True,
        }
        signed = urlsplit(obstore.sign(self._store(carrier), "GET", "", _VALID))
        if self._anonymous:
            kept = [(name, it) for name, it in parse_qsl(signed.query, True) if name in query]
            signed = signed._replace(query=urlencode(kept, quote_via=quote))
        return urlunsplit(signed._replace(fragment=""))

    def _store(self, config: "S3Config") -> S3Store:
        if self._anonymous:
            config |= {"access_key_id": "none", "secret_access_key": "none"}
        return S3Store(
            self._bucket, config=config, client_options=self._client, retry_config=self._retry
        )


def _request(http: httpx.Client, signer: _Signer, query: dict[str, str]) -> ElementTree.Element:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            answer = http.get(signer.url(query))
        except httpx.HTTPError as error:
            if attempt == _ATTEMPTS:
                raise GenericError(f"{type(error).__name__} while listing") from None
            continue
        if answer.status_code not in _PASSING or attempt == _ATTEMPTS:
            break
    if answer.status_code != httpx.codes.OK:
        raise GenericError(f"HTTP {answer.status_code} {answer.text}")
    try:
        # Expat bounds entities and fetches none.
        return ElementTree.fromstring(answer.content)  # noqa: S314
    except ElementTree.ParseError:
        raise GenericError("the listing is not XML") from None


def _meta(entry: ElementTree.Element) -> "ObjectMeta":
    return {
        "path": unquote_plus(entry.findtext("{*}Key", "")),
        "last_modified": datetime.fromisoformat(entry.findtext("{*}LastModified", "")),
        "size": int(entry.findtext("{*}Size", "0")),
        "e_tag": entry.findtext("{*}ETag"),
        "version": None,
    }
