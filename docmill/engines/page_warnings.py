"""Warnings about pages of one document."""

from docmill.contracts.warnings import ResultWarning, WarningCode, warning


class PageWarnings:
    """Collects warnings about pages; each sentence appears once for each page."""

    def __init__(self) -> None:
        self._pages: dict[tuple[WarningCode, str], set[int]] = {}

    def add(self, code: WarningCode, sentence: str, *pages: int) -> None:
        """Add a warning about pages.

        Args:
            code: code of the warning.
            sentence: text with ``{page}``, which becomes "page 3".
            pages: page numbers.
        """
        self._pages.setdefault((code, sentence), set()).update(pages)

    def drop(self, code: WarningCode, *pages: int) -> None:
        """Remove the warnings with this code about pages."""
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
        """All warnings, ordered by sentence and page."""
        return [
            warning(code, sentence.format(page=f"page {number}"), number)
            for code, sentence, number in self.each
        ]
