"""Names of files for people and databases, whatever bytes the file system holds."""

import hashlib
import re

_LOOKS_ESCAPED = re.compile(r"~[0-9a-f]{8}\Z")


def readable(raw: bytes) -> str:
    """Return the relative path ``raw`` as text; different paths give different texts.

    UTF-8 stays as it is. Anything else is escaped and marked with a hash of the bytes, and so
    is a name that only looks as if it had been.
    """
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return _marked(raw)
    return _marked(raw) if _LOOKS_ESCAPED.search(text) else text


def _marked(raw: bytes) -> str:
    return f"{raw.decode(errors='backslashreplace')}~{hashlib.sha256(raw).hexdigest()[:8]}"
