"""Check of a rendering against its source: parts of the source that the rendering lacks.

The check counts words, because a rendering may change their order, and then compares letters only,
because it may join or split words: at line ends, at hyphens, between cells.
"""

import re
import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from itertools import accumulate, chain, compress, repeat
from operator import add, gt
from typing import TypeVar

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
"""Soft hyphens, zero-width characters and direction marks, which do not change a word."""
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]+")
"""A word. Chinese and Japanese have no spaces, so each character is a word."""
_NO_LETTER = re.compile(r"[\W_]+")
_BETWEEN_WORDS = bytes(code for code in range(0x80) if not chr(code).isalnum())
"""ASCII that is part of no word."""
_SEPARATED = bytes.maketrans(_BETWEEN_WORDS, b" " * len(_BETWEEN_WORDS))
_FEW = 3
_MANY = 8
"""Words up to which looking for each in a page is quicker than splitting the page."""
_Word = TypeVar("_Word", str, bytes)
_TARGET = re.compile(r"!\[[^\]]*\]\([^)\s]*\)|(?<=\])\([^)\s]*\)")
"""Images and link addresses of Markdown, which are not text of the page."""


def words_of(text: str) -> list[str]:
    """Return the words of ``text``, normalized for comparison."""
    return _WORD.findall(_plain(text))


def letters_of(text: str) -> str:
    """Return the letters and digits of ``text``."""
    if text.isascii():
        return text.encode("ascii").translate(None, _BETWEEN_WORDS).decode("ascii")
    return _NO_LETTER.sub("", _plain(text))


def left_out(
    parts: Sequence[str], rendering: str, order: Callable[[], Sequence[int]] | None = None
) -> list[int]:
    """Return the indexes of those ``parts`` that ``rendering`` lacks, in order.

    A missing word that occurs in several parts is attributed to the part with the most missing
    words, or to the first of equal ones.

    Args:
        parts: runs of text of one page, such as its text items.
        rendering: Markdown or plain text of the page.
        order: returns all indexes in the order that decides which part is the first; it is called
            only if words are missing. By default the order is that of ``parts``.
    """
    # Most pages end at one of these steps, ordered by cost.
    text, rendered = " ".join(parts), _without_targets(rendering)
    seen, shown = _chunks(text), _chunks(rendered)
    if seen == shown:
        return []
    source, made = Counter(seen), Counter(shown)
    lost = _beyond(source, made)
    if not lost:
        return []
    missing, extra = _difference(lost, _beyond(made, source))
    if not missing or _joined(missing, extra):
        return []
    places: Sequence[int] = order() if order else range(len(parts))
    letters = letters_of(" ".join(parts[place] for place in places)), letters_of(rendered)
    among = _with_lost_tokens(parts, _candidates(parts, text, missing), text, rendered)
    words = {place: words_of(parts[place]) for place in places if place in among}
    found = set()
    for place in _by_loss(words, missing):
        if not any(missing[word] > 0 for word in words[place]):
            continue
        if _stands(letters_of(parts[place]), *letters, extra):
            continue
        missing.subtract(words[place])
        found.add(place)
    return [place for place in places if place in found]


def _chunks(text: str) -> list[bytes]:
    """Split a text at ASCII characters outside of words, and return the chunks in UTF-8.

    No word spans such a character, so the words of a text are those of its chunks. Chunks of ASCII
    are words themselves, at a tenth of the cost of finding words.
    """
    return text.encode("utf-8", "surrogatepass").translate(_SEPARATED).split()


def _text_of(chunks: dict[bytes, int]) -> str:
    return b" ".join(Counter(chunks).elements()).decode("utf-8", "surrogatepass")


def _beyond(some: Counter[_Word], others: Counter[_Word]) -> dict[_Word, int]:
    """Return the words that occur more often in ``some``."""
    # Without a loop in Python: pages have hundreds of words, and mostly none is found.
    found = compress(some, map(gt, some.values(), map(others.get, some, repeat(0))))
    return {word: some[word] - others[word] for word in found}


def _difference(
    lost: dict[bytes, int], gained: dict[bytes, int]
) -> tuple[Counter[str], Counter[str]]:
    """Return the words that only the source has, and those that only the rendering has.

    Args:
        lost: chunks of the source alone; the words of what both have are the same in both.
        gained: tokens of the rendering alone.
    """
    missing, extra = Counter(words_of(_text_of(lost))), Counter(words_of(_text_of(gained)))
    return missing - extra, extra - missing


def _joined(missing: Counter[str], extra: Counter[str]) -> bool:
    """Return whether all missing words are parts of words that only the rendering has."""
    whole = " ".join(extra.elements())
    length = sum(len(word) * times for word, times in missing.items())
    fits = length <= sum(len(word) * times for word, times in extra.items())
    return fits and all(whole.count(word) >= times for word, times in missing.items())


def _candidates(parts: Sequence[str], text: str, missing: Counter[str]) -> Sequence[int]:
    """Return the indexes of the parts that may have a missing word.

    Args:
        parts: runs of text.
        text: the parts with a space between them.
        missing: the missing words.
    """
    if len(missing) > _MANY:
        return range(len(parts))
    # Looking for a few words is quicker than splitting. Other scripts are compared normalized.
    found: set[int] = set()
    if not text.isascii():
        found.update(place for place, part in enumerate(parts) if not part.isascii())
    ends = list(accumulate(map(add, map(len, parts), repeat(1))))
    for word in missing:
        found.update(bisect_right(ends, start) for start in _starts(word, text, str.isalnum))
    return sorted(found)


def _with_lost_tokens(
    parts: Sequence[str], places: Iterable[int], text: str, rendered: str
) -> set[int]:
    """Return those of ``places`` whose part has a token that ``text`` has more often.

    Tokens are what stands between spaces.
    """
    tokens = {place: parts[place].split() for place in places}
    wanted = set(chain.from_iterable(tokens.values()))
    source, made = (_times(wanted, one) for one in (text, rendered))
    lost = _beyond(source, made).keys()
    return {place for place, its in tokens.items() if not lost.isdisjoint(its)}


def _times(tokens: Set[str], text: str) -> Counter[str]:
    """Return how often each of ``tokens`` stands between spaces in ``text``."""
    if len(tokens) > _MANY:
        return Counter(filter(tokens.__contains__, text.split()))
    return Counter({one: sum(1 for _ in _starts(one, text, str.strip)) for one in tokens})


def _starts(word: str, text: str, within: Callable[[str], object]) -> Iterator[int]:
    """Yield where ``word`` stands in ``text``: not between characters that are ``within`` one."""
    start = text.find(word)
    while start >= 0:
        end = start + len(word)
        if not within(text[start - 1 : start]) and not within(text[end : end + 1]):
            yield start
        start = text.find(word, end)


def _by_loss(words: dict[int, list[str]], missing: Counter[str]) -> list[int]:
    """Return the indexes of parts with a missing word, those with the most missing first."""
    shares = {
        place: sum(word in missing for word in part) / len(part)
        for place, part in words.items()
        if any(word in missing for word in part)
    }
    return sorted(shares, key=lambda place: -shares[place])


def _stands(part: str, source: str, made: str, extra: Counter[str]) -> bool:
    """Return whether the letters of a part occur in the rendering as often as in the source."""
    # Few letters occur anywhere by chance, such as those of a page number.
    if len(part) <= _FEW and not any(part in word for word in extra):
        return False
    times = source.count(part)
    return made.count(part) >= times or made.count(part[::-1]) >= times


def _without_targets(markdown: str) -> str:
    return _TARGET.sub("", markdown) if "](" in markdown else markdown


def _plain(text: str) -> str:
    # Normalizing ASCII changes nothing, and most pages are ASCII.
    if text.isascii():
        return text
    return _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
