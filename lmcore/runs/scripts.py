"""A run as a script or a Jupyter notebook that reproduces its losses.

The code is written by Jinja templates, one per model family, and contains only what the run uses: settings that never
change appear as numbers. It needs PyTorch or NumPy and the data; the random draws are those of the run.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from lmcore import families
from lmcore.data import cifar10, corpora, datasets, sources
from lmcore.data.corpora import CorpusConfig
from lmcore.families import AnyRunConfig
from lmcore.runs.script_data import data_file
from lmcore.runs.script_settings import Settings
from lmcore.runs.script_templates import environment
from lmcore.training.config import ClassifierRunConfig
from lmcore.training.history import Change
from lmcore.training.language_model import LanguageModelTrainer

SCRIPT, NOTEBOOK = "experiment.py", "experiment.ipynb"
"""File names of a script and a notebook."""


@dataclass(frozen=True)
class Experiment:
    """Everything that a script reproduces: the initial config, later changes, and the number of steps."""

    config: AnyRunConfig
    changes: tuple[Change, ...]
    steps: int
    resumed: tuple[int, ...] = ()  # steps where early stopping ended the run, and it was resumed

    @classmethod
    def of_run(
        cls, config: AnyRunConfig, changes: Iterable[Change], step: int, stops: Iterable[int] = ()
    ) -> "Experiment":
        """The first ``step`` steps of a run; all of its steps if it has not started yet.

        Args:
            config: the run's initial config.
            changes: settings that changed during the run.
            step: steps taken so far.
            stops: steps where early stopping ended the run.
        """
        return cls(config, tuple(changes), step or config.train.steps, tuple(stop for stop in stops if stop < step))


def script(experiment: Experiment, data_name: str | None = None) -> str:
    """The experiment as a Python script with "# %%" cells; the path of its data is its optional argument.

    Args:
        experiment: what the script reproduces.
        data_name: the name of the file that it reads, if that is not its own.

    Raises:
        UserError: if the data of the run are one's own and not on this computer.
    """
    return _render(experiment, data_name, is_notebook=False)


def notebook(experiment: Experiment, data_name: str | None = None) -> str:
    """The experiment as a Jupyter notebook (JSON); it reads its data from its own folder.

    Arguments and errors as for `script`.
    """
    import nbformat  # takes a while; most visitors want no notebook

    cells = []
    for i, (is_markdown, source) in enumerate(_split_cells(_render(experiment, data_name, is_notebook=True))):
        make = nbformat.v4.new_markdown_cell if is_markdown else nbformat.v4.new_code_cell
        cells.append(make(source, id=f"cell-{i}"))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    written: str = nbformat.writes(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}))
    return written


# ---------------------------------------------------------------- templates


def _render(experiment: Experiment, data_name: str | None, is_notebook: bool) -> str:
    config = experiment.config
    template = environment().get_template(families.find(config.family).script)
    data = data_file(config)
    values = {
        "family": config.family,
        "steps": experiment.steps,
        "model": config.model,
        "is_notebook": is_notebook,
        "data": replace(data, name=data_name) if data and data_name else data,
    } | (_of_classifier(experiment) if isinstance(config, ClassifierRunConfig) else _of_language_model(config.corpus))
    settings = Settings(config.train, experiment.changes, experiment.steps)
    written = template.render(values, settings=settings)
    if unused := {name for name in settings.varied if f'settings["{name}"]' not in written}:
        settings = Settings(config.train, experiment.changes, experiment.steps, unused)
        written = template.render(values, settings=settings)
    return written.rstrip("\n") + "\n"


def _of_language_model(corpus: CorpusConfig) -> dict[str, Any]:
    is_documents = _is_documents(corpus)
    # how the snapshots of a run are sampled
    samples = LanguageModelTrainer.DOCUMENT_SAMPLES if is_documents else LanguageModelTrainer.RUNNING_TEXT_SAMPLES
    return {"corpus": corpus, "is_documents": is_documents, "samples": samples}


def _is_documents(config: CorpusConfig) -> bool:
    """Whether a text consists of documents; the catalog says so of a text that is not downloaded."""
    if config.units != "auto":
        return config.units == "lines"
    kinds = {source.name: source.kind for source in sources.catalog()}
    if config.source in kinds:
        return kinds[config.source] == "documents"
    return corpora.load(config).is_documents


def _of_classifier(experiment: Experiment) -> dict[str, Any]:
    config = experiment.config
    assert isinstance(config, ClassifierRunConfig)
    if config.data.source == "cifar-10":  # not read, because it may not be downloaded
        classes: tuple[str, ...] = cifar10.CLASSES
        has_dev, has_points = round(config.data.dev_share * config.data.examples) > 0, False
    else:
        data = datasets.load(config.data)
        classes, has_dev = data.classes, len(data.y_dev) > 0
        has_points = bool(config.data.points) and config.data.source in datasets.TOYS and data.X_train.shape[1] == 2
    return {
        "config": config.data,
        "classes": list(classes),
        "n_classes": len(classes),
        "has_dev": has_dev,
        "points": has_points,
        "resumed": experiment.resumed,
    }


def _split_cells(source: str) -> list[tuple[bool, str]]:
    """The "# %%" cells of a script: whether each is Markdown, and its source."""
    parts = re.split(r"^# %%( \[markdown\])?\n", source, flags=re.MULTILINE)[1:]
    cells = []
    for marker, body in zip(parts[::2], parts[1::2], strict=True):
        text = re.sub(r"^# ?", "", body, flags=re.MULTILINE) if marker else body
        cells.append((bool(marker), text.strip("\n")))
    return cells
