"""What every parse engine promises. A test module subclasses `EngineContract` and says with what.

The engine runs where it always runs: in a child process, behind detection and page accounting.
"""

import hashlib
from typing import Any, ClassVar

import pytest

from docmill.engines.base import Engine, Limits
from docmill.errors import FailureClass, ItemFailure
from tests.fixtures.engines import Bench


class EngineContract:
    """The promises; each is one test.

    Attributes:
        engine: the engine under test.
        samples: documents by name, each with a phrase that its text must contain.
        damaged: documents by name that are not whole.
        protected: documents by name that need a password.
        paged: a document of exactly three pages, by name, where the format has pages.
    """

    engine: ClassVar[Engine]
    samples: ClassVar[dict[str, tuple[bytes | str, str]]]
    damaged: ClassVar[dict[str, bytes]] = {}
    protected: ClassVar[dict[str, bytes]] = {}
    paged: ClassVar[tuple[str, bytes | str] | None] = None

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "sample" in metafunc.fixturenames:
            metafunc.parametrize("sample", self.samples)

    async def test_a_sample_completes_with_its_text(self, engines: Bench, sample: str) -> None:
        content, phrase = self.samples[sample]

        run = await engines.parse_bytes(sample, content)

        assert phrase in " ".join(page.text for page in run.result.pages)
        assert phrase.split()[0] in run.markdown
        assert run.report.engine == self.engine.name
        assert run.report.engine_version == self.engine.version

    async def test_page_counts_are_exact(self, engines: Bench, sample: str) -> None:
        result = (await engines.parse_bytes(sample, self.samples[sample][0])).result

        assert result.pages_total == result.pages_ok + result.pages_failed == len(result.pages)
        numbers = [page.page_number for page in result.pages]
        assert numbers == list(range(1, result.pages_total + 1))
        assert result.document_pages == result.pages_total

    async def test_the_result_names_the_hash_of_every_other_file(
        self, engines: Bench, sample: str
    ) -> None:
        run = await engines.parse_bytes(sample, self.samples[sample][0])

        written = {path.name: path for path in run.folder.iterdir()}
        assert set(run.report.files) == set(written)
        hashes = {
            name: hashlib.sha256(path.read_bytes()).hexdigest()
            for name, path in written.items()
            if name != "result.json"
        }
        assert run.result.files == hashes

    async def test_the_same_bytes_give_the_same_result(self, engines: Bench, sample: str) -> None:
        first, second = [
            (await engines.parse_bytes(sample, self.samples[sample][0])).result for _ in range(2)
        ]

        assert first.model_copy(update={"timings": {}}) == second.model_copy(update={"timings": {}})

    async def test_a_parameter_that_is_not_honoured_is_named(
        self, engines: Bench, sample: str
    ) -> None:
        options: dict[str, Any] = {"output_options": {"watermark_handling": "remove"}}

        run = await engines.parse_bytes(sample, self.samples[sample][0], **options)

        assert [w for w in run.report.warnings if "output_options.watermark_handling" in w]

    async def test_a_damaged_file_is_corrupt(self, engines: Bench) -> None:
        for name, content in self.damaged.items():
            with pytest.raises(ItemFailure) as failed:
                await engines.parse_bytes(name, content)

            assert failed.value.failure_class is FailureClass.CORRUPT, name
            assert str(engines.folder) not in failed.value.message

    async def test_a_protected_file_is_encrypted(self, engines: Bench) -> None:
        for name, content in self.protected.items():
            with pytest.raises(ItemFailure) as failed:
                await engines.parse_bytes(name, content)

            assert failed.value.failure_class is FailureClass.ENCRYPTED, name

    async def test_the_pages_asked_for_are_the_pages_returned(self, engines: Bench) -> None:
        if self.paged is None:
            return
        for ranges, expected in (
            ({"target_pages": "3,1"}, [1, 3]),
            ({"max_pages": 2}, [1, 2]),
            ({"target_pages": "2-9", "max_pages": 1}, [2, 3]),
        ):
            result = (await engines.parse_bytes(*self.paged, page_ranges=ranges)).result
            assert [page.page_number for page in result.pages] == expected
            assert result.document_pages == 3
            assert not result.partial

    async def test_more_pages_than_the_limit_fail_unless_a_cut_was_asked_for(
        self, engines: Bench
    ) -> None:
        if self.paged is None:
            return
        limits = Limits(pages=2)

        with pytest.raises(ItemFailure) as failed:
            await engines.parse_bytes(*self.paged, limits=limits)
        assert failed.value.failure_class is FailureClass.TOO_MANY_PAGES
        assert "3 pages" in failed.value.message

        cut = {"max_pages": 2}
        run = await engines.parse_bytes(*self.paged, limits=limits, page_ranges=cut)
        assert run.report.pages_total == 2
