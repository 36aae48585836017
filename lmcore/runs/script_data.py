"""The file that an exported script reads: a text, a table or the archive of CIFAR-10, with its name and its hash."""

import csv
import hashlib
import io
from dataclasses import dataclass

import numpy as np

from lmcore.data import cifar10, datasets, sources, tables, uploads
from lmcore.data.corpora import SPLITS, CorpusConfig
from lmcore.data.datasets import Dataset
from lmcore.data.downloads import RemoteFile
from lmcore.families import AnyRunConfig
from lmcore.training.config import ClassifierRunConfig

SCRIPT_AND_DATA = "Script + data"
"""The name of the export that writes the file beside the script."""


@dataclass(frozen=True)
class DataFile:
    """A file that a script reads."""

    name: str  # in the folder of the script
    sha256: str
    origin: str  # a sentence: where to get it
    content: bytes | None = None  # None where the file is to be downloaded


def data_file(config: AnyRunConfig) -> DataFile | None:
    """The file that the script of a run reads; None where the script makes its data itself.

    A text that can be downloaded is named, whether it is on this computer or not. Any other text is written in UTF-8. A
    table is written with its features prepared (`table_csv`).

    Raises:
        UserError: if a text or table of one's own is not on this computer.
    """
    if isinstance(config, ClassifierRunConfig):
        if config.data.source == "cifar-10":
            return _downloaded(cifar10.ARCHIVE)
        return _table(config) if tables.is_table(config.data.source) else None
    published = {source.name: source.remote_file for source in sources.catalog()}
    remote_file = published.get(config.corpus.source)
    return _downloaded(remote_file) if remote_file else _text(config.corpus)


def _downloaded(file: RemoteFile) -> DataFile:
    return DataFile(file.filename, file.sha256, f"Download it from {file.url} and save it as {file.filename}.")


def _text(config: CorpusConfig) -> DataFile:
    text = sources.read(config.source, config.locales, config.alphabet, config.encoding).text
    return _exported(f"{_stem(config.source)}.txt", text.encode("utf-8", errors="replace"))


def _table(config: ClassifierRunConfig) -> DataFile:
    raw = datasets.load(config.data.updated(normalize=False))
    return _exported(f"{_stem(config.data.source)}.csv", table_csv(raw).encode())


def _exported(name: str, content: bytes) -> DataFile:
    origin = f"Glassbox writes it beside the script when the run is exported as “{SCRIPT_AND_DATA}”."
    return DataFile(name, hashlib.sha256(content).hexdigest(), origin, content)


def _stem(source: str) -> str:
    return uploads.title_of(source) if source.startswith(uploads.PREFIX) else source


def table_csv(data: Dataset) -> str:
    """A data set as CSV: a header, then one row per example: its split (0 train, 1 dev, 2 test), class and features."""
    written = io.StringIO()
    table = csv.writer(written, lineterminator="\n")
    table.writerow(["split", "class", *(" ".join(name.split()) for name in data.features)])
    for number, split in enumerate(SPLITS):
        X, y = data.split(split)
        table.writerows([number, k, *row] for k, row in zip(y.tolist(), X.astype(np.float64).tolist(), strict=True))
    return written.getvalue()
