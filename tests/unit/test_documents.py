"""The pages for readers are true: what they name is there, and what is there is named."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
MAPPED = ("kernel", "identity", "rooms", "care", "records", "config", "signaling", "media", "server", "demonstration")
WITHOUT_A_LINE = ("__init__.py", "server/routes/", "records/migrations/")
"""Packages' own words, and folders that the map names as a whole."""


def named_paths(text: str) -> set[str]:
    """Return the paths that stand in backticks, `a/{b,c}.py` as the two that it means."""
    found = set()
    for path in re.findall(r"`([\w./{},-]+/[\w./{},-]*)`", text):
        before, _, inside = path.partition("{")
        names, _, after = inside.partition("}")
        found |= {before + name + after for name in names.split(",")}
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_what_the_map_names_is_there() -> None:
    named = named_paths((ROOT / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8"))
    paths = {path for path in named if path.split("/")[0] in {*MAPPED, "static", "tools", "benchmarks"}}
    assert len(paths) > 100
    assert sorted(path for path in paths if not (ROOT / path).exists()) == []


def test_every_module_is_on_the_map() -> None:
    named = named_paths((ROOT / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8"))
    modules = [path.relative_to(ROOT).as_posix() for package in MAPPED for path in (ROOT / package).rglob("*.py")]
    lines = [module for module in modules if not any(without in module for without in WITHOUT_A_LINE)]
    assert sorted(module for module in lines if module not in named) == []


def test_every_test_that_the_threat_model_names_exists() -> None:
    text = (ROOT / "docs" / "THREAT_MODEL.md").read_text(encoding="utf-8")
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    tests = set(re.findall(r"`(test_\w+)`", text))
    assert len(tests) > 10
    assert sorted(test for test in tests if f"def {test}(" not in sources) == []


def test_decisions_are_numbered_without_a_gap_and_by_their_file() -> None:
    pages = sorted((ROOT / "docs" / "adr").glob("*.md"))
    assert [page.name[:4] for page in pages] == [f"{number:04}" for number in range(1, len(pages) + 1)]
    for page in pages:
        assert page.read_text(encoding="utf-8").startswith(f"# {page.name[:4]} ")
