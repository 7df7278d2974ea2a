"""The shipped notebooks: what stands in git, and what comes out of them in a fresh kernel on both databases (N-04)."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MOST_CELLS = 40
PATIENCE = 60


def read(path: Path) -> Any:
    """A notebook as it is shipped."""
    return nbformat.read(path, as_version=4)


def test_there_are_notebooks():
    """N-04: four stories."""
    assert [path.stem for path in NOTEBOOKS] == list(EXPECTED)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_short_and_holds_no_outputs(path: Path):
    """N-04: under forty cells, prose before code, nothing of anybody's last execution, no address to load anything from."""
    notebook = read(path)
    nbformat.validate(notebook)
    assert len(notebook.cells) < MOST_CELLS
    assert notebook.cells[0].cell_type == "markdown"
    for cell in notebook.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
        assert not re.search(r"https?://(?!127\.0\.0\.1)", cell.source), cell.source
        assert not re.search(r"^\s*[!%]", cell.source, re.MULTILINE), (
            "a notebook installs and runs nothing beside itself"
        )


@pytest.fixture
def jupyter(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Jupyter's files in a folder of the test's: nobody's own configuration has a say."""
    folder = Path(tempfile.mkdtemp(prefix="nb-"))
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(folder / name[-4:].lower()))
    yield folder
    shutil.rmtree(folder)


@pytest.mark.databases("sqlite", "postgresql")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore::DeprecationWarning:jupyter_client", "ignore::DeprecationWarning:zmq")
def test_a_notebook_runs_in_a_fresh_kernel(path: Path, url: str, jupyter: Path):
    """N-04: from the first cell to the last, clicks included; what the pictures and tables show is right."""
    EXPECTED[path.stem](Outputs(executed(path, url, jupyter)))


def executed(path: Path, url: str, folder: Path) -> Any:
    """The notebook with its outputs."""
    from nbclient import NotebookClient

    ours = [str(ROOT), str(ROOT / "server"), str(ROOT / "graphs")]
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("HITL_", "SLACK_", "GITHUB_"))
    }
    environment |= {
        "HITL_DATABASE_URL": url,
        "PYTHONPATH": os.pathsep.join(ours),
        "PYTHONWARNINGS": "default",
    }
    notebook = read(path)
    # On loopback, on ports that the system chooses; the client's own kernel, so it ends with it.
    client = NotebookClient(
        notebook, kernel_name="python3", timeout=PATIENCE, resources={"metadata": {"path": str(folder)}}
    )
    client.execute(env=environment)
    return notebook


class Outputs:
    """What came out, cell by cell, found by what the cell says."""

    def __init__(self, notebook: Any) -> None:
        self._cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
        for cell in self._cells:
            errors = [each for each in cell.outputs if each.output_type == "stream" and each.name == "stderr"]
            assert not errors, errors

    def _cell(self, source: str) -> Any:
        return next(cell for cell in reversed(self._cells) if cell.source.strip().endswith(source))

    def html(self, source: str) -> str:
        """The HTML of the last cell that ends so."""
        return str([each.data for each in self._cell(source).outputs if "data" in each][-1]["text/html"])

    def text(self, source: str) -> str:
        """Its plain text, what it printed included."""
        outputs = self._cell(source).outputs
        printed = "".join(each.text for each in outputs if each.output_type == "stream")
        return printed + "".join(each.data["text/plain"] for each in outputs if "data" in each)


def first_pause(out: Outputs) -> None:
    """The waiting node is marked, the human wait is there, the click decided, and it was paid once."""
    runs, opened, ended = (
        out.html("dbg.runs()"),
        out.html('run = dbg["kettle"]\nrun'),
        out.html("run.wait()"),
    )
    assert "suspended" in runs
    assert "slack:U024BE7LH" in runs
    assert re.search(r'class="node tools waiting"', opened)
    assert "people" in out.text('run = dbg["kettle"]\nrun')
    assert "process_refund" in out.html("run.diff()")
    assert out.text("run.status").strip("'") in {"suspended", "running", "succeeded"}
    assert "Approved by local:" in ended
    assert out.text("till") == "[('A-1001', 12000, 'The kettle arrived broken')]"
    assert "submission.received" in out.text("run.audit()")


EXPECTED: Mapping[str, Callable[[Outputs], None]] = {
    "01_first_pause": first_pause,
}
