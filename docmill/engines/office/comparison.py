"""Comparison of the paragraphs of a source with the text of a result.

Both sides are independent readings: page text is derived from Markdown, so it cannot verify the
Markdown. Words are counted first, which settles nearly every document. Only paragraphs with a
missing word are searched one by one.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

_WORD = re.compile(r"[^\W_]+")
_IGNORED = re.compile("[\u00ad\u200b\u200c\u200d\u2060\ufeff]+")
"""Soft hyphens and zero-width characters."""
_MAX_STEPS = 2_000_000_000
"""Characters that the search for single paragraphs may scan: about one second."""


def words_of(text: str) -> list[str]:
    """Return the words of ``text``, normalized for comparison."""
    if not text.isascii():
        text = _IGNORED.sub("", unicodedata.normalize("NFKC", text))
    return _WORD.findall(text)


def missing(paragraphs: Iterable[str], text: str) -> list[str]:
    """Return the paragraphs with words that ``text`` lacks, in order.

    Args:
        paragraphs: paragraphs of the source, as plain text.
        text: text of the result, without Markdown syntax.
    """
    source = [(paragraph, words_of(paragraph)) for paragraph in paragraphs]
    found = words_of(text)
    lacking = Counter(word for _, words in source for word in words)
    lacking.subtract(Counter(found))
    lacking = +lacking
    if not lacking:
        return []
    suspects = [i for i, (_, words) in enumerate(source) if not lacking.keys().isdisjoint(words)]
    everything = "".join(word for _, words in source for word in words)
    if len(suspects) * len(everything) > _MAX_STEPS:
        return [source[i][0] for i in suspects]
    lost = _lost({i: "".join(source[i][1]) for i in suspects}, everything, "".join(found))
    return [source[i][0] for i in sorted(lost)]


def _lost(suspects: dict[int, str], everything: str, letters: str) -> list[int]:
    """Return the paragraphs that occur less often in the text than in the source.

    Only letters are compared, because an engine may join or split words. Long paragraphs come
    first: a paragraph inside a longer missing one is not missing as well.
    """
    lost = []
    for number, whole in sorted(suspects.items(), key=lambda item: -len(item[1])):
        if letters.count(whole) < everything.count(whole):
            lost.append(number)
            letters += " " + whole
    return lost


def contains(text: str, passage: str) -> bool:
    """Return whether ``text`` contains ``passage``, compared by letters."""
    return "".join(words_of(passage)) in "".join(words_of(text))
