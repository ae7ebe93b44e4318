"""Warnings of a completed result: missing content, doubtful content, and notes.

The codes are a closed set, written to results, ledgers and manifests. Each code has a kind: a
*loss* is content of the source that is missing in the result, a *doubt* is content that may be
wrong, and a *note* is information about the processing.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, field_validator

from docmill.errors import FailureClass, ItemFailure, UsageError, bounded

MAX_WARNINGS = 100
"""Maximum warnings of one result: a document of 10,000 pages may have one for each page."""
MAX_PAGE = 2**31 - 1
"""Maximum page number: tables and manifests store 32 bits."""


class WarningKind(StrEnum):
    """The meaning of a warning for the user of the result."""

    LOSS = "loss"
    """Content of the source is missing in the result."""
    DOUBT = "doubt"
    """Content of the result may be wrong."""
    NOTE = "note"
    """Information; nothing is missing or wrong."""


class WarningCode(StrEnum):
    """The subject of a warning. A closed set; the strings are stable."""

    NO_TEXT = "no_text"
    PAGE_WITHOUT_TEXT = "page_without_text"
    CONTENT_NOT_READ = "content_not_read"
    TEXT_UNREADABLE = "text_unreadable"
    FRAMES_NOT_READ = "frames_not_read"
    IMAGES_NOT_SAVED = "images_not_saved"
    LIMIT_REACHED = "limit_reached"
    BYTES_REPLACED = "bytes_replaced"
    TIME_CUT = "time_cut"
    PAGES_FAILED = "pages_failed"
    OCR_DOUBTFUL = "ocr_doubtful"
    ORDER_DOUBTFUL = "order_doubtful"
    CHARSET_GUESSED = "charset_guessed"
    TYPE_UNLIKE_NAME = "type_unlike_name"
    FORMULA_WITHOUT_VALUE = "formula_without_value"
    STRUCTURE_FLATTENED = "structure_flattened"
    TEXT_PUT_BACK = "text_put_back"
    OCR_ADDED = "ocr_added"
    OCR_UNAVAILABLE = "ocr_unavailable"
    PAGE_TURNED = "page_turned"
    HIDDEN_CONTENT = "hidden_content"
    PARAMETER_NOT_HONOURED = "parameter_not_honoured"
    ENGINE_NOTE = "engine_note"


LOSSES = frozenset(
    {
        WarningCode.NO_TEXT,
        WarningCode.PAGE_WITHOUT_TEXT,
        WarningCode.CONTENT_NOT_READ,
        WarningCode.TEXT_UNREADABLE,
        WarningCode.FRAMES_NOT_READ,
        WarningCode.IMAGES_NOT_SAVED,
        WarningCode.LIMIT_REACHED,
        WarningCode.BYTES_REPLACED,
        WarningCode.TIME_CUT,
        WarningCode.PAGES_FAILED,
    }
)
DOUBTS = frozenset(
    {
        WarningCode.OCR_DOUBTFUL,
        WarningCode.ORDER_DOUBTFUL,
        WarningCode.CHARSET_GUESSED,
        WarningCode.TYPE_UNLIKE_NAME,
        WarningCode.FORMULA_WITHOUT_VALUE,
        WarningCode.STRUCTURE_FLATTENED,
    }
)


def kind_of(code: WarningCode) -> WarningKind:
    """Return the kind of a code."""
    if code in LOSSES:
        return WarningKind.LOSS
    return WarningKind.DOUBT if code in DOUBTS else WarningKind.NOTE


@dataclass(frozen=True, slots=True)
class WarningGuide:
    """Explanation of a warning code.

    Attributes:
        meaning: one sentence.
        files: the end of “12 files …”.
    """

    meaning: str
    files: str


_G = WarningGuide

WARNING_GUIDES: dict[WarningCode, WarningGuide] = {
    WarningCode.NO_TEXT: _G("No text came from the document.", "without text"),
    WarningCode.PAGE_WITHOUT_TEXT: _G(
        "A page has no text layer, and OCR found no text or was not requested.",
        "with pages without text",
    ),
    WarningCode.CONTENT_NOT_READ: _G(
        "A part of the document is not in the result; the message names it.",
        "with parts not read",
    ),
    WarningCode.TEXT_UNREADABLE: _G(
        "Text of a page has characters without a meaning, and OCR could not replace it.",
        "with unreadable text",
    ),
    WarningCode.FRAMES_NOT_READ: _G(
        "Not all frames of an image were read.", "with frames not read"
    ),
    WarningCode.IMAGES_NOT_SAVED: _G(
        "Requested images could not be saved.", "with images not saved"
    ),
    WarningCode.LIMIT_REACHED: _G(
        "The result ends at a limit of the settings; the message names it.", "cut at a limit"
    ),
    WarningCode.BYTES_REPLACED: _G(
        "Bytes that are invalid in the file's charset were replaced by U+FFFD.",
        "with invalid bytes",
    ),
    WarningCode.TIME_CUT: _G("The file was read until its time limit.", "cut at the time limit"),
    WarningCode.PAGES_FAILED: _G(
        "Some pages failed, within the allowed ratio; the message names them.",
        "with failed pages",
    ),
    WarningCode.OCR_DOUBTFUL: _G(
        "OCR recognised text with low confidence.", "with doubtful OCR text"
    ),
    WarningCode.ORDER_DOUBTFUL: _G(
        "Right-to-left words may be in the wrong order.",
        "with words in doubtful order",
    ),
    WarningCode.CHARSET_GUESSED: _G(
        "The file does not state its charset, and its bytes fit several.",
        "with a guessed charset",
    ),
    WarningCode.TYPE_UNLIKE_NAME: _G(
        "The content has another type than the file name says.",
        "of another type than their name says",
    ),
    WarningCode.FORMULA_WITHOUT_VALUE: _G(
        "Cells hold formulas without a stored value.", "with formulas without a value"
    ),
    WarningCode.STRUCTURE_FLATTENED: _G(
        "The text is complete, but nested structure was simplified to read it.",
        "with simplified structure",
    ),
    WarningCode.TEXT_PUT_BACK: _G(
        "Text that the layout of the page had lost was restored.", "with restored text"
    ),
    WarningCode.OCR_ADDED: _G(
        "Text from OCR of an image was added to the page.", "with text from OCR"
    ),
    WarningCode.OCR_UNAVAILABLE: _G(
        "A language that was requested for OCR is not installed.",
        "with OCR not available",
    ),
    WarningCode.PAGE_TURNED: _G(
        "A page or image was rotated before it was read.", "with rotated pages"
    ),
    WarningCode.HIDDEN_CONTENT: _G(
        "The document has hidden parts; the message says whether they are in the result.",
        "with hidden parts",
    ),
    WarningCode.PARAMETER_NOT_HONOURED: _G(
        "A parameter has no effect on this kind of file.", "with parameters not honoured"
    ),
    WarningCode.ENGINE_NOTE: _G("A remark of the engine.", "with remarks of the engine"),
}


class ResultWarning(BaseModel):
    """One warning of a result.

    Attributes:
        code: its subject.
        message: one sentence, at most `docmill.errors.MAX_MESSAGE` characters.
        page: 1-based page number; None for the whole document. An invalid page number becomes
            None.
    """

    model_config = ConfigDict(frozen=True)

    code: WarningCode
    message: str
    page: int | None = None

    @field_validator("message")
    @classmethod
    def _bound(cls, message: str) -> str:
        return bounded(message)

    @field_validator("page")
    @classmethod
    def _possible(cls, page: int | None) -> int | None:
        return page if page is not None and 1 <= page <= MAX_PAGE else None

    @property
    def kind(self) -> WarningKind:
        """The kind of its code."""
        return kind_of(self.code)


def warning(code: WarningCode, message: str, page: int | None = None) -> ResultWarning:
    """Return a warning; see `ResultWarning` for the arguments."""
    return ResultWarning(code=code, message=message, page=page)


def at_most(warnings: Sequence[ResultWarning], limit: int = MAX_WARNINGS) -> list[ResultWarning]:
    """Return ``warnings``, reduced to ``limit`` entries that still name every code.

    The first warnings of each code are kept, the same number for all codes. The last entries give
    for each code the number of further warnings, and their first and last page.

    Args:
        warnings: in the document's order, which is kept.
        limit: maximum entries, at least twice the number of codes.
    """
    if len(warnings) <= limit:
        return list(warnings)
    totals = Counter(one.code for one in warnings)
    share = limit // len(totals) - 1
    kept: Counter[WarningCode] = Counter()
    shown: list[ResultWarning] = []
    rest: dict[WarningCode, list[ResultWarning]] = {}
    for one in warnings:
        if kept[one.code] < share or totals[one.code] <= share + 1:
            kept[one.code] += 1
            shown.append(one)
        else:
            rest.setdefault(one.code, []).append(one)
    return shown + [_summary(code, more) for code, more in rest.items()]


def _summary(code: WarningCode, more: list[ResultWarning]) -> ResultWarning:
    pages = [one.page for one in more if one.page is not None]
    where = f", on pages {min(pages)} to {max(pages)}" if pages else ""
    return warning(code, f"And {len(more):,} more of this kind{where}.")


def notes(messages: Iterable[str]) -> list[ResultWarning]:
    """Return messages of an engine as warnings with the code ``engine_note``."""
    return [warning(WarningCode.ENGINE_NOTE, message) for message in messages]


def _with_codes(given: Any) -> Any:
    """Convert plain sentences, as in results of earlier versions and of third-party engines."""
    if not isinstance(given, list | tuple):
        return given
    return [
        {"code": WarningCode.ENGINE_NOTE, "message": one} if isinstance(one, str) else one
        for one in given
    ]


def parse_warnings(given: Iterable[Any]) -> list[ResultWarning]:
    """Return the warnings in the answer of another service, with or without codes.

    Entries that are neither a sentence nor a warning are ignored.
    """
    found: list[ResultWarning] = []
    entries = list(given)
    if not entries:  # most files
        return found
    for one in _with_codes(entries):
        try:
            found.append(ResultWarning.model_validate(one))
        except ValidationError:
            continue
    return found


Warnings = Annotated[list[ResultWarning], BeforeValidator(_with_codes)]
"""Field type of a result's warnings: a plain sentence becomes an ``engine_note``."""


def strict_codes(words: Iterable[str]) -> tuple[WarningCode, ...]:
    """Return the warning codes that make a file fail in a strict run.

    Args:
        words: codes, kinds (``loss``, ``doubt``, ``note``), or ``none``; ``true``, ``yes`` and
            ``1`` mean ``loss``.

    Raises:
        UsageError: a word is unknown.
    """
    codes: set[WarningCode] = set()
    for word in words:
        name = _SWITCHES.get(word.strip().lower(), word.strip().lower())
        if name in set(WarningKind):
            codes |= {code for code in WarningCode if kind_of(code) == name}
        elif name in set(WarningCode):
            codes.add(WarningCode(name))
        elif name:
            raise UsageError(
                f"There is no warning {word}.",
                f"Use none, {', '.join(WarningKind)}, or codes: {', '.join(WarningCode)}.",
            )
    return tuple(sorted(codes))


_SWITCHES = {"true": "loss", "yes": "loss", "1": "loss", "false": "", "no": "", "0": "", "none": ""}


def strict_failure(strict: Collection[str] | None, warnings: Iterable[Any]) -> ItemFailure | None:
    """Return the failure that a result's warnings cause in a strict run; None if they cause none.

    Args:
        strict: the codes of the run; None for none.
        warnings: of the stored result.
    """
    if not strict:
        return None
    found = Counter(one.code for one in parse_warnings(warnings) if one.code in strict)
    if not found:
        return None
    named = ", ".join(f"{code} ({count})" if count > 1 else code for code, count in found.items())
    return ItemFailure(FailureClass.INCOMPLETE, f"The result has warnings: {named}.")
