"""Damaged documents, each generated from a seed."""

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

from tests.chaos.bombs import BOMBS

BOMB_SHARE = 0.08
LARGEST = 4 * 2**20
"""Bytes of an original: a larger one would only make the run longer."""


def originals(*folders: Path) -> list[Path]:
    """Return the documents to damage, always in the same order."""
    found = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    return [path for path in found if 0 < path.stat().st_size <= LARGEST]


def mutant(seed: int, documents: Sequence[Path]) -> tuple[str, bytes]:
    """Return name and content of the mutant of ``seed``."""
    random = Random(seed)
    if random.random() < BOMB_SHARE:
        return random.choice(BOMBS)(random)
    source = random.choice(documents)
    data = source.read_bytes()
    for damage in random.choices(_DAMAGES, k=random.choice([1, 1, 1, 2, 3])):
        data = damage(random, data, documents)
    name = source.name if random.random() < 0.9 else f"x{random.choice(documents).suffix}"
    return name, data


def _truncate(random: Random, data: bytes, _: Sequence[Path]) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def _behead(random: Random, data: bytes, _: Sequence[Path]) -> bytes:
    return data[random.randrange(min(len(data) + 1, 4096)) :]


def _flip(random: Random, data: bytes, _: Sequence[Path]) -> bytes:
    damaged = bytearray(data)
    for _turn in range(random.choice([1, 8, 64, 512]) if damaged else 0):
        damaged[random.randrange(len(damaged))] ^= 1 << random.randrange(8)
    return bytes(damaged)


def _overwrite(random: Random, data: bytes, _: Sequence[Path]) -> bytes:
    start = random.randrange(len(data) + 1)
    length = random.choice([4, 64, 4096])
    filling = random.choice([bytes(length), b"\xff" * length, random.randbytes(length)])
    return data[:start] + filling + data[start + length :]


def _repeat(random: Random, data: bytes, _: Sequence[Path]) -> bytes:
    start = random.randrange(len(data) + 1)
    piece = data[start : start + random.choice([16, 1024, 65536])]
    return data[:start] + piece * random.choice([2, 10, 40]) + data[start:]


def _splice(random: Random, data: bytes, documents: Sequence[Path]) -> bytes:
    other = random.choice(documents).read_bytes()
    return data[: random.randrange(len(data) + 1)] + other[random.randrange(len(other)) :]


def _numbers(random: Random, data: bytes, _: Sequence[Path]) -> bytes:
    """Make the digits of some numbers huge: lengths, counts, offsets."""
    damaged = bytearray(data)
    digits = [place for place, byte in enumerate(data) if 48 <= byte < 58]
    for place in random.sample(digits, min(len(digits), random.choice([1, 16, 128]))):
        damaged[place] = 57
    return bytes(damaged)


_Damage = Callable[[Random, bytes, Sequence[Path]], bytes]
_DAMAGES: tuple[_Damage, ...] = (
    _truncate,
    _behead,
    _flip,
    _flip,
    _overwrite,
    _repeat,
    _splice,
    _numbers,
)
