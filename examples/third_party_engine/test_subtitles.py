"""The engine keeps Docmill's promises. Run it from the root of a Docmill checkout."""

from typing import ClassVar

from docmill_subtitles import SubtitleEngine

from docmill.testing.engine_contract import EngineContract

CUES = """1
00:00:01,000 --> 00:00:02,500
High water at noon.

2
00:00:03,000 --> 00:00:04,000
So it is.
"""


class TestSubtitles(EngineContract):
    """Each promise is one test; see `EngineContract`."""

    engine = SubtitleEngine
    samples: ClassVar = {
        "tides.srt": (CUES, "High water at noon."),
        "windows.srt": (CUES.replace("\n", "\r\n"), "So it is."),
    }
    damaged: ClassVar = {"cut.srt": CUES[:20]}
