"""Images of a document, saved next to its result, with limits."""

from pathlib import Path

from docmill.contracts.warnings import ResultWarning, WarningCode, warning
from docmill.engines.base import ParsedImage

MAX_IMAGES = 1000
"""Maximum image files of one document. A hostile document may have a million images."""

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
    """Saved images of one document, in order.

    Attributes:
        images: saved images.
        left_out: number of images beyond the limits.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        """Create an empty album.

        Args:
            folder: folder for the files.
            max_bytes: maximum size of all files together.
        """
        self._folder = folder
        self._room = max_bytes
        self._files: dict[str, int] = {}
        self.images: list[ParsedImage] = []
        self.left_out = 0

    def save(self, image: ParsedImage, data: bytes) -> bool:
        """Write the file of an image unless it exists; return False if a limit is reached."""
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
        """A warning about images that were not saved."""
        if not self.left_out:
            return []
        message = (
            f"{self.left_out} images were not saved: a result has at most {MAX_IMAGES} image "
            "files, and the operator limits their size."
        )
        return [warning(WarningCode.IMAGES_NOT_SAVED, message)]


def content_type_of(extension: str) -> str:
    """Return the content type of an image format."""
    return CONTENT_TYPES.get(extension.lower(), UNKNOWN_TYPE)
