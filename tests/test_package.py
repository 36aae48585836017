"""lmcore as an installed library: the wheel, its declared dependencies and nothing else, above all no Streamlit."""

import importlib.metadata
import json
import os
import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder), str(ROOT))
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh virtual environment: the wheel, and links to the packages that it declares it needs."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    pip("--python", str(folder / "bin" / "python"), "install", "--no-deps", "--no-index", str(wheel))
    site_packages = next(folder.glob("lib/python*/site-packages"))
    for distribution in needed_by(importlib.metadata.Distribution.at(next(site_packages.glob("*.dist-info")))):
        for name in {file.parts[0] for file in distribution.files or [] if file.parts[0] != ".."}:
            if not (site_packages / name).exists():
                (site_packages / name).symlink_to(Path(str(distribution.locate_file(name))))
    return folder


def needed_by(root: importlib.metadata.Distribution) -> list[importlib.metadata.Distribution]:
    """The distributions that a distribution requires, directly or not, as installed for these tests; no extras."""
    found: dict[str, importlib.metadata.Distribution] = {}
    waiting = [root]
    while waiting:
        for line in waiting.pop().requires or []:
            requirement = Requirement(line)
            wanted = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
            if wanted and requirement.name not in found:
                found[requirement.name] = importlib.metadata.distribution(requirement.name)
                waiting.append(found[requirement.name])
    return list(found.values())


def pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True, timeout=120)


def run(environment: Path, folder: Path, program: str, *arguments: str) -> str:
    """What an installed program prints; it is run in a folder that knows nothing of this repository."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("LMCORE_", "PYTHON", "COV_"))}
    command = [str(environment / "bin" / program), *arguments]
    result = subprocess.run(command, cwd=folder, env=own, timeout=120, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_wheel_holds_the_library_with_its_data_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {"lmcore"}
    tracked = {path.relative_to(ROOT).as_posix() for path in (ROOT / "lmcore").rglob("*") if path.is_file()}
    assert {name for name in tracked if "__pycache__" not in name} <= names
    assert {"lmcore/py.typed", "lmcore/data/catalog.toml"} <= names


def test_the_environment_has_no_streamlit(environment: Path, tmp_path: Path) -> None:
    program = "import importlib.util as u; print([u.find_spec(name) for name in ('streamlit', 'ui', 'pages', 'tests')])"
    assert run(environment, tmp_path, "python", "-c", program).strip() == "[None, None, None, None]"


def test_the_notebook_snippet_of_the_readme_runs(environment: Path, tmp_path: Path) -> None:
    snippet = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert snippet
    shown = "\nprint(lmcore.__file__, trainer.step, len(losses))"
    where, step, n_losses = run(environment, tmp_path, "python", "-c", f"import lmcore\n{snippet[1]}{shown}").split()
    assert Path(where).is_relative_to(environment)
    assert step == n_losses == "5000"


def test_the_command_counts_in_any_folder(environment: Path, tmp_path: Path) -> None:
    arguments = ["--data", "given-names", "--smoothing", "1", "--score", "emma", "--samples", "5", "--json"]
    counted = json.loads(run(environment, tmp_path, "lmcore", "count", *arguments))
    assert 2 < counted["loss"]["all"] < 3
    assert 1.5 < counted["scores"]["emma"] < 3.5
    assert len(counted["samples"]) == 5


def test_the_catalog_is_found_and_files_lie_in_the_current_folder(environment: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine.txt").write_text("a text of my own")
    listed = run(environment, tmp_path, "lmcore", "corpora")
    assert "tiny-shakespeare" in listed
    assert "file:mine.txt" in listed
