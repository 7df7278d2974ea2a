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
        self._widgets = notebook.metadata.get("widgets")
        self._cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
        for cell in self._cells:
            errors = [each for each in cell.outputs if each.output_type == "stream" and each.name == "stderr"]
            assert not errors, errors

    def _cell(self, source: str) -> Any:
        whole = [cell for cell in self._cells if cell.source.strip() == source]
        return (whole or [cell for cell in reversed(self._cells) if cell.source.strip().endswith(source)])[0]

    def html(self, source: str) -> str:
        """The HTML of the cell that says this, else of the last one that ends so."""
        return str([each.data for each in self._cell(source).outputs if "data" in each][-1]["text/html"])

    def widget(self, source: str) -> str:
        """What the widget of that cell consists of, as it is kept in the notebook."""
        (view,) = (each.data for each in self._cell(source).outputs if "data" in each)
        assert "application/vnd.jupyter.widget-view+json" in view
        return str(self._widgets)

    @property
    def everything(self) -> str:
        """All outputs, widgets included."""
        return f"{[cell.outputs for cell in self._cells]}{self._widgets}"

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


def debug_a_suspended_run(out: Outputs) -> None:
    """Three troubles, each told as what it is; the diff shows the hundredfold sum; a click settles; nothing hidden is shown."""
    runs, opened = out.html("dbg.runs()"), out.html('run = dbg["kettles"]\nrun')
    assert [word for word in ("suspended", "unknown", "failed") if word in runs] == [
        "suspended",
        "unknown",
        "failed",
    ]
    assert re.search(r'class="node tools waiting"', opened)
    assert "1 of 2 approvals – still needed from security" in opened
    assert "somebody of security" in out.html("run.why()")
    assert "would change nothing" in out.text("except HitlError as no:\n    print(no)")
    assert "12500000" in out.html("run.diff()")
    assert "1,250.00 EUR" in out.html("run.diff(1, -2)")
    assert "IntSlider" in out.widget("run.steps()")
    assert "is revised" in out.text('"The invoice says 1,250.00 EUR, which is 125000 cents.")')
    assert re.search(r'class="node tools unknown"', out.html('mugs_run = dbg["mugs"]\nmugs_run'))
    assert out.text("mugs_run.wait().status").endswith("'succeeded'")
    assert re.search(r'class="node [a-z ]*failed"', out.html('failed = dbg["friday-summary"]\nfailed'))
    assert "In 2025: 412 invoices" in out.html("failed.compare(fork)")
    assert "DE02120300000000202051" not in out.everything


def fork_and_compare(out: Outputs) -> None:
    """Rejected in the fork, the agent offers a pause; the world and the database are as they were; the bundle holds nothing hidden."""
    compared = out.html("run.compare(fork)")
    assert "We pause it until May." in compared
    assert "would have called write_letter" in compared
    assert out.text("dbg.runs()").count("magazine") == 1
    assert out.text("print([call.tool for call in fork.recorded])\ndbg.runs()").count("'cancelled'") == 1
    assert "Please PAUSE my magazine" in out.html("other.diff(0, -1)")
    assert "Bo is unknown" in out.text("[(call.tool, call.answered) for call in third.recorded]")
    assert out.text('"Elm Street" in path.read_text(encoding="utf-8")') == "False"
    assert 'class="hitl-drawing timeline"' in out.html("elsewhere.timeline()")
    assert "people" in out.html("elsewhere.timeline()")


def approval_analytics(out: Outputs) -> None:
    """The real dozen is counted as it was decided; the quarter's charts, signs and reasons are there; the new rule asks four of twelve."""
    real, made_up = (
        out.text("real = dbg.analytics(days=1)\nreal"),
        out.html("made_up = Analytics.of(Sample(period=quarter, graph=None, rows=rows, cut=False))\nmade_up"),
    )
    assert "12 asked" in real
    assert "1 waiting" in real
    assert "600 asked" in made_up
    assert made_up.count('class="chart') == 4
    assert "process_refund of shop was approved every time" in made_up
    assert "The order is older than a year" in out.text('made_up.df("reasons")')
    assert (
        out.text("{verdict: verdicts.count(verdict) for verdict in sorted(set(verdicts))}")
        == "{'ask': 4, 'record': 8}"
    )


EXPECTED: Mapping[str, Callable[[Outputs], None]] = {
    "01_first_pause": first_pause,
    "02_debug_a_suspended_run": debug_a_suspended_run,
    "03_fork_and_compare": fork_and_compare,
    "04_approval_analytics": approval_analytics,
}
