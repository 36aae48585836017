"""What all tests share: folders of their own, and the published texts where this machine has them."""

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import torch

from lmcore.data import corpora, encoding, files
from lmcore.data.corpora import Corpus
from lmcore.runs import worker
from tests.required import REQUIRES_ALL, missing

hypothesis.settings.register_profile(
    "suite",
    deadline=None,  # a busy machine is not a failure
    derandomize=REQUIRES_ALL,  # what is to decide about a change must not depend on luck; by hand, it looks further
)
hypothesis.settings.load_profile("suite")

PUBLISHED = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's texts and runs."""
    monkeypatch.setenv("LMCORE_DATA", str(tmp_path_factory.mktemp("data")))
    monkeypatch.setenv("LMCORE_RUNS", str(tmp_path_factory.mktemp("runs")))


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def published(name: str) -> Path:
    """The file of a published text."""
    path = PUBLISHED / name
    return path if path.is_file() else missing(f"../shared/data/{name}")


@pytest.fixture(scope="session")
def names_path() -> Path:
    return published("names.txt")


@pytest.fixture(scope="session")
def names(names_path: Path) -> Corpus:
    """The 32,033 names of the makemore lectures."""
    return corpora.from_text(encoding.decode(names_path.read_bytes()).text)


@pytest.fixture
def names_here(names_path: Path) -> Iterator[None]:
    """names.txt is where a download puts it; afterwards no cache remembers it, and no idle trainer."""
    (files.data_folder() / "names.txt").write_bytes(names_path.read_bytes())
    yield
    corpora.load.cache_clear()
    worker._idle.clear()


@pytest.fixture(scope="session")
def novel_path() -> Path:
    return published("warandpeace.txt")
