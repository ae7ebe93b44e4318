"""Saving a document's images beside its result, within bounds."""

from pathlib import Path

from docmill.contracts.warnings import ResultWarning, WarningCode, warning
from docmill.engines.base import ParsedImage

MAX_IMAGES = 1000
"""Image files of one document: a hostile one may have a million, and each is an object."""

CONTENT_TYPES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "bmp": "image/bmp",
    "tiff": "image/tiff",
    "webp": "image/webp",
    "svg": "image/svg+xml",
    "jp2": "image/jp2",
    "emf": "image/emf",
    "wmf": "image/wmf",
}
UNKNOWN_TYPE = "application/octet-stream"


class Album:
    """The images of one document, in the order in which they are added.

    Attributes:
        images: what was saved.
        left_out: images beyond the bounds.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        """Make an empty album.

        Args:
            folder: where the files go.
            max_bytes: of all files together.
        """
        self._folder = folder
        self._room = max_bytes
        self._files: dict[str, int] = {}
        self.images: list[ParsedImage] = []
        self.left_out = 0

    def save(self, image: ParsedImage, data: bytes) -> bool:
        """Write an image's file, unless it is there already; return whether there was room."""
        name = image.filename
        if name not in self._files:
            if len(self._files) >= MAX_IMAGES or len(data) > self._room:
                self.left_out += 1
                return False
            (self._folder / name).write_bytes(data)
            self._files[name] = len(data)
            self._room -= len(data)
        self.images.append(image.model_copy(update={"size_bytes": self._files[name]}))
        return True

    @property
    def warnings(self) -> list[ResultWarning]:
        """What a reader should know."""
        if not self.left_out:
            return []
        message = (
            f"{self.left_out} images were not saved: a result has room for {MAX_IMAGES} files, "
            "and for as many bytes as the operator allows."
        )
        return [warning(WarningCode.IMAGES_NOT_SAVED, message)]


def content_type_of(extension: str) -> str:
    """Return the content type of an image format."""
    return CONTENT_TYPES.get(extension.lower(), UNKNOWN_TYPE)
