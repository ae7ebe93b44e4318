"""Makes examples/documents: the papers of Tidewater Instruments, a company that does not exist.

Run it from the root: ``.venv/bin/python examples/make_documents.py [FOLDER]``. The same script
always makes the same files, so that a changed document is a changed line here.
"""

import sys
from email.message import EmailMessage
from pathlib import Path

from making.office import write_docx, write_pptx, write_xlsx
from making.pdf import Page, write_pdf
from making.scan import scan, write_png

DOCUMENTS = Path(__file__).resolve().parent / "documents"
COMPANY = "Tidewater Instruments"

GAUGES = [
    ("TG-100", "Float tide gauge", 4, 1180.00),
    ("TG-220", "Radar tide gauge", 2, 2450.00),
    ("LX-3", "Solar data logger", 6, 395.50),
    ("CB-10", "Mooring cable, 10 m", 6, 64.00),
]


def main(folder: Path) -> None:
    """Write every example document below ``folder``."""
    for room in ("mail", "field"):
        (folder / room).mkdir(parents=True, exist_ok=True)
    for make in (invoice, inspection_report, delivery_note, contract, price_list, review):
        make(folder)
    for make in (web_page, calibration_guide, readings, mail, broken_upload):
        make(folder)


def invoice(folder: Path) -> None:
    """A PDF with a ruled table."""
    page = Page()
    page.text(60, 770, COMPANY, size=18, bold=True)
    page.text(60, 752, "4 Harbour Lane, Port Ansel")
    page.text(400, 770, "INVOICE 2026-014", size=12, bold=True)
    page.text(400, 752, "Date: 3 March 2026")
    page.text(60, 715, "Bill to: Northcliff Harbour Office, Quay 2, Northcliff")
    columns = (60, 150, 330, 400, 480, 540)
    lines = [("Article", "Description", "Quantity", "Price", "Amount")]
    lines += [(a, d, str(n), f"{p:.2f}", f"{n * p:.2f}") for a, d, n, p in GAUGES]
    for number, line in enumerate(lines):
        y = 680 - number * 22
        page.rule(columns[0], y - 7, columns[-1], y - 7)
        for x, word in zip(columns, line, strict=False):
            page.text(x + 4, y, word, bold=number == 0)
    bottom = 680 - (len(lines) - 1) * 22 - 7
    page.rule(columns[0], 695, columns[-1], 695)
    for x in columns:
        page.rule(x, 695, x, bottom)
    total = sum(n * p for _, _, n, p in GAUGES)
    page.text(400, bottom - 25, "Total (EUR)", bold=True)
    page.text(484, bottom - 25, f"{total:.2f}", bold=True)
    page.text(60, bottom - 60, "Payable within 30 days. Thank you for your order.")
    write_pdf(folder / "invoice-2026-014.pdf", [page], title="Invoice 2026-014", author=COMPANY)


def inspection_report(folder: Path) -> None:
    """A PDF of three pages: two with text, one scanned, so that both ways to read are seen."""
    first, second, third = Page(), Page(), Page()
    first.text(60, 770, "Inspection report: Northcliff, pier 3", size=16, bold=True)
    for number, line in enumerate(
        (
            "Inspected on 14 April 2026 by R. Halvorsen and M. Okafor.",
            "The radar gauge TG-220 (serial 22-0417) was opened, cleaned and calibrated.",
            "Findings: light corrosion on the bracket, one worn gasket, clock 4 s slow.",
            "Action taken: gasket replaced, clock set, bracket painted.",
            "Next inspection is due in October 2026.",
        )
    ):
        first.text(60, 735 - number * 18, line)
    second.text(60, 770, "Measurements", size=14, bold=True)
    for number, (level, gauge) in enumerate(
        ((0.50, 0.51), (1.00, 1.00), (2.00, 1.99), (3.50, 3.5))
    ):
        second.text(60, 740 - number * 18, f"Reference level {level:.2f} m, gauge {gauge:.2f} m")
    picture = scan(handwritten("Signed on site", "R. Halvorsen", "Port Ansel, 14 April 2026"))
    third.fill_with(picture.width, picture.height, picture.gray)
    write_pdf(
        folder / "field" / "inspection-report.pdf",
        [first, second, third],
        title="Inspection report",
        author="R. Halvorsen",
    )


def handwritten(*lines: str) -> Page:
    """A page that lay a little askew on the scanner."""
    page = Page()
    page.turn(0.008)
    page.text(70, 760, COMPANY, size=16, bold=True)
    for number, line in enumerate(lines):
        page.text(70, 715 - number * 26, line, size=13)
    return page


def delivery_note(folder: Path) -> None:
    """A picture of paper: nothing but optical character recognition reads it."""
    note = handwritten(
        "Delivery note 2026-031",
        "To: Northcliff Harbour Office",
        "4 float tide gauges TG-100",
        "2 radar tide gauges TG-220",
        "6 solar data loggers LX-3",
        "Received in good order, 9 March 2026",
    )
    write_png(folder / "delivery-note-scan.png", scan(note))


def contract(folder: Path) -> None:
    """A Word document with headings, paragraphs and a table."""
    write_docx(
        folder / "service-contract.docx",
        "Service contract",
        [
            "Between Tidewater Instruments, Port Ansel, and the Northcliff Harbour Office.",
            "# 1. Service",
            "Tidewater inspects and calibrates every gauge listed below twice a year.",
            "# 2. Instruments",
            [
                ["Article", "Serial number", "Place"],
                ["TG-220", "22-0417", "Pier 3"],
                ["TG-220", "22-0418", "Lock gate"],
                ["TG-100", "10-1123", "Fishing harbour"],
            ],
            "# 3. Term",
            "The contract begins on 1 April 2026, runs for three years, and may be ended by "
            "either side with three months' notice.",
        ],
    )


def price_list(folder: Path) -> None:
    """A workbook of two sheets."""
    write_xlsx(
        folder / "price-list.xlsx",
        "Price list 2026",
        {
            "Instruments": [["Article", "Description", "Price (EUR)"]]
            + [[article, description, price] for article, description, _, price in GAUGES],
            "Services": [
                ["Service", "Unit", "Price (EUR)"],
                ["Calibration", "per gauge", 180.0],
                ["Inspection", "per day", 640.0],
            ],
        },
    )


def review(folder: Path) -> None:
    """Three slides."""
    write_pptx(
        folder / "quarterly-review.pptx",
        "First quarter 2026",
        [
            ("First quarter 2026", ["Tidewater Instruments", "Review for the team"]),
            ("What went well", ["38 gauges delivered", "No calibration overdue", "Two new ports"]),
            ("What comes next", ["Satellite link for the LX-3", "A second test basin"]),
        ],
    )


def web_page(folder: Path) -> None:
    """A page of the company's site."""
    rows = "".join(
        f"<tr><td>{article}</td><td>{description}</td></tr>"
        for article, description, _, _ in GAUGES
    )
    (folder / "products.html").write_text(
        f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Products - {COMPANY}</title></head>
<body>
<h1>Products</h1>
<p>Gauges and loggers for harbours, built and calibrated in Port Ansel since 1987.</p>
<table><tr><th>Article</th><th>Description</th></tr>{rows}</table>
<p>Questions? <a href="mailto:hello@tidewater.example">Write to us</a>.</p>
</body>
</html>
""",
        encoding="utf-8",
    )


def calibration_guide(folder: Path) -> None:
    """Markdown: already text, kept as it is."""
    (folder / "calibration-guide.md").write_text(
        """# Calibrating a TG-220

1. Close the damping valve and wait until the reading stands still.
2. Lower the reference plate to **1.00 m** below the sensor.
3. Press *Set* for three seconds; the display shows `CAL 1.00`.
4. Repeat at 2.00 m and 3.50 m. A difference above 0.02 m means: send the gauge in.

| Level (m) | Allowed reading (m) |
|---|---|
| 1.00 | 0.98 - 1.02 |
| 2.00 | 1.98 - 2.02 |
| 3.50 | 3.48 - 3.52 |
""",
        encoding="utf-8",
    )


def readings(folder: Path) -> None:
    """A CSV file in a sub-folder."""
    levels = (2.14, 2.61, 3.02, 3.27, 3.31, 3.12, 2.75, 2.28, 1.83, 1.52, 1.41, 1.55)
    lines = [f"2026-04-14T{hour:02}:00Z,pier-3,{level:.2f}" for hour, level in enumerate(levels)]
    header = "time,station,level_m"
    (folder / "field" / "readings.csv").write_text(
        "\n".join([header, *lines, ""]), encoding="utf-8"
    )


def mail(folder: Path) -> None:
    """One e-mail in a sub-folder."""
    message = EmailMessage()
    message["From"] = "Mina Okafor <mina@tidewater.example>"
    message["To"] = "Harbour Office <office@northcliff.example>"
    message["Subject"] = "Delivery of your tide gauges"
    message["Date"] = "Mon, 09 Mar 2026 08:15:00 +0000"
    message["Message-ID"] = "<20260309.1@tidewater.example>"
    message.set_content(
        "Good morning,\n\nthe van with four TG-100 and two TG-220 leaves Port Ansel at noon and\n"
        "should reach you by three. Rolf will help to unload.\n\nKind regards\nMina\n"
    )
    (folder / "mail" / "delivery.eml").write_bytes(bytes(message))


def broken_upload(folder: Path) -> None:
    """An upload that broke off: the one file that must fail, and say why."""
    whole = (folder / "invoice-2026-014.pdf").read_bytes()
    (folder / "broken-upload.pdf").write_bytes(whole[:160])


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DOCUMENTS)
