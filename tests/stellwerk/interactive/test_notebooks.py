"""The notebooks of `examples/notebooks`, executed as they are, and looked at in a browser as Jupyter and VS Code show them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from tests.warm import asking
from tests.warm.asking import Warm

NOTEBOOKS = Path(__file__).resolve().parents[3] / "examples" / "notebooks"
EXPECTED = {
    "first-model": ("Blessed", "Not blessed", "predicted", "The data gate is open"),
    "own-network": ("'train': 'done'", "'transform': 'cached'", "prediction"),
    "compare-runs": ("pushed", "second run", "log_loss"),
}


WARM = """\
import sys
sys.path.append({folder!r})
import asking
from stellwerk.pipelines.embedded import workers
workers.start_server = asking.through({address!r})
sys.path.remove({folder!r})
"""


@pytest.fixture(scope="session", autouse=True)
def ipython_is_at_home(tmp_path_factory: pytest.TempPathFactory, warm: Warm) -> Iterator[None]:
    """Kernels find settings of their own; the steps of their runs are forked from the warm process."""
    home = tmp_path_factory.mktemp("ipython")
    started = home / "profile_default" / "startup" / "warm.py"
    started.parent.mkdir(parents=True)
    started.write_text(WARM.format(folder=str(Path(asking.__file__).parent), address=warm.start()), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IPYTHONDIR", str(home))
        yield


@pytest.fixture(scope="session")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], nbformat.NotebookNode]:
    """Executes a notebook once, in a folder of its own."""
    known: dict[str, nbformat.NotebookNode] = {}

    def execute(name: str) -> nbformat.NotebookNode:
        if name not in known:
            notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
            where = {"metadata": {"path": str(tmp_path_factory.mktemp(name))}}
            known[name] = NotebookClient(notebook, timeout=400, kernel_name="python3", resources=where).execute()
        return known[name]

    return execute


def outputs(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [output for cell in notebook.cells for output in cell.get("outputs", ())]


def test_every_notebook_is_known():
    assert {path.stem for path in NOTEBOOKS.glob("*.ipynb")} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_notebook_runs_and_shows_what_it_says(name: str, executed):
    found = outputs(executed(name))
    shown = " ".join(str(each.get("data", each.get("text", ""))) for each in found)
    assert [word for word in EXPECTED[name] if word not in shown] == []
    assert [each.text for each in found if each.get("name") == "stderr"] == []


@pytest.mark.parametrize("name", EXPECTED)
def test_a_notebook_is_kept_without_its_outputs(name: str):
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    assert [output for cell in notebook.cells for output in cell.get("outputs", ())] == []


def test_a_run_is_one_line_that_is_written_over(executed):
    cells = executed("compare-runs").cells
    (line,) = [output for output in cells[2].outputs if output.output_type == "display_data"]
    assert " done in " in line.data["text/plain"]
    assert "ingest" not in line.data["text/plain"]
