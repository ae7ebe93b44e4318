"""`workflows` and `activities` are generic names; no other distribution may install them."""

from importlib.metadata import packages_distributions


def test_top_level_names_are_installed_by_no_other_distribution() -> None:
    installed = packages_distributions()
    clash = {name: installed[name] for name in ("workflows", "activities") if name in installed}
    assert not clash, (
        f"{clash} would be merged with ours, module by module. Docmill is run from its root and is "
        "never installed; remove that distribution from this environment, or give it its own."
    )
