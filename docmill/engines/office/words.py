"""Which paragraphs of a source are missing from a result's text.

The engine's page text is made from its Markdown, so it proves nothing about it: both sides of
this comparison are independent readings. Words are counted first, which settles nearly every
document; only paragraphs that hold a missing word are looked for one by one.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

_WORD = re.compile(r"[^\W_]+")
_IGNORED = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))
_SHORT = 12
"""Letters; a shorter paragraph stands inside longer words by chance."""


def words_of(text: str) -> list[str]:
    """Return the words of ``text`` in the form in which they are compared."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_IGNORED)
    return _WORD.findall(text)


def missing(paragraphs: Iterable[str], text: str) -> list[str]:
    """Return the paragraphs whose words are not all in ``text``, in order.

    Args:
        paragraphs: of the source, as plain text.
        text: of the result, without Markdown's marks.
    """
    source = [(paragraph, words_of(paragraph)) for paragraph in paragraphs]
    found = words_of(text)
    lacking = Counter(word for _, words in source for word in words)
    lacking.subtract(Counter(found))
    lacking = +lacking
    if not lacking:
        return []
    letters = "".join(found)
    seen: Counter[str] = Counter()
    lost = []
    for paragraph, words in source:
        whole = "".join(words)
        seen[whole] += 1
        if lacking.keys().isdisjoint(words):
            continue
        if len(whole) <= _SHORT or letters.count(whole) < seen[whole]:
            lost.append(paragraph)
            lacking = +(lacking - Counter(words))
    return lost


def holds(text: str, passage: str) -> bool:
    """Say whether the words of ``passage`` stand in ``text``, in whatever order."""
    return not (Counter(words_of(passage)) - Counter(words_of(text)))
