r"""The test suite for parse engines. A test module subclasses `EngineContract` with its samples.

    class TestSubtitles(EngineContract):
        engine = SubtitleEngine
        samples = {"a.srt": ("1\n00:00:01,000 --> 00:00:02,000\nHello\n", "Hello")}

The engine runs as in production: in a child process, behind type detection and page accounting.
Children import installed packages, so the engine's package must be installed, at least as editable.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import pytest

from docmill.engines import third_party
from docmill.engines.base import Engine, Limits
from docmill.errors import FailureClass, ItemFailure
from docmill.testing.engine_trial import EngineTrial

_PAGES = 3
"""Pages of the document `EngineContract.paged`."""


class EngineContract:
    """The requirements of an engine, one test each.

    Attributes:
        engine: the class of the engine under test; its constructor takes no arguments.
        samples: documents by name, each with a phrase that its text must contain.
        damaged: damaged documents by name.
        protected: documents by name that need a password.
        paged: name and content of a document of exactly three pages, if the format has pages.
    """

    engine: ClassVar[type[Engine]]
    samples: ClassVar[Mapping[str, tuple[bytes | str, str]]]
    damaged: ClassVar[Mapping[str, bytes | str]] = {}
    protected: ClassVar[Mapping[str, bytes | str]] = {}
    paged: ClassVar[tuple[str, bytes | str] | None] = None

    @pytest.fixture(scope="class")
    @classmethod
    def trial(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineTrial]:
        """The engine in its own pool, shared by the tests of one class."""
        folder = tmp_path_factory.mktemp("engine")
        with EngineTrial.of(cls.engine, folder) as trial:
            yield trial

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run each test with a sample once for every sample."""
        if "sample" in metafunc.fixturenames:
            metafunc.parametrize("sample", self.samples)

    def test_the_engine_says_what_it_is(self) -> None:
        """Name, version, media types and parameters are valid."""
        third_party.check(self.engine())

    def test_a_sample_completes_with_its_text(self, trial: EngineTrial, sample: str) -> None:
        """The text is in the pages and in the Markdown, under the engine's name."""
        content, phrase = self.samples[sample]

        run = trial.parse(sample, content)

        assert phrase in " ".join(page.text for page in run.result.pages)
        assert phrase.split()[0] in run.markdown
        assert run.report.engine == self.engine().name
        assert run.report.engine_version == self.engine().version
        assert run.report.media_type in self.engine().media_types

    def test_page_counts_are_exact(self, trial: EngineTrial, sample: str) -> None:
        """The result has every page once, with its number."""
        result = trial.parse(sample, self.samples[sample][0]).result

        assert result.pages_total == result.pages_ok + result.pages_failed == len(result.pages)
        numbers = [page.page_number for page in result.pages]
        assert numbers == list(range(1, result.pages_total + 1))
        assert result.document_pages == result.pages_total

    def test_the_result_names_the_hash_of_every_other_file(
        self, trial: EngineTrial, sample: str
    ) -> None:
        """The output folder contains no other files."""
        run = trial.parse(sample, self.samples[sample][0])

        written = {path.name: path for path in run.folder.iterdir()}
        assert set(run.report.files) == set(written)
        hashes = {
            name: hashlib.sha256(path.read_bytes()).hexdigest()
            for name, path in written.items()
            if name != "result.json"
        }
        assert run.result.files == hashes

    def test_the_same_bytes_give_the_same_result(self, trial: EngineTrial, sample: str) -> None:
        """Results are cached by content and engine version, and must depend on nothing else."""
        first, second = [trial.parse(sample, self.samples[sample][0]).result for _ in range(2)]

        assert first.model_copy(update={"timings": {}}) == second.model_copy(update={"timings": {}})

    def test_a_parameter_that_is_not_honoured_is_named(
        self, trial: EngineTrial, sample: str
    ) -> None:
        """An ignored parameter causes a warning."""
        options: dict[str, Any] = {"output_options": {"watermark_handling": "remove"}}

        run = trial.parse(sample, self.samples[sample][0], options)

        assert [w for w in run.report.warnings if "output_options.watermark_handling" in w.message]

    def test_a_damaged_file_is_corrupt(self, trial: EngineTrial) -> None:
        """It fails as ``corrupt``, and the message contains no path."""
        for name, content in self.damaged.items():
            with pytest.raises(ItemFailure) as failed:
                trial.parse(name, content)

            assert failed.value.failure_class is FailureClass.CORRUPT, name
            assert str(trial.folder) not in failed.value.message

    def test_a_protected_file_is_encrypted(self, trial: EngineTrial) -> None:
        """A file that needs a password fails as ``encrypted``."""
        for name, content in self.protected.items():
            with pytest.raises(ItemFailure) as failed:
                trial.parse(name, content)

            assert failed.value.failure_class is FailureClass.ENCRYPTED, name

    def test_the_pages_asked_for_are_the_pages_returned(self, trial: EngineTrial) -> None:
        """Page ranges and a maximum of pages select pages, and the result is not partial."""
        if self.paged is None:
            return
        for ranges, expected in (
            ({"target_pages": "3,1"}, [1, 3]),
            ({"max_pages": 2}, [1, 2]),
            ({"target_pages": "2-9", "max_pages": 1}, [2, 3]),
        ):
            result = trial.parse(*self.paged, {"page_ranges": ranges}).result
            assert [page.page_number for page in result.pages] == expected
            assert result.document_pages == _PAGES
            assert not result.partial

    def test_more_pages_than_the_limit_fail_unless_a_cut_was_asked_for(
        self, trial: EngineTrial
    ) -> None:
        """A document over the page limit fails, unless ``max_pages`` selects fewer pages."""
        if self.paged is None:
            return
        limits = Limits(pages=2)

        with pytest.raises(ItemFailure) as failed:
            trial.parse(*self.paged, limits=limits)
        assert failed.value.failure_class is FailureClass.TOO_MANY_PAGES
        assert "3 pages" in failed.value.message

        run = trial.parse(*self.paged, {"page_ranges": {"max_pages": limits.pages}}, limits)
        assert run.report.pages_total == limits.pages
