"""A PDF writer just large enough for the example documents: text, rules, one picture a page."""

import zlib
from pathlib import Path

A4 = (595, 842)
"""Page size in points."""

HEAD = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"


class Page:
    """One page; the origin is the lower left corner, lengths are points."""

    def __init__(self) -> None:
        self.operations: list[str] = []
        self.picture: tuple[int, int, bytes] | None = None

    def text(self, x: float, y: float, text: str, *, size: float = 10, bold: bool = False) -> None:
        """Write one line whose baseline starts at (x, y)."""
        escaped = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        font = "F2" if bold else "F1"
        self.operations.append(f"BT /{font} {size} Tf {x} {y} Td ({escaped}) Tj ET")

    def rule(self, x1: float, y1: float, x2: float, y2: float, width: float = 0.7) -> None:
        """Draw a straight line."""
        self.operations.append(f"{width} w {x1} {y1} m {x2} {y2} l S")

    def turn(self, sine: float) -> None:
        """Turn everything that follows a little, as a hand lays paper on a scanner."""
        self.operations.append(f"1 {sine} {-sine} 1 0 0 cm")

    def fill_with(self, width: int, height: int, gray: bytes) -> None:
        """Cover the page with a picture of one byte a pixel."""
        self.picture = (width, height, gray)
        self.operations.append(f"q {A4[0]} 0 0 {A4[1]} 0 0 cm /Im Do Q")


def write_pdf(path: Path, pages: list[Page], *, title: str, author: str) -> None:
    """Write ``pages`` to ``path``; the same pages always give the same bytes."""
    objects: list[bytes] = [b"", b""]
    fonts = []
    for name in ("Helvetica", "Helvetica-Bold"):
        font = f"<</Type/Font/Subtype/Type1/BaseFont/{name}/Encoding/WinAnsiEncoding>>"
        fonts.append(_add(objects, font.encode()))
    kids = [_add_page(objects, page, fonts) for page in pages]
    info = _add(objects, f"<</Title({title})/Author({author})>>".encode("cp1252"))
    objects[0] = b"<</Type/Catalog/Pages 2 0 R>>"
    references = " ".join(f"{kid} 0 R" for kid in kids)
    objects[1] = f"<</Type/Pages/Count {len(kids)}/Kids[{references}]>>".encode()
    path.write_bytes(_assemble(objects, info))


def _add(objects: list[bytes], body: bytes) -> int:
    objects.append(body)
    return len(objects)


def _add_page(objects: list[bytes], page: Page, fonts: list[int]) -> int:
    content = "\n".join(page.operations).encode("cp1252")
    stream = _add(objects, _stream("", content))
    picture = ""
    if page.picture:
        width, height, gray = page.picture
        entries = (
            f"/Type/XObject/Subtype/Image/Width {width}/Height {height}"
            "/ColorSpace/DeviceGray/BitsPerComponent 8/Filter/FlateDecode"
        )
        picture = f"/XObject<</Im {_add(objects, _stream(entries, zlib.compress(gray, 9)))} 0 R>>"
    resources = f"<</Font<</F1 {fonts[0]} 0 R/F2 {fonts[1]} 0 R>>{picture}>>"
    body = (
        f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 {A4[0]} {A4[1]}]"
        f"/Resources{resources}/Contents {stream} 0 R>>"
    )
    return _add(objects, body.encode())


def _stream(entries: str, content: bytes) -> bytes:
    head = f"<</Length {len(content)}{entries}>>\nstream\n".encode()
    return head + content + b"\nendstream"


def _assemble(objects: list[bytes], info: int) -> bytes:
    out = bytearray(HEAD)
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(f"{offset:010} 00000 n \n".encode() for offset in offsets)
    out += f"trailer\n<</Size {len(objects) + 1}/Root 1 0 R/Info {info} 0 R>>\n".encode()
    return bytes(out + f"startxref\n{start}\n%%EOF\n".encode())
