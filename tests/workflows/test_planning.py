"""Which files share an activity: by type, size, measured cost and the end of the listing."""

from dataclasses import dataclass

import pytest

from docmill.processing.groups import GROUP_SECONDS, SMALLEST_SAMPLE, GroupPlanner, ItemCosts

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class File:
    position: int
    path: str = "note.txt"
    size: int = 100
    by_url: bool = False
    alone: bool | None = False

    @property
    def name(self) -> str:
        return self.path


def planner(costs: ItemCosts | None = None, **parameters: object) -> GroupPlanner:
    return GroupPlanner(costs or ItemCosts(), "bat-1", parameters)


def files(count: int, path: str = "note.txt", size: int = 100) -> list[File]:
    return [File(position, path, size) for position in range(1, count + 1)]


@pytest.mark.parametrize(
    ("file", "grouped"),
    [
        (File(1, "a.txt"), True),
        (File(1, "a.TXT"), True),
        (File(1, "a.txt", 8 * MEGABYTE), False),
        (File(1, "a.docx", 20_000), True),
        (File(1, "a.pdf", 50_000), True),
        (File(1, "scan.pdf", 2 * MEGABYTE), False),
        (File(1, "scan.png", 20_000), False),
        (File(1, "unknown.xyz"), False),
        (File(1, "a.txt", by_url=True), False),
        (File(1, "a.txt", alone=True), False),
        (File(1, "a.txt", alone=None), True),
    ],
)
def test_small_files_of_known_types_are_grouped(file: File, grouped: bool) -> None:
    alone, groups = planner().plan(64, [file], last_page=True)
    assert (len(groups), len(alone)) == (int(grouped), int(not grouped))


def test_without_ocr_larger_pdfs_are_grouped_too() -> None:
    pdf = File(1, "report.pdf", 2 * MEGABYTE)
    assert planner(tier="fast").expected(pdf) is not None
    assert planner().expected(pdf) is None


def test_measured_cost_of_a_batch_overrides_the_type() -> None:
    costs = ItemCosts()
    slow, quick = File(1, "a.pdf", 50_000), File(2, "a.xyz")
    for _ in range(SMALLEST_SAMPLE):
        costs.note("bat-1", "other.pdf", 3.0)
        costs.note("bat-1", "other.xyz", 0.01)
    assert planner(costs).expected(slow) is None
    assert planner(costs).expected(quick) == pytest.approx(0.01)
    assert GroupPlanner(costs, "bat-2", {}).expected(quick) is None, "another batch's files"


def test_group_ends_at_about_a_second_of_work_or_when_full() -> None:
    costs = ItemCosts()
    for _ in range(SMALLEST_SAMPLE):
        costs.note("bat-1", "a.pdf", 0.125)
        costs.note("bat-1", "a.txt", 0.001)
    _, groups = planner(costs).plan(64, files(96, "b.pdf"), last_page=False)
    assert {len(group.positions) for group in groups} == {round(GROUP_SECONDS / 0.125)}
    _, groups = planner(costs).plan(64, files(128), last_page=False)
    assert [len(group.positions) for group in groups] == [64, 64]


def test_groups_become_shorter_where_the_listing_ends() -> None:
    costs = ItemCosts()
    for _ in range(SMALLEST_SAMPLE):
        costs.note("bat-1", "a.pdf", 0.05)
    _, groups = planner(costs).plan(64, files(200, "b.pdf"), last_page=True)
    sizes = [len(group.positions) for group in groups]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > sizes[-1]
    assert sum(sizes) == 200


def test_every_file_is_planned_once_in_listing_order() -> None:
    mixed = [File(n, "scan.png" if n % 7 == 0 else "note.txt") for n in range(1, 200)]
    alone, groups = planner().plan(16, mixed, last_page=False)
    planned = [item.position for item in alone] + [at for one in groups for at in one.positions]
    assert sorted(planned) == list(range(1, 200))
    for group in groups:
        assert list(group.positions) == sorted(group.positions)
        assert len(group.positions) <= 16
