"""What a person gets who installs Stellwerk: the same modules whichever way, each under one name."""

from __future__ import annotations

import importlib.machinery
import json
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = {"stellwerk": "src/stellwerk"} | {
    f"stellwerk.{room}": room for room in ("components", "kinds", "pipelines", "report", "serving", "stores", "tasks")
}
SOURCES = ("setup.py", "pyproject.toml", "README.md", "LICENSE", "src", *list(ROOMS.values())[1:])
DATA = {"stellwerk/py.typed", "stellwerk/report/page/page.css", "stellwerk/report/page/page.html"}

# Asks the import system where a module is, without running its packages: those would load TensorFlow.
WHERE_FOUND = """
import functools, json, sys

@functools.cache
def locate(name):
    parent = name.rpartition(".")[0]
    path = locate(parent).submodule_search_locations if parent else None
    specs = (finder.find_spec(name, path) for finder in sys.meta_path)
    return next((spec for spec in specs if spec is not None), None)

print(json.dumps({name: getattr(locate(name), "origin", None) for name in json.load(sys.stdin)}))
"""

IMPORT_ALL = """
import importlib, json, sys
files = {importlib.import_module(name).__file__: [] for name in json.load(sys.stdin)}
for name, module in list(sys.modules.items()):
    if getattr(module, "__file__", None) in files and name != "__main__":
        files[module.__file__].append(name)
print(json.dumps(files))
"""


def _module(package: str, path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join([package, *(parts[:-1] if parts[-1] == "__init__" else parts)])


def _modules() -> list[str]:
    """Names every module of the repository, by the mapping of folders to packages."""
    return sorted(
        _module(package, path.relative_to(ROOT / folder))
        for package, folder in ROOMS.items()
        for path in (ROOT / folder).rglob("*.py")
    )


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what packaging reads, so that building leaves nothing in the repository."""
    copy = tmp_path_factory.mktemp("sources")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="session")
def built(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The sdist, and the wheel that is built from the sdist alone."""
    out = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "build", "--no-isolation", "--outdir", out, sources], check=True)
    return {"sdist": next(out.glob("*.tar.gz")), "wheel": next(out.glob("*.whl"))}


@pytest.fixture(scope="session")
def install(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Makes an environment with the dependencies and without Stellwerk, installs there, returns its Python."""

    def make(*what: Any) -> Path:
        place = tmp_path_factory.mktemp("environment")
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
        packages = next(place.glob("lib/python3*/site-packages"))
        # A path in a .pth file adds the folder but not its own .pth files: an editable Stellwerk in there stays out.
        (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
        python = place / "bin" / "python"
        options = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check"]
        pip = [sys.executable, "-m", "pip", "--python", python, "install", *options]
        subprocess.run([*pip, *what], check=True)
        return python

    return make


@pytest.fixture(scope="session", params=["wheel", "sdist", "folder", "editable"])
def installed(
    request: pytest.FixtureRequest, sources: Path, built: dict[str, Path], install: Callable[..., Path]
) -> Path:
    """The Python of an environment in which Stellwerk is installed in one of the four ways."""
    if request.param == "editable":
        return install("--editable", sources)
    return install(built.get(request.param, sources))


def _ask(python: Path, code: str, names: list[str], folder: Path) -> dict[str, Any]:
    run = [python, "-W", "ignore", "-c", code]
    done = subprocess.run(run, input=json.dumps(names), text=True, capture_output=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_every_module_is_found_once_however_it_is_installed(installed: Path, tmp_path: Path) -> None:
    found = _ask(installed, WHERE_FOUND, _modules(), tmp_path)
    assert [name for name, origin in found.items() if origin is None] == []
    assert len(set(found.values())) == len(found)
    assert not any(Path(origin).is_relative_to(ROOT) for origin in found.values())


def test_no_room_is_importable_by_its_folder_name(installed: Path, tmp_path: Path) -> None:
    names = ["src", *list(ROOMS.values())[1:], "spec", "loading", "errors", "tests"]
    assert set(_ask(installed, WHERE_FOUND, names, tmp_path).values()) == {None}


def test_the_command_starts_however_it_is_installed(installed: Path, tmp_path: Path) -> None:
    command = installed.with_name("stellwerk")
    version = subprocess.run([command, "--version"], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert version.stdout == "stellwerk, version 0.1.0\n"


def test_every_module_of_the_wheel_imports_under_one_name(
    built: dict[str, Path], install: Callable[..., Path], tmp_path: Path
) -> None:
    names = [name for name in _modules() if not name.endswith("__main__")]
    files = _ask(install(built["wheel"]), IMPORT_ALL, names, tmp_path)
    assert {file: found for file, found in files.items() if len(found) > 1} == {}
    assert set(names) <= {name for found in files.values() for name in found}


def test_types_and_pages_are_in_wheel_and_sdist(built: dict[str, Path]) -> None:
    wheel = set(zipfile.ZipFile(built["wheel"]).namelist())
    assert wheel >= DATA
    rooms = [(package.replace(".", "/") + "/", folder + "/") for package, folder in ROOMS.items()]
    with tarfile.open(built["sdist"]) as archive:
        members = {name.partition("/")[2] for name in archive.getnames()}
    for name in wheel:
        if not name.startswith("stellwerk/"):
            continue
        package, folder = max((room for room in rooms if name.startswith(room[0])), key=lambda room: len(room[0]))
        assert folder + name.removeprefix(package) in members


def test_the_wheel_holds_the_package_and_nothing_else(built: dict[str, Path]) -> None:
    tops = {name.partition("/")[0] for name in zipfile.ZipFile(built["wheel"]).namelist()}
    assert tops == {"stellwerk", "stellwerk-0.1.0.dist-info"}


def test_the_base_install_asks_for_no_tensorflow(built: dict[str, Path]) -> None:
    with zipfile.ZipFile(built["wheel"]) as wheel:
        lines = wheel.read("stellwerk-0.1.0.dist-info/METADATA").decode().splitlines()
    needed = [line.removeprefix("Requires-Dist: ") for line in lines if line.startswith("Requires-Dist: ")]
    base = [one for one in needed if "extra ==" not in one]
    heavy = ("tensorflow", "tf", "keras", "apache-beam")
    assert base
    assert [one for one in base if one.startswith(heavy)] == []
    assert [one for one in needed if one.startswith("tensorflow==") and "extra == " in one]


def test_pytest_finds_no_room_by_its_folder_name() -> None:
    elsewhere = [entry for entry in sys.path if entry and Path(entry).resolve() != Path.cwd()]
    for room in ("src", *list(ROOMS.values())[1:]):
        assert importlib.machinery.PathFinder.find_spec(room, elsewhere) is None
        assert room not in sys.modules


@pytest.mark.parametrize(
    "newer", [".ONESHELL", ".RECIPEPREFIX", "&:", "$(file ", "$(let ", "$(intcmp ", "!=", "::=", "undefine "]
)
def test_the_makefile_has_nothing_that_make_3_81_lacks(newer: str):
    """It is what macOS has. `-n` of every target gave the same commands with 3.81 as with 4.3."""
    assert newer not in (ROOT / "Makefile").read_text(encoding="utf-8")
