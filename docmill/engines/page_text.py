"""How the pages of a document become one text."""

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict

PAGE_NUMBER = "{pageNumber}"
"""Stands for a page's number in every part of a `Joining`, as in LlamaParse's v1."""


class Joining(BaseModel):
    """What stands between and around pages.

    Attributes:
        separator: between two pages, with the number of the second; None takes what the place
            that joins uses by default.
        prefix: before each page.
        suffix: after each page.
    """

    model_config = ConfigDict(frozen=True)

    separator: str | None = None
    prefix: str = ""
    suffix: str = ""

    def join(self, pages: Iterable[tuple[int, str]], default: str) -> str:
        """Return pages as one text.

        Args:
            pages: number and text of each.
            default: the separator where none was asked for.
        """
        parts: list[str] = []
        for number, text in pages:
            if parts:
                parts.append(
                    _numbered(default if self.separator is None else self.separator, number)
                )
            parts += [_numbered(self.prefix, number), text, _numbered(self.suffix, number)]
        return "".join(parts)


def _numbered(text: str, number: int) -> str:
    return text.replace(PAGE_NUMBER, str(number))
