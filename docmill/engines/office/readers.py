"""Readers of each document format: xberg first, then a second reading of the source."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from docmill.contracts.media_types import Media, expected_media
from docmill.contracts.warnings import WarningCode, warning
from docmill.engines.markdown import plain_text
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
from docmill.engines.office.draft import Draft, ReadRequest, add_children, draft_of, without_inlined
from docmill.engines.office.extraction import NESTED, check_size, extract
from docmill.engines.office.grid import Grid, sheets_markdown
from docmill.engines.office.mail import Mail
from docmill.engines.office.markup import (
    flattened,
    plain_markdown,
    read_markup,
    without_gaps,
)
from docmill.engines.office.normalize import NormalizedDocument
from docmill.engines.office.package import Package, UnreadablePartError
from docmill.engines.office.passages import Part, Reading, place
from docmill.engines.text.charsets import decode
from docmill.errors import FailureClass, ItemFailure

if TYPE_CHECKING:
    import xberg

Family = Callable[[ReadRequest], Draft]

_ENGINE_FAILURES = frozenset({FailureClass.CORRUPT, FailureClass.ENGINE_ERROR})
"""Failures of xberg after which another reader may succeed."""
_READ_TWICE = frozenset(
    [
        *[Media.DOCX, Media.XLSX, Media.PPTX, Media.DOC, Media.XLS],
        *[Media.ODT, Media.ODS, Media.ODP, Media.RTF],
    ]
)
"""Types of attachments that are read a second time, because xberg omits some of their parts."""
_RETRIABLE = _ENGINE_FAILURES | {FailureClass.LIMIT_EXCEEDED}


def read(request: ReadRequest) -> Draft:
    """Read a document.

    Raises:
        ItemFailure: ENCRYPTED, CORRUPT, LIMIT_EXCEEDED or OUT_OF_MEMORY.
    """
    return _FAMILIES.get(request.media_type, _read_other)(request)


def _extracted(request: ReadRequest, data: bytes | None = None) -> Draft:
    if request.extracted is not None:
        return draft_of(request.extracted)
    given = request.data if data is None else data
    found = extract(given, request.media_type, request.limits, with_images=request.with_images)
    return draft_of(found)


def _read_other(request: ReadRequest) -> Draft:
    draft = _extracted(request)
    add_children(draft, Part.EMBEDDED_DOCUMENTS)
    return draft


def _read_html(request: ReadRequest) -> Draft:
    page = (
        request.source.decoded.text
        if request.source.decoded
        else request.data.decode("utf-8", "replace")
    )
    check_size(page, request.limits)
    flat, cut = flattened(page)
    draft = _html_by_engine(request, flat)
    del flat
    if cut:
        message = "The page nests deeper than the engine reads; its deepest elements became lines."
        draft.reading.warnings.append(warning(WarningCode.STRUCTURE_FLATTENED, message))
    if not request.without_navigation:
        read_markup(page, draft.text, draft.reading)
    return draft


def _html_by_engine(request: ReadRequest, page: str) -> Draft:
    for given in (page, without_gaps(page)):
        try:
            return draft_of(_converted(request, given))
        except ItemFailure as failure:
            if failure.failure_class not in _ENGINE_FAILURES:
                raise
    # Every byte sequence is valid HTML: a failure is xberg's own.
    message = "The engine failed on this page; it was read as plain paragraphs."
    draft = Draft([plain_markdown(page)])
    draft.reading.warnings.append(warning(WarningCode.STRUCTURE_FLATTENED, message))
    return draft


def _converted(request: ReadRequest, page: str) -> "xberg.ExtractedDocument":
    return extract(
        page.encode("utf-8", "replace"),
        Media.HTML,
        request.limits,
        with_images=request.with_images,
        without_navigation=request.without_navigation,
    )


def _read_mail(request: ReadRequest) -> Draft:
    mail = Mail(request.data)
    draft = _extracted(request, mail.data)
    if draft.extracted is not None and len(draft.pages) == 1:
        draft.pages = [without_inlined(draft.extracted)]
    files = add_children(
        draft, Part.ATTACHMENTS, partial(_child_markdown, request, draft, mail.file)
    )
    nested = "\n".join(plain_text(p.markdown) for p in draft.reading.passages)
    draft.reading.extend(mail.read(f"{draft.text}\n{nested}", files))
    return draft


def _read_outlook(request: ReadRequest) -> Draft:
    draft = _extracted(request)
    if draft.extracted is not None and len(draft.pages) == 1:
        draft.pages = [without_inlined(draft.extracted)]
    attached = outlook.attached_files(request.data)
    again = partial(_child_markdown, request, draft, attached.get)
    outlook.read_outlook(request.data, draft, add_children(draft, Part.ATTACHMENTS, again))
    return draft


def _parts_of(request: ReadRequest) -> Callable[[str], bytes | None]:
    """Return a function that returns the bytes of a part by the last segment of its name."""

    def bytes_of(name: str) -> bytes | None:
        try:
            source = Package(request.data)
            found = next((part for part in source.names if PurePosixPath(part).name == name), None)
            return source.read(found) if found else None
        except UnreadablePartError:
            return None

    return bytes_of


def _child_markdown(
    request: ReadRequest,
    draft: Draft,
    bytes_of: Callable[[str], bytes | None],
    name: str,
    extracted: "xberg.ExtractedDocument",
) -> str | None:
    """Read a nested document a second time.

    Returns:
        Its Markdown; None when its type has no second reading.
    """
    media = expected_media(name)
    data = bytes_of(name) if media in _READ_TWICE else None
    if media is None or data is None:
        return None
    try:
        found = read(
            ReadRequest(NormalizedDocument(data, media), request.limits, extracted=extracted)
        )
    except ItemFailure:
        return None  # its content does not match its extension
    draft.reading.warnings += [
        one.model_copy(update={"page": None}) for one in found.reading.warnings
    ]
    return "\n\n".join(place(found.pages, found.reading, elsewhere=frozenset()))


def _inserted_text(request: ReadRequest, name: str, data: bytes) -> str | None:
    """Return the text of an inserted document; None when no reader supports its extension."""
    ending = PurePosixPath(name.lower()).suffix
    if ending in {".txt", ".xml"}:
        return decode(data).text if ending == ".txt" else None
    media = NESTED.get(ending)
    if media is None:
        return None
    try:
        if media == Media.HTML:
            data = flattened(decode(data, markup=True).text)[0].encode("utf-8", "replace")
        return str(extract(data, media, request.limits).content)
    except ItemFailure:
        return None


def _read_word(request: ReadRequest) -> Draft:
    draft = _extracted(request)
    _add_second_reading(
        draft,
        lambda: word.read_word(Package(request.data), draft, partial(_inserted_text, request)),
    )
    add_children(
        draft, Part.EMBEDDED_DOCUMENTS, partial(_child_markdown, request, draft, _parts_of(request))
    )
    return draft


def _read_slides(request: ReadRequest) -> Draft:
    draft = _extracted(request)
    _add_second_reading(draft, lambda: slides.read_slides(Package(request.data), draft.texts))
    add_children(
        draft, Part.EMBEDDED_DOCUMENTS, partial(_child_markdown, request, draft, _parts_of(request))
    )
    return draft


def _add_second_reading(draft: Draft, read_again: Callable[[], Reading]) -> None:
    """Run a second reading; if the source cannot be read, keep xberg's result and warn."""
    try:
        draft.reading.extend(read_again())
    except UnreadablePartError as error:
        message = f"The file could not be checked for content that the engine left out: {error}."
        draft.reading.warnings.append(warning(WarningCode.ENGINE_NOTE, message))


def _read_workbook(request: ReadRequest) -> Draft:
    data = request.data
    try:
        draft = _extracted(request)
    except ItemFailure as failure:
        if failure.failure_class not in _RETRIABLE:
            raise
        draft = Draft(_all_sheets(data, request, failure))
    skipped: list[int] = []

    def read_again() -> Reading:
        reading, numbers = sheets.read_sheets(Package(data), draft.texts)
        skipped.extend(numbers)
        return reading

    _add_second_reading(draft, read_again)
    if skipped:
        _add_second_reading(draft, lambda: _replace_skipped(draft, skipped, request, Package(data)))
    add_children(
        draft, Part.EMBEDDED_DOCUMENTS, partial(_child_markdown, request, draft, _parts_of(request))
    )
    return draft


def _all_sheets(data: bytes, request: ReadRequest, failure: ItemFailure) -> list[str]:
    try:
        book = sheets.Workbook(Package(data))
        return sheets_markdown(book.grid(sheet, request.limits.cells) for sheet in book.sheets)
    except UnreadablePartError:
        raise failure from None


def _replace_skipped(
    draft: Draft, numbers: list[int], request: ReadRequest, source: Package
) -> Reading:
    """Read the sheets that xberg skipped, cell by cell."""
    book = sheets.Workbook(source)
    for number in numbers:
        grid = book.grid(book.sheets[number - 1], request.limits.cells)
        _replace_sheet(draft, number, grid)
    return Reading()


def _replace_sheet(draft: Draft, number: int, grid: Grid) -> None:
    if number <= len(draft.pages):
        draft.pages[number - 1] = sheets_markdown([grid])[0]
        draft.filled.add(grid.name)


def _read_old_workbook(request: ReadRequest) -> Draft:
    data = request.data
    stream = old_sheets.workbook_stream(data)
    if stream is None and not data.startswith(compound_files.MAGIC):
        # Excel 2 to 4 wrote no compound files.
        return Draft(sheets_markdown(old_sheets.read_grids(data, request.limits.cells)))
    if stream is not None and old_sheets.largest_extent(stream) > request.limits.cells:
        draft = Draft(sheets_markdown(old_sheets.read_grids(data, request.limits.cells)))
    else:
        draft = _old_workbook_by_engine(request, data)
    if stream is not None:
        draft.reading.extend(old_sheets.read_old_sheets(stream))
    add_children(draft, Part.EMBEDDED_DOCUMENTS)
    return draft


def _old_workbook_by_engine(request: ReadRequest, data: bytes) -> Draft:
    try:
        return _extracted(request, data)
    except ItemFailure as failure:
        if failure.failure_class not in _RETRIABLE:
            raise
        try:
            return Draft(sheets_markdown(old_sheets.read_grids(data, request.limits.cells)))
        except ItemFailure as second:
            limited = second.failure_class is FailureClass.LIMIT_EXCEEDED
            raise (second if limited else failure) from None


def _read_opendocument(request: ReadRequest) -> Draft:
    try:
        draft = _extracted(request)
    except ItemFailure as failure:
        if request.media_type != Media.ODS or failure.failure_class not in _RETRIABLE:
            raise
        draft = Draft(_all_tables(request, failure))
    _add_second_reading(draft, lambda: _opendocument(draft, request))
    add_children(draft, Part.EMBEDDED_DOCUMENTS)
    return draft


def _all_tables(request: ReadRequest, failure: ItemFailure) -> list[str]:
    """Return the sheets of a spreadsheet whose extent exceeds xberg's limit of cells."""
    try:
        root = Package(request.data).xml(opendocument.CONTENT)
    except UnreadablePartError:
        raise failure from None
    sheets_found = opendocument.tables(root)
    return sheets_markdown(
        opendocument.sheet_grid(one, request.limits.cells) for one in sheets_found
    )


def _opendocument(draft: Draft, request: ReadRequest) -> Reading:
    source = Package(request.data)
    root = source.xml(opendocument.CONTENT)
    reading = Reading()
    if request.media_type == Media.ODS:
        reading, skipped = opendocument.read_spreadsheet(root, draft.texts)
        all_sheets = list(opendocument.tables(root))
        for number in skipped:
            sheet = all_sheets[number - 1]
            _replace_sheet(draft, number, opendocument.sheet_grid(sheet, request.limits.cells))
    elif draft.extracted is not None and any(opendocument.is_slide(one) for one in root.iter()):
        draft.pages, reading = opendocument.read_presentation(root, draft.extracted.content)
        draft.stated = {}
    else:
        opendocument.read_text_document(root, draft.text, reading)
    opendocument.read_attached_parts(source, reading)
    return reading


def _read_book(request: ReadRequest) -> Draft:
    try:
        source = Package(request.data)
        ebook.reject_protected(source)
    except UnreadablePartError:
        return _read_other(request)  # which reports the damage
    draft = _extracted(request)
    _add_second_reading(draft, lambda: _read_chapters(draft, source, request))
    return draft


def _read_chapters(draft: Draft, source: Package, request: ReadRequest) -> Reading:
    """Read a book chapter by chapter, if xberg lost text of a chapter."""
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
        found.append(extract(flat.encode("utf-8", "replace"), Media.HTML, request.limits).content)
    draft.pages = ["\n".join(found)]
    again = Reading()
    for page in pages:
        read_markup(page, draft.text, again)
    return again


def _read_old_word(request: ReadRequest) -> Draft:
    draft = _extracted(request)
    old_word.read_old_word(request.data, draft.text, draft.reading)
    add_children(draft, Part.EMBEDDED_DOCUMENTS)
    return draft


def _read_rich_text(request: ReadRequest) -> Draft:
    draft = _extracted(request)
    richtext.read_rich_text(request.data, draft.reading)
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
