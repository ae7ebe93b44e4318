"""One page of LiteParse as one of ours."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from docmill.engines import parameters
from docmill.engines.base import ParsedPage

if TYPE_CHECKING:
    import liteparse

    from docmill.engines.running_lines import RunningLines


def read_page(
    page: "liteparse.ParsedPage", given: dict[str, Any], images: Mapping[str, str]
) -> ParsedPage:
    """Return ``page`` as the parameters ``given`` want it.

    Args:
        page: with its blocks.
        given: the parameters of the parse.
        images: the file of each image by its name, for those that share one.
    """
    # They load LiteParse, which a child without a PDF never needs.
    from docmill.engines.layout import items_of, running_items  # noqa: PLC0415
    from docmill.engines.running_lines import running_lines  # noqa: PLC0415

    blocks = page.blocks or ()
    lines = running_lines(page.text_items, list(blocks), page.height)
    printed = parameters.PRINTED_PAGE_NUMBER in parameters.asked(given)
    # A page without text comes as an empty code block.
    markdown = page.markdown if page.text.strip() else ""
    return ParsedPage(
        page_number=page.page_num,
        markdown=_markdown(markdown, lines, given),
        text=_text(page.text, lines, given),
        width=page.width,
        height=page.height,
        ocr=any(item.confidence is not None for item in page.text_items),
        items=running_items(items_of(blocks, images), lines.header, lines.footer),
        header="\n".join(lines.header) or None,
        footer="\n".join(lines.footer) or None,
        confidence=_confidence(page.text_items),
        printed_page_number=(lines.page_number or page.page_label) if printed else None,
    )


def words_of(page: "liteparse.ParsedPage") -> Iterator[dict[str, Any]]:
    """Yield the words of a page with their boxes."""
    for word in (word for item in page.text_items for word in item.words):
        yield {
            "page_number": page.page_num,
            "text": word.text,
            "x": round(word.x, 2),
            "y": round(word.y, 2),
            "w": round(word.width, 2),
            "h": round(word.height, 2),
        }


def _markdown(markdown: str, lines: "RunningLines", given: dict[str, Any]) -> str:
    """LiteParse leaves running lines out; they come back where they are not to be hidden."""
    above = lines.header if given.get(parameters.HIDE_HEADERS) is False else ()
    below = lines.footer if given.get(parameters.HIDE_FOOTERS) is False else ()
    return "\n\n".join(part for part in (*above, markdown, *below) if part)


def _text(text: str, lines: "RunningLines", given: dict[str, Any]) -> str:
    from docmill.engines.running_lines import without_lines  # noqa: PLC0415 - as above

    if given.get(parameters.HIDE_HEADERS):
        text = without_lines(text, lines.header)
    if given.get(parameters.HIDE_FOOTERS):
        text = without_lines(text, tuple(reversed(lines.footer)), from_end=True)
    return text


def _confidence(items: "Sequence[liteparse.TextItem]") -> float | None:
    """The mean over recognised characters."""
    read = [(len(item.text), item.confidence) for item in items if item.confidence is not None]
    characters = sum(length for length, _ in read)
    if not characters:
        return None
    return round(float(sum(length * sure for length, sure in read)) / characters, 4)
