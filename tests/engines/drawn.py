"""PDFs and images drawn for a test, with any content, fonts, annotations and scans."""

import io
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from tests.engines.documents import assemble

Where = tuple[float, float]
HELVETICA = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"


@dataclass
class Pdf:
    """A PDF that grows object by object; the first three are catalog, page tree and font."""

    catalog: str = ""
    objects: list[bytes] = field(default_factory=lambda: [b"", b"", HELVETICA])
    pages: list[int] = field(default_factory=list)

    def add(self, body: str | bytes) -> int:
        """Add an object; return its number."""
        self.objects.append(body if isinstance(body, bytes) else body.encode("latin-1"))
        return len(self.objects)

    def stream(self, content: str | bytes, entries: str = "") -> int:
        """Add a stream."""
        data = content if isinstance(content, bytes) else content.encode("latin-1")
        head = f"<<{entries}/Length {len(data)}>>\nstream\n".encode()
        return self.add(head + data + b"\nendstream")

    def page(
        self,
        content: str,
        *,
        images: dict[str, int] | None = None,
        fonts: dict[str, int] | None = None,
        annotations: Iterable[str] = (),
        entries: str = "",
    ) -> "Pdf":
        """Add a page of US Letter size; coordinates begin at its lower left corner."""
        drawn = self.stream(content)
        notes = " ".join(f"{self.add(one)} 0 R" for one in annotations)
        known = {"F1": 3} | (fonts or {})
        resources = f"/Font<<{_references(known)}>>/XObject<<{_references(images or {})}>>"
        self.pages.append(
            self.add(
                f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents {drawn} 0 R"
                f"/Resources<<{resources}>>/Annots[{notes}]{entries}>>"
            )
        )
        return self

    def image(self, picture: Image.Image) -> int:
        """Add a grey picture."""
        grey = picture.convert("L")
        entries = (
            f"/Type/XObject/Subtype/Image/Width {grey.width}/Height {grey.height}"
            "/ColorSpace/DeviceGray/BitsPerComponent 8/Filter/FlateDecode"
        )
        return self.stream(zlib.compress(grey.tobytes()), entries)

    def bytes(self) -> bytes:
        """Return the file."""
        kids = " ".join(f"{page} 0 R" for page in self.pages)
        self.objects[0] = f"<</Type/Catalog/Pages 2 0 R{self.catalog}>>".encode("latin-1")
        self.objects[1] = f"<</Type/Pages/Kids[{kids}]/Count {len(self.pages)}>>".encode()
        return assemble(self.objects)


def line(text: str, at: Where, *, size: int = 12, font: str = "F1", turn: int = 0) -> str:
    """The operators of one line of text; ``turn`` in degrees counter-clockwise, by quarters."""
    across, up = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}[turn]
    matrix = f"{across} {up} {-up} {across} {at[0]} {at[1]}"
    return f"BT /{font} {size} Tf {matrix} Tm ({text}) Tj ET\n"


def lines(texts: Sequence[str], at: Where = (72, 700), *, size: int = 12, step: int = 16) -> str:
    """The operators of lines one below the other."""
    return "".join(line(text, (at[0], at[1] - n * step), size=size) for n, text in enumerate(texts))


def placed(name: str, box: tuple[float, float, float, float]) -> str:
    """The operators that show an image or a form in a box: x, y, width, height."""
    return f"q {box[2]} 0 0 {box[3]} {box[0]} {box[1]} cm /{name} Do Q\n"


def written(
    texts: Sequence[str], size: tuple[int, int] = (1275, 1650), *, at: int = 200
) -> Image.Image:
    """A picture of lines of text, as a scanner at 150 dots an inch gives it."""
    picture = Image.new("L", size, 255)
    font = ImageFont.load_default(36)
    for n, text in enumerate(texts):
        ImageDraw.Draw(picture).text((120, at + 70 * n), text, fill=0, font=font)
    return picture


def scanned(pages: Sequence[str]) -> bytes:
    """The PDF of a scanned book: each page is one small picture of a line of text."""
    pdf = Pdf()
    for text in pages:
        scanned_page(pdf, text)
    return pdf.bytes()


def scanned_page(pdf: Pdf, text: str) -> None:
    """Add a page that is one small picture of a line of text."""
    picture = pdf.image(written([text], (900, 140), at=40))
    pdf.page(placed("I", (40, 650, 540, 84)), images={"I": picture})


def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    """The file of a picture."""
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def to_unicode(codes: dict[int, int]) -> str:
    """A character map from codes to characters of Unicode."""
    pairs = "\n".join(f"<{code:02X}> <{character:04X}>" for code, character in codes.items())
    return (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /M def\n"
        "/CMapType 2 def 1 begincodespacerange <00> <FF> endcodespacerange\n"
        f"{len(codes)} beginbfchar\n{pairs}\nendbfchar endcmap end end"
    )


def _references(names: dict[str, int]) -> str:
    return "".join(f"/{name} {number} 0 R" for name, number in names.items())
