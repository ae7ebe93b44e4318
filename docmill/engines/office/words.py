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
_IGNORED = re.compile("[\u00ad\u200b\u200c\u200d\u2060\ufeff]+")
"""Soft hyphens and characters without width."""
_MOST_STEPS = 2_000_000_000
"""Letters that are looked through for single paragraphs: about a second."""


def words_of(text: str) -> list[str]:
    """Return the words of ``text`` in the form in which they are compared."""
    if not text.isascii():
        text = _IGNORED.sub("", unicodedata.normalize("NFKC", text))
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
    suspects = [i for i, (_, words) in enumerate(source) if not lacking.keys().isdisjoint(words)]
    everything = "".join(word for _, words in source for word in words)
    if len(suspects) * len(everything) > _MOST_STEPS:
        return [source[i][0] for i in suspects]
    lost = _lost({i: "".join(source[i][1]) for i in suspects}, everything, "".join(found))
    return [source[i][0] for i in sorted(lost)]


def _lost(suspects: dict[int, str], everything: str, letters: str) -> list[int]:
    """Which paragraphs stand in the text less often than in the source, letter by letter.

    An engine may join or split words, so only their letters are compared. Long paragraphs come
    first: what is in one that is put back is not missing any more.
    """
    lost = []
    for number, whole in sorted(suspects.items(), key=lambda item: -len(item[1])):
        if letters.count(whole) < everything.count(whole):
            lost.append(number)
            letters += " " + whole
    return lost


def holds(text: str, passage: str) -> bool:
    """Say whether ``passage`` stands in ``text`` as it is, letter by letter."""
    return "".join(words_of(passage)) in "".join(words_of(text))
