"""Makes the README's pictures from a real run: the terminal as SVG, the report as PNG.

Run it from the root: ``make images``. Needs Chromium (``apt-get install chromium``).
"""

import io
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs/images"
COMMAND = ["starter.py", "run", "examples/documents", "--out", "docmill-out/documents"]
COLUMNS, ROWS = 104, 40
ESCAPE = re.compile(r"\x1b\[(?P<count>[0-9;?]*)(?P<verb>[A-Za-z])")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
FRAME_SECONDS, LAST_SECONDS = 0.8, 8
EXPECTED = 1
"""The example folder holds one broken file, and the exit code says so."""


def main() -> None:
    """Run the demo in a scratch copy of the checkout's surface, and picture it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for entry in ("examples", "docmill", "workflows", "activities", "worker.py", "starter.py"):
            (folder / entry).symlink_to(ROOT / entry)
        (IMAGES / "terminal.svg").write_text(film(screens_of(run(folder))), encoding="utf-8")
        picture_page(folder / "docmill-out/documents/report.html", IMAGES / "report.png")


def run(folder: Path) -> str:
    """Run the command in a terminal of its own; return everything that it wrote there."""
    environment = {
        **os.environ,
        "DOCMILL_HOME": str(folder / "home"),
        "COLUMNS": str(COLUMNS),
        "LINES": str(ROWS),
        "TERM": "xterm-256color",
    }
    ours, theirs = pty.openpty()
    command = [sys.executable, *COMMAND]
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        written = b"".join(iter(lambda: read(ours), b""))
    if process.returncode != EXPECTED:
        sys.exit(f"the run ended with {process.returncode}:\n{written.decode()}")
    return written.decode().replace(str(folder.resolve()), str(Path("~/docmill")))


def read(descriptor: int) -> bytes:
    """Read what is there; a terminal whose program ended reads as nothing."""
    try:
        return os.read(descriptor, 65536)
    except OSError:
        return b""


def screen_of(written: str) -> list[str]:
    """Return the lines that remain on the screen, with their colours.

    Understands what Rich writes: text, colours, cursor up, erase line. A carriage return needs
    nothing, because Rich erases the line after it.
    """
    lines, row = [""], 0
    for token in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\n|[^\x1b\n]+", written.replace("\r", "")):
        escape = ESCAPE.fullmatch(token)
        if token == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif escape is None or escape["verb"] == "m":
            lines[row] += token
        elif escape["verb"] == "A":
            row = max(0, row - int(escape["count"] or 1))
        elif escape["verb"] == "K":
            lines[row] = ""
    while lines and not lines[-1]:
        lines.pop()
    return lines


def screens_of(written: str) -> list[list[str]]:
    """Return what the terminal showed, one after the other, each different screen once."""
    ends = [match.start() for match in re.finditer(r"(?<=\n)\r?\x1b\[2K", written)]
    screens = [screen_of(written[:end]) for end in [*ends, len(written)]]
    prompt = f"$ .venv/bin/python {' '.join(COMMAND)}"
    return [[prompt, *screen] for screen in dict.fromkeys(map(tuple, screens))]


def film(screens: list[list[str]]) -> str:
    """Return one SVG that shows the screens in turn, the last one longest; no script, no font."""
    height = max(map(len, screens))
    seconds = FRAME_SECONDS * (len(screens) - 1) + LAST_SECONDS
    style, frames = "", ""
    for number, screen in enumerate(screens):
        begin, end = (100 * FRAME_SECONDS * edge / seconds for edge in (number, number + 1))
        hidden = "" if screen is screens[-1] else f"{end:.2f}%{{visibility:hidden}}"
        style += (
            f"#f{number}{{animation:k{number} {seconds:g}s step-end infinite}}@keyframes k{number}"
            f"{{0%{{visibility:hidden}}{begin:.2f}%{{visibility:visible}}{hidden}}}"
        )
        frames += f'<g id="f{number}">{frame(screen, height, number)}</g>'
    view = re.search(r'viewBox="[^"]+"', frames)
    assert view is not None
    return f'<svg xmlns="http://www.w3.org/2000/svg" {view[0]}><style>{style}</style>{frames}</svg>'


def frame(screen: list[str], height: int, number: int) -> str:
    """Return one screen as an SVG."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    for line in [*screen, *[""] * (height - len(screen))]:
        console.print(Text.from_ansi(line), soft_wrap=True)
    svg = console.export_svg(title="Docmill", unique_id=f"t{number}")
    svg = re.sub(r"@font-face \{.*?\}\s*|<!--.*?-->", "", svg, flags=re.DOTALL)
    return svg.replace("Fira Code", "DejaVu Sans Mono")


def picture_page(page: Path, picture: Path) -> None:
    """Write the first screen of an HTML page as a PNG."""
    chromium = shutil.which("chromium") or sys.exit("no chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        tab = browser.new_page(viewport={"width": 1200, "height": 900})
        tab.goto(page.as_uri())
        tab.screenshot(path=picture)
        browser.close()


if __name__ == "__main__":
    main()
