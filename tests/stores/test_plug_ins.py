"""A store, and a place to push to, that a package brings: read, pushed to and refused as the product's own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stellwerk import families
from stellwerk.components.deployment.targets import hindrance, last_blessed, target
from stellwerk.components.ingestion.files import find
from stellwerk.errors import StepFailed
from stellwerk.pipelines.lineage.models import pushed_at
from stellwerk.pipelines.verifying import verify
from stellwerk.spec import Push
from stellwerk.spec.data import Source

SHELF = """
import datetime, pathlib, shutil
from stellwerk.stores.base import Object

TOP = pathlib.Path({top!r})

class Shelf:
    def __init__(self, origin, folder):
        self.origin, self.folder = origin, folder

    def find(self, key):
        path = self.folder / key
        if not path.is_file():
            return None
        about = path.stat()
        when = datetime.datetime.fromtimestamp(about.st_mtime, datetime.UTC)
        return Object(f"{{self.origin}}/{{key}}", key, path.name, about.st_size, str(about.st_mtime_ns), self, written=when)

    def below(self, prefix):
        for path in sorted(self.folder.rglob("*")):
            key = path.relative_to(self.folder).as_posix()
            if path.is_file() and key.startswith(prefix):
                yield self.find(key)

    def whole(self, item):
        return item

    def stream(self, item, start, end):
        yield (self.folder / item.key).read_bytes()[start:end]

class Writable(Shelf):
    def create(self, key, content):
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("xb") as file:
                file.write(content)
        except FileExistsError:
            return False
        return True

    def upload(self, key, file):
        (self.folder / key).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, self.folder / key)

    def holds(self, key, file):
        return None

    def copy(self, source, key):
        self.upload(key, self.folder / source)

    def remove(self, key):
        (self.folder / key).unlink(missing_ok=True)

def store(scheme, host, access):
    return (Writable if scheme == "shelf" else Shelf)(f"{{scheme}}://{{host}}", TOP / host)
"""

POINTS = """[stellwerk.stores]
shelf = toy_shelf
glass = toy_shelf
broken = toy_broken
empty = json

[stellwerk.targets]
drawer = toy_drawer
"""

DRAWER = """
import pathlib
from stellwerk.components.deployment.targets.folder import FolderTarget

def target(to, directory, name):
    return FolderTarget(pathlib.Path({top!r}) / "drawer" / name)
"""


@pytest.fixture(autouse=True)
def top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Installs the package as pip lays it; returns the folder that its stores lie in."""
    packages, place = tmp_path / "packages", tmp_path / "place"
    info = packages / "shelves-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shelves\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(POINTS)
    (packages / "toy_shelf.py").write_text(SHELF.format(top=str(place)))
    (packages / "toy_drawer.py").write_text(DRAWER.format(top=str(place)))
    (packages / "toy_broken.py").write_text("import nothing_of_the_kind")
    monkeypatch.syspath_prepend(packages)
    families.installed.cache_clear()
    yield place
    families.installed.cache_clear()
    for name in [one for one in sys.modules if one.startswith("toy_")]:
        del sys.modules[name]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "x").write_bytes(b"weights")
    return folder


@pytest.fixture
def push(model: Path, tmp_path: Path) -> Callable[[str], str]:
    """Pushes the model to a place, and returns where it is."""
    from stellwerk.components.artifacts.folders import digests, overall  # noqa: PLC0415

    def pushed(to: str) -> str:
        files = digests(model)
        provenance = {"name": "late", "model_digest": overall(files), "files": files}
        return target(Push(to=to).to, tmp_path, "late").push(model, overall(files), provenance).path

    return pushed


def test_a_source_is_read_from_it(top, tmp_path):
    (top / "attic").mkdir(parents=True)
    (top / "attic" / "rows.csv").write_text("n\n1\n")
    (found,) = find("rows", Source(path="shelf://attic/*.csv"), tmp_path, tmp_path / "scratch").files
    assert (found.label, found.readable.read_text()) == ("shelf://attic/rows.csv", "n\n1\n")


def test_a_model_is_pushed_to_it_found_verified_and_compared_with(push, top, tmp_path):
    assert push("shelf://attic/models") == "shelf://attic/models/late/1"
    assert push("shelf://attic/models") == "shelf://attic/models/late/1"
    assert (top / "attic/models/late/1/variables/x").read_bytes() == b"weights"
    (checked,) = verify("shelf://attic/models/late")
    assert (checked.files, checked.damaged) == (3, False)
    assert [one.path for one in pushed_at("shelf://attic/models/late")] == ["shelf://attic/models/late/1"]
    assert last_blessed("shelf://attic/models", tmp_path, "late", "another", tmp_path / "kept") is not None


def test_a_store_that_is_only_read_is_no_place_to_push_to(push):
    said = r"glass:// is only read\. Choose another push\.to"
    assert hindrance("shelf://attic/models") is None
    assert hindrance("glass://attic/models") == "glass:// is only read. Choose another push.to."
    with pytest.raises(StepFailed, match=said):
        push("glass://attic/models")


def test_a_place_that_is_no_store_keeps_versions_in_its_own_way(push, top):
    assert push("drawer://left") == str(top / "drawer/late/1")


@pytest.mark.parametrize("to", ["broken://x", "empty://x"])
def test_one_that_does_not_import_or_is_no_store_is_named_and_the_others_work(push, to, tmp_path):
    with pytest.raises(ValueError, match=r"of the package shelves 1\.0 "):
        push(to)
    with pytest.raises(ValueError, match=r"of the package shelves 1\.0 "):
        find("rows", Source(path=f"{to}/rows.csv"), tmp_path, tmp_path)
    assert push("shelf://attic") == "shelf://attic/late/1"


def test_a_scheme_that_nobody_brings_is_refused_with_those_that_there_are():
    with pytest.raises(
        ValueError, match=r"unknown scheme 'chest'\. Known: .*s3://BUCKET/PREFIX, drawer://, .*shelf://"
    ):
        Push(to="chest://x")
    with pytest.raises(ValueError, match=r"unknown scheme 'chest'\. Known: .*https://, .*shelf://"):
        Source(path="chest://x/rows.csv")
