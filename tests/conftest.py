"""What all tests share: folders of their own, and the canonical texts where they are to be had."""

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import torch

from lmcore.data import corpora, sources
from lmcore.data.corpora import Corpus
from lmcore.runs import worker

hypothesis.settings.register_profile("suite", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("suite")

CANONICAL = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the texts and runs of the user."""
    monkeypatch.setenv("LMCORE_DATA", str(tmp_path_factory.mktemp("data")))
    monkeypatch.setenv("LMCORE_RUNS", str(tmp_path_factory.mktemp("runs")))


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def canonical(name: str) -> Path:
    """A canonical text, or the test is skipped."""
    path = CANONICAL / name
    if not path.is_file():
        pytest.skip(f"the canonical text {name} is not on this machine")
    return path


@pytest.fixture(scope="session")
def names_path() -> Path:
    return canonical("names.txt")


@pytest.fixture(scope="session")
def names(names_path: Path) -> Corpus:
    """The 32,033 names of the makemore lectures."""
    return corpora.from_text(sources.decode(names_path.read_bytes()).text)


@pytest.fixture
def names_here(names_path: Path) -> Iterator[None]:
    """The names lie where a download puts them; afterwards nothing remembers them."""
    (sources.data_folder() / "names.txt").write_bytes(names_path.read_bytes())
    yield
    corpora.load.cache_clear()
    worker._idle.clear()


@pytest.fixture(scope="session")
def novel_path() -> Path:
    return canonical("warandpeace.txt")
