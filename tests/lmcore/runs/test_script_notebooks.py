"""The exported notebook of each family, run by Jupyter."""

import json
from pathlib import Path

import nbclient
import nbformat
import pytest

from lmcore import families
from lmcore.runs import scripts
from tests.lmcore.runs.example_runs import train_run
from tests.lmcore.runs.script_runs import SMALLEST, difference, unpack


@pytest.mark.slow
@pytest.mark.parametrize("family", families.FAMILIES)
def test_a_notebook_gives_the_losses_of_the_run_and_draws_them(family: str, tmp_path: Path) -> None:
    run = train_run(SMALLEST[family])
    unpack(run, tmp_path)
    notebook = nbformat.read(tmp_path / scripts.NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    notebook.cells.append(nbformat.v4.new_code_cell("import json\nprint(json.dumps(losses))"))
    nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert max(difference(run, json.loads(notebook.cells[-1].outputs[0].text))) < 5e-5
    kinds = {kind for cell in notebook.cells for output in cell.get("outputs", ()) for kind in output.get("data", ())}
    assert "application/vnd.plotly.v1+json" in kinds


def test_the_notebook_is_valid_and_has_cells_of_both_kinds() -> None:
    for config in SMALLEST.values():
        notebook = nbformat.reads(scripts.notebook(scripts.Experiment.of_run(config, [], 0)), as_version=4)
        nbformat.validate(notebook)
        assert {cell.cell_type for cell in notebook.cells} == {"code", "markdown"}
        assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
