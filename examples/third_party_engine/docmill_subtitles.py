"""A Docmill engine for subtitles (``.srt``): each cue becomes one line of a single page."""

import re
from pathlib import PurePath
from typing import Any

from docmill.engines.base import Document, Limits, ParsedPage, ParseResult
from docmill.errors import FailureClass, ItemFailure

_CUE = re.compile(r"\d+\n(\d\d:\d\d:\d\d),\d{3} --> .*\n((?:.+\n?)+)")


class SubtitleEngine:
    """Reads SubRip files in UTF-8."""

    name = "subtitles"
    version = "1"
    media_types = frozenset({"application/x-subrip"})
    extensions = {".srt": "application/x-subrip"}  # noqa: RUF012 - never changed
    honours: frozenset[str] = frozenset()

    def run(self, document: Document, parameters: dict[str, Any], limits: Limits) -> ParseResult:
        """Parse one file; Docmill itself sees to limits, page counts and warnings."""
        content = document.path.read_text("utf-8-sig", errors="replace")
        cues = _CUE.findall(content.replace("\r\n", "\n"))
        if not cues:
            raise ItemFailure(FailureClass.CORRUPT, "The file has no cue with a time.")
        lines = [(start, " ".join(words.split())) for start, words in cues]
        page = ParsedPage(
            page_number=1,
            text="\n".join(words for _, words in lines),
            markdown="\n".join(f"- **{start}** {words}" for start, words in lines),
        )
        return ParseResult(
            engine=self.name,
            engine_version=self.version,
            media_type=document.media_type,
            pages_total=1,
            pages_ok=1,
            pages_failed=0,
            document_pages=1,
            pages=[page],
            metadata={"title": PurePath(document.name).stem, "cues": len(lines)},
        )
