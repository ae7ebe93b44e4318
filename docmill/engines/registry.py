"""Registry of engines by product and media type."""

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
"""Version of Docmill's part of the engines. Raise it when results change: caches expire."""


@dataclass
class Registry:
    """Engines by product and media type. The first engine added for a pair wins.

    Classifiers and extractors read no files; they receive the result of a parse engine.
    """

    _engines: dict[tuple[str, str], Engine] = field(default_factory=dict)
    _classifier: Classifier | None = None
    _extractor: Extractor | None = None

    def add(self, product: str, engine: Engine) -> None:
        """Register ``engine`` for ``product`` and all its media types."""
        for media_type in engine.media_types:
            self._engines.setdefault((product, media_type), engine)

    def engine_for(self, product: str, media_type: str) -> Engine:
        """Return the engine for a media type.

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
        """Set the classifier of the product ``classify``."""
        self._classifier = classifier

    def classifier(self) -> Classifier:
        """Return the classifier.

        Raises:
            ItemFailure: UNSUPPORTED_TYPE.
        """
        if self._classifier is None:
            raise ItemFailure(FailureClass.UNSUPPORTED_TYPE, "No engine can classify files.")
        return self._classifier

    def set_extractor(self, extractor: Extractor) -> None:
        """Set the extractor of the product ``extract``."""
        self._extractor = extractor

    def extractor(self) -> Extractor:
        """Return the extractor.

        Raises:
            ItemFailure: UNSUPPORTED_TYPE.
        """
        if self._extractor is None:
            raise ItemFailure(FailureClass.UNSUPPORTED_TYPE, "No engine can extract from files.")
        return self._extractor

    @property
    def extensions(self) -> dict[str, str]:
        """Media types of third-party engines by file extension."""
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
"""The built-in parse engines."""


@cache
def builtin() -> Registry:
    """Return the registry of built-in engines."""
    return registry_of(BUILTIN)


def engine_for(product: str, media_type: str) -> Engine:
    """Return the built-in engine; see `Registry.engine_for`."""
    return builtin().engine_for(product, media_type)


@cache
def parse_suite_version() -> str:
    """Return the version of the built-in parse engines: part of the cache key of every result.

    It contains the version of each engine and the installed OCR languages, because each of them
    may change results. It is computed once per process.
    """
    engines = "+".join(f"{e.name}-{e.version}" for e in builtin().engines(PARSE))
    return f"{_SUITE}+{engines}+ocr-{'.'.join(ocr_languages.installed()) or 'none'}"


def suite_version(product: str, parse: str) -> str:
    """Return the version of a worker's engines for ``product``.

    Args:
        product: each product uses the parse engines.
        parse: version of the worker's parse engines; see `parse_suite_version`.
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
    """Return a registry of parse engines. The first engine for a media type wins."""
    registry = Registry()
    for engine in parse:
        registry.add(PARSE, engine)
    registry.set_classifier(BasicClassifier())
    registry.set_extractor(BasicExtractor())
    return registry
