"""Members of families come from a table and from installed packages, and a bad package costs its own members only."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stellwerk import families
from stellwerk.errors import PlugInError, UsageError
from stellwerk.families import Family

OWN = {"plain": "json", "dumped": "json:dumps"}


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Installs a package as pip lays it: its modules, and a dist-info folder with its entry points."""
    monkeypatch.syspath_prepend(tmp_path)
    families.installed.cache_clear()

    def install(package: str, points: str, **modules: str) -> None:
        info = tmp_path / f"{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n", encoding="utf-8")
        (info / "entry_points.txt").write_text(f"[stellwerk.toys]\n{points}\n", encoding="utf-8")
        for name, text in modules.items():
            file = tmp_path.joinpath(*name.split("__")).with_suffix(".py")
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
        families.installed.cache_clear()

    yield install
    families.installed.cache_clear()
    for name in [one for one in sys.modules if one.startswith("toy_")]:
        del sys.modules[name]


def test_the_table_comes_first_and_then_what_packages_bring_by_name(install: Callable[..., None]) -> None:
    install("toys", "zebra = toy_a\nant = toy_a:ANT", toy_a="ANT = 'an ant'")
    toys = Family("toys", "toy", OWN)

    assert list(toys) == ["plain", "dumped", "ant", "zebra"]
    assert toys.load("ant") == "an ant"
    assert toys.load("dumped")([1]) == "[1]"
    assert toys.package("ant") == "toys 1.0"
    assert toys.package("plain") == ""
    assert "ant" in toys
    assert "bee" not in toys


def test_nothing_is_imported_before_it_is_asked_for(install: Callable[..., None]) -> None:
    install("toys", "ant = toy_b", toy_b="raise RuntimeError('imported')")

    assert list(Family("toys", "toy", OWN)) == ["plain", "dumped", "ant"]


def test_a_package_that_does_not_import_is_named_and_the_others_work(install: Callable[..., None]) -> None:
    install("broken-toys", "ant = toy_c", toy_c="import no_such_library")
    toys = Family("toys", "toy", OWN)

    with pytest.raises(
        PlugInError, match=r"The toy 'ant' of the package broken-toys 1\.0 cannot be loaded.*no_such_lib"
    ):
        toys.load("ant")
    assert toys.load("plain").__name__ == "json"


def test_two_packages_with_one_name_are_both_named(install: Callable[..., None]) -> None:
    install("red", "ant = toy_d")
    install("blue", "ant = toy_e")

    with pytest.raises(PlugInError, match=r"The toy 'ant' is in the packages .*(red 1\.0|blue 1\.0) and") as refused:
        Family("toys", "toy", OWN).load("ant")
    assert refused.value.exit_code == 2


def test_a_name_of_the_product_stays_the_products(install: Callable[..., None]) -> None:
    install("thieves", "plain = toy_f", toy_f="raise RuntimeError")
    toys = Family("toys", "toy", OWN)

    assert toys.load("plain").__name__ == "json"
    assert toys.shadowed() == [
        "The package thieves 1.0 brings a toy 'plain', which is the name of one of stellwerk's own: it is not used."
    ]


def test_a_part_that_lacks_is_told_from_one_that_does_not_import(install: Callable[..., None]) -> None:
    install("toys", "ant = toy_g", toy_g____init__="", toy_g__legs="import no_such_library")
    toys = Family("toys", "toy", {"plain": "json"})

    assert toys.part("plain", "decoder").__name__ == "json.decoder"
    with pytest.raises(PlugInError, match=r"the package toys 1\.0 has no 'wings' \(toy_g\), which every toy has"):
        toys.part("ant", "wings")
    with pytest.raises(PlugInError, match="cannot be loaded from toy_g: ModuleNotFoundError: No module named 'no_such"):
        toys.part("ant", "legs")


def test_an_unknown_member_is_told_what_is_near(install: Callable[..., None]) -> None:
    with pytest.raises(UsageError, match=r"There is no toy 'plein'\. Did you mean 'plain'\?"):
        Family("toys", "toy", OWN).load("plein")
