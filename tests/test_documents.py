"""What the README and the guides show is true: specs load, commands exist, links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stellwerk.__main__ import cli
from stellwerk.loading import load

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*/*.md"), *ROOT.glob("[!.]*/README.md")]
)
YAML = re.compile(r"^```yaml\n(.*?)^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)#]+)(?:#[^)]*)?\)")
HOOK = re.compile(r"(\w+\.py):(\w+)")
TESTS = re.compile(r"\btests/[\w/.]*\w")
COMMAND = re.compile(r"(?:`|\$ |bin/)stellwerk ([a-z]+)")

SPECS = [(page.name, text) for page in PAGES for text in YAML.findall(page.read_text()) if "\ntarget:" in text]


@pytest.mark.parametrize(("page", "text"), SPECS, ids=[page for page, _ in SPECS])
def test_a_whole_spec_in_a_page_loads(page: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "pipeline.yaml").write_text(text)
    for file, function in HOOK.findall(text):
        (tmp_path / file).write_text(f"def {function}(*_): ...")
    assert load(tmp_path / "pipeline.yaml").spec.name


def test_the_slow_checks_name_tests_that_there_are() -> None:
    named = [path for script in (ROOT / ".ci").iterdir() for path in TESTS.findall(script.read_text())]
    assert len(named) > 30
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_readme_begins_with_a_spec() -> None:
    assert "README.md" in [page for page, _ in SPECS]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = [target for target in LINK.findall(page.read_text()) if "://" not in target]
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_in_pages_exist(page: Path) -> None:
    assert set(COMMAND.findall(page.read_text())) <= set(cli.commands)


def test_the_readme_names_every_command() -> None:
    assert set(COMMAND.findall((ROOT / "README.md").read_text())) == set(cli.commands)
