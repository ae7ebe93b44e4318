"""Warnings of a result: what a completed document does not have, or may not have right.

The codes are a closed set, written to results, ledgers and manifests. Each has a kind, and the
kind decides what it means for the user: a *loss* is content of the source that is not in the
result, a *doubt* is content that may be wrong, a *note* is something that was done or not done.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, field_validator

from docmill.errors import FailureClass, ItemFailure, UsageError, bounded

MAX_WARNINGS = 100
"""Warnings of one result: a document of 10,000 pages may have one for each of them."""
MAX_PAGE = 2**31 - 1
"""Larger page numbers are an engine's mistake; tables and manifests hold 32 bits."""


class WarningKind(StrEnum):
    """What a warning means for whoever reads the result."""

    LOSS = "loss"
    """Content of the source is not in the result."""
    DOUBT = "doubt"
    """Content of the result may be wrong."""
    NOTE = "note"
    """Nothing is missing or wrong; it is good to know."""


class WarningCode(StrEnum):
    """What a warning is about. A closed set; the strings are stable."""

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
    """What a code means.

    Attributes:
        meaning: one sentence for a person.
        files: the end of “12 files …”.
    """

    meaning: str
    files: str


_G = WarningGuide

WARNING_GUIDES: dict[WarningCode, WarningGuide] = {
    WarningCode.NO_TEXT: _G("No text came from the document.", "without text"),
    WarningCode.PAGE_WITHOUT_TEXT: _G(
        "A page has no text layer, and recognition found no text or was not asked for.",
        "with pages without text",
    ),
    WarningCode.CONTENT_NOT_READ: _G(
        "A part of the document is not in the result; the message names it.",
        "with parts not read",
    ),
    WarningCode.TEXT_UNREADABLE: _G(
        "Text of a page has characters without a meaning, and recognition could not replace it.",
        "with unreadable text",
    ),
    WarningCode.FRAMES_NOT_READ: _G(
        "Not all frames of an image were read.", "with frames not read"
    ),
    WarningCode.IMAGES_NOT_SAVED: _G(
        "Images were asked for and could not be saved.", "with images not saved"
    ),
    WarningCode.LIMIT_REACHED: _G(
        "The result ends at a limit of the settings; the message names it.", "cut at a limit"
    ),
    WarningCode.BYTES_REPLACED: _G(
        "Bytes that are no text in the file's charset were replaced by U+FFFD.",
        "with bytes that are no text",
    ),
    WarningCode.TIME_CUT: _G("Reading ended when its time was over.", "cut at the time limit"),
    WarningCode.PAGES_FAILED: _G(
        "Some pages failed, within the allowed ratio; the message names them.",
        "with failed pages",
    ),
    WarningCode.OCR_DOUBTFUL: _G(
        "Text was recognised with little confidence.", "with doubtful recognised text"
    ),
    WarningCode.ORDER_DOUBTFUL: _G(
        "Words that run from right to left may stand in the wrong order.",
        "with words in doubtful order",
    ),
    WarningCode.CHARSET_GUESSED: _G(
        "The file does not state its charset, and its bytes fit several.",
        "with a guessed charset",
    ),
    WarningCode.TYPE_UNLIKE_NAME: _G(
        "The content is of another type than the file's name says.",
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
        "Text that the page's layout had left out was put back.", "with text put back"
    ),
    WarningCode.OCR_ADDED: _G(
        "Text recognised from an image was added to the page.", "with recognised text"
    ),
    WarningCode.OCR_UNAVAILABLE: _G(
        "A language that recognition was asked for is not installed.",
        "with recognition not available",
    ),
    WarningCode.PAGE_TURNED: _G(
        "A page or image was turned before it was read.", "with turned pages"
    ),
    WarningCode.HIDDEN_CONTENT: _G(
        "The document has hidden parts; the message says what became of them.",
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
        code: what it is about.
        message: one sentence for people, at most `docmill.errors.MAX_MESSAGE` characters.
        page: the page's number, from 1; None when it is about the whole document. A number
            that no page can have counts as None.
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
        """What it means for whoever reads the result."""
        return kind_of(self.code)


def warning(code: WarningCode, message: str, page: int | None = None) -> ResultWarning:
    """Return a warning; see `ResultWarning` for the arguments."""
    return ResultWarning(code=code, message=message, page=page)


def at_most(warnings: Sequence[ResultWarning], limit: int = MAX_WARNINGS) -> list[ResultWarning]:
    """Return ``warnings``, cut to ``limit`` entries that still name every code.

    Of each code the first ones stay, equally many; the last entries say of each code how many
    more there were, and on which pages the first and the last of them are.

    Args:
        warnings: in the document's order, which is kept.
        limit: entries of the answer, at least twice the number of codes.
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
    return shown + [_summed(code, more) for code, more in rest.items()]


def _summed(code: WarningCode, more: list[ResultWarning]) -> ResultWarning:
    pages = [one.page for one in more if one.page is not None]
    where = f", on pages {min(pages)} to {max(pages)}" if pages else ""
    return warning(code, f"And {len(more):,} more of this kind{where}.")


def notes(messages: Iterable[str]) -> list[ResultWarning]:
    """Return sentences of an engine that have no code of their own."""
    return [warning(WarningCode.ENGINE_NOTE, message) for message in messages]


def _with_codes(given: Any) -> Any:
    """Results of earlier versions and engines of other packages state sentences only."""
    if not isinstance(given, list | tuple):
        return given
    return [
        {"code": WarningCode.ENGINE_NOTE, "message": one} if isinstance(one, str) else one
        for one in given
    ]


def parse_warnings(given: Iterable[Any]) -> list[ResultWarning]:
    """Return the warnings that another service states, with or without codes.

    What is neither a sentence nor a warning is left out: it is not ours, and proves nothing.
    """
    found = []
    for one in _with_codes(list(given)):
        try:
            found.append(ResultWarning.model_validate(one))
        except ValidationError:
            continue
    return found


Warnings = Annotated[list[ResultWarning], BeforeValidator(_with_codes)]
"""The field type of a result's warnings: a plain sentence is read as an ``engine_note``."""


def strict_codes(words: Iterable[str]) -> tuple[WarningCode, ...]:
    """Return the codes that a run is strict about.

    Args:
        words: codes, kinds (``loss``, ``doubt``, ``note``), or ``none``; ``true``, ``yes`` and
            ``1`` mean ``loss``.

    Raises:
        UsageError: a word is none of these.
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
    """Return the failure that a strict run makes of a result's warnings; None when it stands.

    Args:
        strict: the run's codes; None for none.
        warnings: as stored.
    """
    if not strict:
        return None
    found = Counter(one.code for one in parse_warnings(warnings) if one.code in strict)
    if not found:
        return None
    named = ", ".join(f"{code} ({count})" if count > 1 else code for code, count in found.items())
    return ItemFailure(FailureClass.INCOMPLETE, f"The result has warnings: {named}.")
