"""How each family of formats is read: by the engine first, then a second time from the source."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from docmill.contracts.media_types import Media, promised
from docmill.contracts.warnings import WarningCode, warning
from docmill.engines.markdown_text import plain_text
from docmill.engines.office import (
    compound_files,
    ebook,
    old_sheets,
    old_word,
    opendocument,
    outlook,
    richtext,
    sheets,
    slides,
    word,
)
from docmill.engines.office.drafts import Draft, Job, add_children, draft_of, without_inlined
from docmill.engines.office.extraction import NESTED, check_size, extract
from docmill.engines.office.grid import Grid, sheets_markdown
from docmill.engines.office.mail import Mail
from docmill.engines.office.markup import (
    flattened,
    plain_markdown,
    read_markup,
    without_gaps,
)
from docmill.engines.office.package import Package, UnreadablePartError
from docmill.engines.office.passages import Part, Reading, place
from docmill.engines.office.readable import Readable
from docmill.engines.text.charsets import decode
from docmill.errors import FailureClass, ItemFailure

if TYPE_CHECKING:
    import xberg

Family = Callable[[Job], Draft]

_NOT_THE_FILE = frozenset({FailureClass.CORRUPT, FailureClass.ENGINE_ERROR})
"""Failures of the engine that another reader may not have."""
_READ_AGAIN = frozenset(
    [
        *[Media.DOCX, Media.XLSX, Media.PPTX, Media.DOC, Media.XLS],
        *[Media.ODT, Media.ODS, Media.ODP, Media.RTF],
    ]
)
"""Kinds of attached documents whose parts the engine does not read all."""
_ANOTHER_READER = _NOT_THE_FILE | {FailureClass.LIMIT_EXCEEDED}


def read(job: Job) -> Draft:
    """Read a document.

    Raises:
        ItemFailure: ENCRYPTED, CORRUPT, LIMIT_EXCEEDED or OUT_OF_MEMORY.
    """
    return _FAMILIES.get(job.media_type, _read_other)(job)


def _extracted(job: Job, data: bytes | None = None) -> Draft:
    if job.extracted is not None:
        return draft_of(job.extracted)
    given = job.data if data is None else data
    found = extract(given, job.media_type, job.limits, with_images=job.with_images)
    return draft_of(found)


def _read_other(job: Job) -> Draft:
    draft = _extracted(job)
    add_children(draft, Part.EMBEDDED_DOCUMENTS)
    return draft


def _read_html(job: Job) -> Draft:
    page = job.source.decoded.text if job.source.decoded else job.data.decode("utf-8", "replace")
    check_size(page, job.limits)
    flat, cut = flattened(page)
    draft = _html_by_engine(job, flat)
    del flat
    if cut:
        message = "The page nests deeper than the engine reads; what lies deepest became lines."
        draft.reading.warnings.append(warning(WarningCode.STRUCTURE_FLATTENED, message))
    if not job.without_navigation:
        read_markup(page, draft.text, draft.reading)
    return draft


def _html_by_engine(job: Job, page: str) -> Draft:
    for given in (page, without_gaps(page)):
        try:
            return draft_of(_converted(job, given))
        except ItemFailure as failure:
            if failure.failure_class not in _NOT_THE_FILE:
                raise
    # HTML has no errors: what the engine cannot read is its own fault.
    message = "The engine failed on this page; it was read as plain paragraphs."
    draft = Draft([plain_markdown(page)])
    draft.reading.warnings.append(warning(WarningCode.STRUCTURE_FLATTENED, message))
    return draft


def _converted(job: Job, page: str) -> "xberg.ExtractedDocument":
    return extract(
        page.encode("utf-8", "replace"),
        Media.HTML,
        job.limits,
        with_images=job.with_images,
        without_navigation=job.without_navigation,
    )


def _read_mail(job: Job) -> Draft:
    mail = Mail(job.data)
    draft = _extracted(job, mail.data)
    if draft.extracted is not None and len(draft.pages) == 1:
        draft.pages = [without_inlined(draft.extracted)]
    files = add_children(draft, Part.ATTACHMENTS, partial(_inner, job, draft, mail.file))
    nested = "\n".join(plain_text(p.markdown) for p in draft.reading.passages)
    draft.reading.extend(mail.read(f"{draft.text}\n{nested}", files))
    return draft


def _read_outlook(job: Job) -> Draft:
    draft = _extracted(job)
    if draft.extracted is not None and len(draft.pages) == 1:
        draft.pages = [without_inlined(draft.extracted)]
    attached = outlook.attached_files(job.data)
    again = partial(_inner, job, draft, attached.get)
    outlook.read_outlook(job.data, draft, add_children(draft, Part.ATTACHMENTS, again))
    return draft


def _parts_of(job: Job) -> Callable[[str], bytes | None]:
    """Return what gives the bytes of a package's part by the last piece of its name."""

    def bytes_of(name: str) -> bytes | None:
        try:
            source = Package(job.data)
            found = next((part for part in source.names if PurePosixPath(part).name == name), None)
            return source.read(found) if found else None
        except UnreadablePartError:
            return None

    return bytes_of


def _inner(
    job: Job,
    draft: Draft,
    bytes_of: Callable[[str], bytes | None],
    name: str,
    extracted: "xberg.ExtractedDocument",
) -> str | None:
    """Read a document inside a document a second time, too.

    Returns:
        its Markdown; None when there is no second reading of its kind.
    """
    media = promised(name)
    data = bytes_of(name) if media in _READ_AGAIN else None
    if media is None or data is None:
        return None
    try:
        found = read(Job(Readable(data, media), job.limits, extracted=extracted))
    except ItemFailure:
        return None  # its name promises what it is not
    draft.reading.warnings += [
        one.model_copy(update={"page": None}) for one in found.reading.warnings
    ]
    return "\n\n".join(place(found.pages, found.reading, elsewhere=frozenset()))


def _nested(job: Job, name: str, data: bytes) -> str | None:
    """A document inside another, by the name of its part; None when nothing reads it."""
    ending = PurePosixPath(name.lower()).suffix
    if ending in {".txt", ".xml"}:
        return decode(data).text if ending == ".txt" else None
    media = NESTED.get(ending)
    if media is None:
        return None
    try:
        if media == Media.HTML:
            data = flattened(decode(data, markup=True).text)[0].encode("utf-8", "replace")
        return str(extract(data, media, job.limits).content)
    except ItemFailure:
        return None


def _read_word(job: Job) -> Draft:
    draft = _extracted(job)
    _second(draft, lambda: word.read_word(Package(job.data), draft, partial(_nested, job)))
    add_children(draft, Part.EMBEDDED_DOCUMENTS, partial(_inner, job, draft, _parts_of(job)))
    return draft


def _read_slides(job: Job) -> Draft:
    draft = _extracted(job)
    _second(draft, lambda: slides.read_slides(Package(job.data), draft.texts))
    add_children(draft, Part.EMBEDDED_DOCUMENTS, partial(_inner, job, draft, _parts_of(job)))
    return draft


def _second(draft: Draft, read_again: Callable[[], Reading]) -> None:
    """Read the source a second time; what the engine has found does not depend on it."""
    try:
        draft.reading.extend(read_again())
    except UnreadablePartError as error:
        message = f"The file could not be read a second time, to look for what is missing: {error}."
        draft.reading.warnings.append(warning(WarningCode.ENGINE_NOTE, message))


def _read_workbook(job: Job) -> Draft:
    data = job.data
    try:
        draft = _extracted(job)
    except ItemFailure as failure:
        if failure.failure_class not in _ANOTHER_READER:
            raise
        draft = Draft(_every_sheet(data, job, failure))
    given_up: list[int] = []

    def read_again() -> Reading:
        reading, numbers = sheets.read_sheets(Package(data), draft.texts)
        given_up.extend(numbers)
        return reading

    _second(draft, read_again)
    if given_up:
        _second(draft, lambda: _fill(draft, given_up, job, Package(data)))
    add_children(draft, Part.EMBEDDED_DOCUMENTS, partial(_inner, job, draft, _parts_of(job)))
    return draft


def _every_sheet(data: bytes, job: Job, failure: ItemFailure) -> list[str]:
    try:
        book = sheets.Workbook(Package(data))
        return sheets_markdown(book.grid(sheet, job.limits.cells) for sheet in book.sheets)
    except UnreadablePartError:
        raise failure from None


def _fill(draft: Draft, numbers: list[int], job: Job, source: Package) -> Reading:
    """Read the sheets that the engine gave up, cell by cell."""
    book = sheets.Workbook(source)
    for number in numbers:
        grid = book.grid(book.sheets[number - 1], job.limits.cells)
        _replace_sheet(draft, number, grid)
    return Reading()


def _replace_sheet(draft: Draft, number: int, grid: Grid) -> None:
    if number <= len(draft.pages):
        draft.pages[number - 1] = sheets_markdown([grid])[0]
        draft.filled.add(grid.name)


def _read_old_workbook(job: Job) -> Draft:
    data = job.data
    stream = old_sheets.stream_of(data)
    if stream is None and not data.startswith(compound_files.MAGIC):
        # Excel 2 to 4 wrote no compound files.
        return Draft(sheets_markdown(old_sheets.read_grids(data, job.limits.cells)))
    if stream is not None and old_sheets.widest(stream) > job.limits.cells:
        draft = Draft(sheets_markdown(old_sheets.read_grids(data, job.limits.cells)))
    else:
        draft = _old_workbook_by_engine(job, data)
    if stream is not None:
        draft.reading.extend(old_sheets.read_old_sheets(stream))
    add_children(draft, Part.EMBEDDED_DOCUMENTS)
    return draft


def _old_workbook_by_engine(job: Job, data: bytes) -> Draft:
    try:
        return _extracted(job, data)
    except ItemFailure as failure:
        if failure.failure_class not in _ANOTHER_READER:
            raise
        try:
            return Draft(sheets_markdown(old_sheets.read_grids(data, job.limits.cells)))
        except ItemFailure as second:
            limited = second.failure_class is FailureClass.LIMIT_EXCEEDED
            raise (second if limited else failure) from None


def _read_opendocument(job: Job) -> Draft:
    try:
        draft = _extracted(job)
    except ItemFailure as failure:
        if job.media_type != Media.ODS or failure.failure_class not in _ANOTHER_READER:
            raise
        draft = Draft(_every_table(job, failure))
    _second(draft, lambda: _opendocument(draft, job))
    add_children(draft, Part.EMBEDDED_DOCUMENTS)
    return draft


def _every_table(job: Job, failure: ItemFailure) -> list[str]:
    """The sheets of a spreadsheet whose cells lie too far apart for the engine."""
    try:
        root = Package(job.data).xml(opendocument.CONTENT)
    except UnreadablePartError:
        raise failure from None
    sheets_found = opendocument.tables(root)
    return sheets_markdown(opendocument.sheet_grid(one, job.limits.cells) for one in sheets_found)


def _opendocument(draft: Draft, job: Job) -> Reading:
    source = Package(job.data)
    root = source.xml(opendocument.CONTENT)
    reading = Reading()
    if job.media_type == Media.ODS:
        reading, given_up = opendocument.read_spreadsheet(root, draft.texts)
        all_sheets = list(opendocument.tables(root))
        for number in given_up:
            sheet = all_sheets[number - 1]
            _replace_sheet(draft, number, opendocument.sheet_grid(sheet, job.limits.cells))
    elif draft.extracted is not None and any(opendocument.is_slide(one) for one in root.iter()):
        draft.pages, reading = opendocument.read_presentation(root, draft.extracted.content)
        draft.stated = {}
    else:
        opendocument.read_text_document(root, draft.text, reading)
    opendocument.read_around(source, reading)
    return reading


def _read_book(job: Job) -> Draft:
    try:
        source = Package(job.data)
        ebook.refuse_protected(source)
    except UnreadablePartError:
        return _read_other(job)  # which says what is wrong
    draft = _extracted(job)
    _second(draft, lambda: _read_chapters(draft, source, job))
    return draft


def _read_chapters(draft: Draft, source: Package, job: Job) -> Reading:
    """Read a book chapter by chapter, if the engine has lost something of one."""
    reading = Reading()
    pages = [
        decode(source.read(name), markup=True).text
        for name in ebook.chapters(source)
        if name in source
    ]
    for page in pages:
        read_markup(page, draft.text, reading)
    if not reading.passages:
        return reading
    found = []
    for page in pages:
        flat, _ = flattened(page)
        found.append(extract(flat.encode("utf-8", "replace"), Media.HTML, job.limits).content)
    draft.pages = ["\n".join(found)]
    again = Reading()
    for page in pages:
        read_markup(page, draft.text, again)
    return again


def _read_old_word(job: Job) -> Draft:
    draft = _extracted(job)
    old_word.read_old_word(job.data, draft.text, draft.reading)
    add_children(draft, Part.EMBEDDED_DOCUMENTS)
    return draft


def _read_rich_text(job: Job) -> Draft:
    draft = _extracted(job)
    richtext.read_rich_text(job.data, draft.reading)
    add_children(draft, Part.EMBEDDED_DOCUMENTS)
    return draft


_FAMILIES: Mapping[str, Family] = {
    Media.HTML: _read_html,
    Media.EML: _read_mail,
    Media.MSG: _read_outlook,
    Media.DOCX: _read_word,
    Media.DOC: _read_old_word,
    Media.PPTX: _read_slides,
    Media.XLSX: _read_workbook,
    Media.XLS: _read_old_workbook,
    Media.ODT: _read_opendocument,
    Media.ODS: _read_opendocument,
    Media.ODP: _read_opendocument,
    Media.EPUB: _read_book,
    Media.RTF: _read_rich_text,
}
