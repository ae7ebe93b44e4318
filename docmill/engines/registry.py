"""Which engine runs for which product and which kind of file."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache

from docmill.engines.base import Engine
from docmill.engines.classify.base import CLASSIFY, Classifier
from docmill.engines.classify.basic import BasicClassifier
from docmill.engines.extract.base import EXTRACT, Extractor
from docmill.engines.extract.basic import BasicExtractor
from docmill.engines.liteparse import ocr_languages
from docmill.engines.liteparse.engine import LiteParseEngine
from docmill.engines.office.engine import XbergEngine
from docmill.engines.text.engine import PlainTextEngine
from docmill.errors import FailureClass, ItemFailure

PARSE = "parse"

_SUITE = 4
"""Raise it when our own part changes results: what was stored before is then parsed again."""


@dataclass
class Registry:
    """Engines by product and media type; the first that was added for a pair keeps it.

    Classifiers and extractors read no files: they get what the engines of ``parse`` found.
    """

    _engines: dict[tuple[str, str], Engine] = field(default_factory=dict)
    _classifier: Classifier | None = None
    _extractor: Extractor | None = None

    def add(self, product: str, engine: Engine) -> None:
        """Let ``engine`` run ``product`` for every media type that it reads."""
        for media_type in engine.media_types:
            self._engines.setdefault((product, media_type), engine)

    def engine_for(self, product: str, media_type: str) -> Engine:
        """Return the engine.

        Raises:
            ItemFailure: UNSUPPORTED_TYPE.
        """
        engine = self._engines.get((product, media_type))
        if engine is None:
            raise ItemFailure(
                FailureClass.UNSUPPORTED_TYPE, f"No engine can {product} {media_type}."
            )
        return engine

    def set_classifier(self, classifier: Classifier) -> None:
        """Let ``classifier`` answer for the product ``classify``."""
        self._classifier = classifier

    def classifier(self) -> Classifier:
        """Return what classifies.

        Raises:
            ItemFailure: UNSUPPORTED_TYPE.
        """
        if self._classifier is None:
            raise ItemFailure(FailureClass.UNSUPPORTED_TYPE, "No engine can classify files.")
        return self._classifier

    def set_extractor(self, extractor: Extractor) -> None:
        """Let ``extractor`` answer for the product ``extract``."""
        self._extractor = extractor

    def extractor(self) -> Extractor:
        """Return what extracts.

        Raises:
            ItemFailure: UNSUPPORTED_TYPE.
        """
        if self._extractor is None:
            raise ItemFailure(FailureClass.UNSUPPORTED_TYPE, "No engine can extract from files.")
        return self._extractor

    @property
    def extensions(self) -> dict[str, str]:
        """The media types of file endings that only an engine from outside knows, by ending."""
        return {
            ending: media_type
            for (_, media_type), engine in self._engines.items()
            for ending, its in getattr(engine, "extensions", {}).items()
            if its == media_type
        }

    def engines(self, product: str) -> list[Engine]:
        """Return the engines of ``product``, by name."""
        found = {e.name: e for (made, _), e in self._engines.items() if made == product}
        return [found[name] for name in sorted(found)]


BUILTIN: tuple[Engine, ...] = (LiteParseEngine(), XbergEngine(), PlainTextEngine())
"""The parse engines that come with Docmill."""


@cache
def builtin() -> Registry:
    """Return the engines that come with Docmill."""
    return registry_of(BUILTIN)


def engine_for(product: str, media_type: str) -> Engine:
    """Return the built-in engine; see `Registry.engine_for`."""
    return builtin().engine_for(product, media_type)


@cache
def parse_suite_version() -> str:
    """Return the identity of the built-in parse engines: part of every result's cache key.

    It names each engine with its version and the OCR languages that are installed here, since
    any of them changes what the same bytes and parameters give. Read once in a process.
    """
    engines = "+".join(f"{e.name}-{e.version}" for e in builtin().engines(PARSE))
    return f"{_SUITE}+{engines}+ocr-{'.'.join(ocr_languages.installed()) or 'none'}"


def suite_version(product: str, parse: str) -> str:
    """Return the identity of a worker's engines for ``product``.

    Args:
        product: every one reads by the engines of ``parse``.
        parse: identity of the worker's parse engines; see `parse_suite_version`.
    """
    second: Classifier | Extractor
    if product == CLASSIFY:
        second = builtin().classifier()
    elif product == EXTRACT:
        second = builtin().extractor()
    else:
        return parse
    return f"{parse}+{second.name}-{second.version}"


def registry_of(parse: Iterable[Engine]) -> Registry:
    """Return a registry of parse engines; the first that reads a media type has it."""
    registry = Registry()
    for engine in parse:
        registry.add(PARSE, engine)
    registry.set_classifier(BasicClassifier())
    registry.set_extractor(BasicExtractor())
    return registry
