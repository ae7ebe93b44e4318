"""Bounds of labels, and when a batch counts as stuck."""

from docmill.metrics.labels import MAX_LENGTH, EngineLabels, ProjectLabels
from docmill.metrics.observer import StuckBatches


def test_engines_beyond_the_limit_share_a_label() -> None:
    engines = EngineLabels(limit=2)
    assert [engines.of(name) for name in ("a", None, "b", "c", "a")] == ["a", "", "b", "other", "a"]


def test_engine_with_a_hostile_name_has_no_label_of_its_own() -> None:
    engines = EngineLabels()
    assert engines.of("x" * (MAX_LENGTH + 1)) == engines.of('a"}\n') == "other"


def test_first_projects_keep_their_labels() -> None:
    projects = ProjectLabels(limit=2)
    projects.learn([("p1", "B"), ("p2", "C")])
    projects.learn([("p0", "A"), ("p1", "B"), ("p2", "C")])
    assert [projects.of(one) for one in ("p0", "p1", "p2")] == ["other", "B", "C"]


def test_batch_is_stuck_after_the_time_without_an_outcome() -> None:
    now = 0.0
    stuck = StuckBatches(60, clock=lambda: now)
    assert stuck.count({"a": (1, 0), "b": (1, 0)}) == 0
    now = 59
    assert stuck.count({"a": (1, 0), "b": (1, 5)}) == 0
    now = 60
    assert stuck.count({"a": (1, 0), "b": (1, 5)}) == 1
    assert stuck.count({"a": (2, 0), "b": (1, 5)}) == 0, "a redrive starts again"
    now = 200
    assert stuck.count({"b": (1, 5)}) == 1
    assert stuck.count({}) == 0
    assert stuck.count({"b": (1, 5)}) == 0, "it was paused meanwhile"
