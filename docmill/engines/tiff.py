"""Counting the frames of a TIFF without decoding any."""

import struct
from pathlib import Path

_MAX_FRAMES = 10_000


def count_frames(path: Path) -> int:
    """Return how many frames the TIFF at ``path`` has; 1 when that cannot be told."""
    with path.open("rb") as file:
        head = file.read(8)
        order = "<" if head[:2] == b"II" else ">"
        try:
            version, offset = struct.unpack(f"{order}HI", head[2:8])
            frames = 0
            while version == 42 and offset and frames < _MAX_FRAMES:  # noqa: PLR2004 - the magic
                file.seek(offset)
                (entries,) = struct.unpack(f"{order}H", file.read(2))
                file.seek(entries * 12, 1)
                (offset,) = struct.unpack(f"{order}I", file.read(4))
                frames += 1
        except struct.error:
            return 1
    return max(frames, 1)
