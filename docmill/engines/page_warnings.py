"""Warnings about pages of one document."""

from docmill.contracts.warnings import ResultWarning, WarningCode, warning


class PageWarnings:
    """What is to be said about pages: each sentence once for each page."""

    def __init__(self) -> None:
        self._pages: dict[tuple[WarningCode, str], set[int]] = {}

    def add(self, code: WarningCode, sentence: str, *pages: int) -> None:
        """Note that a sentence is true of pages.

        Args:
            code: what the warning is about.
            sentence: with ``{page}``, which becomes "page 3".
            pages: their numbers.
        """
        self._pages.setdefault((code, sentence), set()).update(pages)

    def drop(self, code: WarningCode, *pages: int) -> None:
        """Take back what was noted of pages with this code."""
        for (noted, _), its in self._pages.items():
            if noted == code:
                its.difference_update(pages)

    @property
    def each(self) -> list[tuple[WarningCode, str, int]]:
        """Code, sentence and page of each warning, in the order of `all`."""
        return [
            (code, sentence, number)
            for (code, sentence), pages in self._pages.items()
            for number in sorted(pages)
        ]

    @property
    def all(self) -> list[ResultWarning]:
        """The warnings, by sentence and page."""
        return [
            warning(code, sentence.format(page=f"page {number}"), number)
            for code, sentence, number in self.each
        ]
