"""A run as a PyTorch script or a Jupyter notebook that reproduces its losses.

The code is written by Jinja templates, one per model family, and contains only what the run uses: settings that never
change appear as numbers. It needs PyTorch and the text; the random draws are those of the run.
"""

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jinja2
import nbformat
from markupsafe import Markup

from lmcore import families
from lmcore.data import corpora, sources
from lmcore.data.corpora import CorpusConfig
from lmcore.errors import UserError
from lmcore.families import AnyRunConfig
from lmcore.generation.sampling import SampleConfig
from lmcore.training.config import BaseRunConfig, RunConfig, TrainConfig
from lmcore.training.history import Change
from lmcore.training.language_model import LanguageModelTrainer

SCRIPT, NOTEBOOK, TEXT = "experiment.py", "experiment.ipynb", "text.txt"
"""File names of a script, a notebook, and the text that accompanies them."""


@dataclass(frozen=True)
class Experiment:
    """Everything that a script reproduces: the initial config, later changes, and the number of steps."""

    config: RunConfig
    changes: tuple[Change, ...]
    steps: int

    @classmethod
    def of_run(cls, config: AnyRunConfig, changes: Iterable[Change], step: int) -> "Experiment":
        """The first ``step`` steps of a run; all of its steps if it has not started yet.

        Args:
            config: the run's initial config.
            changes: settings that changed during the run.
            step: steps taken so far.

        Raises:
            UserError: if there is no script for the model family.
        """
        if not isinstance(config, RunConfig) or not has_script(config):
            available = ", ".join(name for name, family in families.FAMILIES.items() if family.script)
            raise UserError(
                f"There is no script for the model family {config.family!r}, only for: {available}. "
                "Export the run as a zip archive instead."
            )
        return cls(config, tuple(changes), step or config.train.steps)


def has_script(config: BaseRunConfig) -> bool:
    """Whether a run with this config can be exported as a script."""
    return families.find(config.family).script is not None


def script(experiment: Experiment) -> str:
    """The experiment as a Python script with "# %%" cells; the path of the text is its optional argument.

    Raises:
        UserError: if the text is not on this computer.
    """
    return _render(experiment, is_notebook=False)


def notebook(experiment: Experiment) -> str:
    """The experiment as a Jupyter notebook (JSON); it reads the text from its own folder.

    Raises:
        UserError: if the text is not on this computer.
    """
    cells = []
    for i, (is_markdown, source) in enumerate(_split_cells(_render(experiment, is_notebook=True))):
        make = nbformat.v4.new_markdown_cell if is_markdown else nbformat.v4.new_code_cell
        cells.append(make(source, id=f"cell-{i}"))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    written: str = nbformat.writes(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}))
    return written


def text_file_name(config: CorpusConfig) -> str:
    """The name of the file from which a script reads its text."""
    return f"{config.source}.txt" if config.source in _catalog() else TEXT


def bundled_text(config: CorpusConfig) -> str | None:
    """The text that must accompany a script; None for a catalog text, which the script says how to download.

    Raises:
        UserError: if the text is not on this computer.
    """
    if config.source in _catalog():
        return None
    return sources.read(config.source, config.locales, config.alphabet, config.encoding).text


def _catalog() -> dict[str, sources.Source]:
    return {source.name: source for source in sources.catalog()}


# ---------------------------------------------------------------- training settings over time


class _Settings:
    """The training settings of an experiment: their initial values and how they change."""

    def __init__(self, experiment: Experiment) -> None:
        self.train = experiment.config.train
        self.changes = _effective_changes(self.train, experiment.changes, experiment.steps)
        names = sorted({name for changed in self.changes.values() for name in changed})
        self.varied = {name: self.initial(name) for name in names}  # initial values of the settings that change

    def initial(self, name: str) -> Any:
        """The value of a setting in the first step."""
        return getattr(self.train, name)

    def values(self, name: str) -> list[Any]:
        """All values that a setting takes, without repeats."""
        later = [changed[name] for changed in self.changes.values() if name in changed]
        return list(dict.fromkeys([self.initial(name), *later]))

    def is_used(self, name: str) -> bool:
        """Whether a setting is ever on, or not zero."""
        return any(self.values(name))

    def penalties(self, weights: Mapping[str, Sequence[str]]) -> list[tuple[tuple[str, ...], list[str]]]:
        """The names of the L2 settings in use, and the weight matrices to which they apply.

        Args:
            weights: names of the weight matrices by group; each group may have an L2 setting of its own.
        """
        merged: dict[tuple[str, ...], list[str]] = {}
        for group, matrices in weights.items():
            candidates = ("l2", f"l2_{group}") if group else ("l2",)
            if names := tuple(name for name in candidates if self.is_used(name)):
                merged.setdefault(names, []).extend(matrices)
        return list(merged.items())


def _effective_changes(train: TrainConfig, changes: Sequence[Change], steps: int) -> dict[int, dict[str, Any]]:
    """By step, the settings that take another value there and affect the losses."""
    current, effective = train, {}
    for step in sorted({change.step for change in changes if change.step < steps}):
        given: dict[str, Any] = {}
        for change in changes:
            given |= change.settings if change.step == step else {}
        updated = current.updated(**given)
        names = [name for name in given if name not in ("minutes", "evaluate_every")]
        changed = {name: getattr(updated, name) for name in names if getattr(updated, name) != getattr(current, name)}
        current = updated
        if changed:
            effective[step] = changed
    return effective


# ---------------------------------------------------------------- templates


def _render(experiment: Experiment, is_notebook: bool) -> str:
    config = experiment.config
    is_documents = corpora.load(config.corpus).is_documents
    source = _catalog().get(config.corpus.source)
    template = families.find(config.family).script
    assert template is not None
    return (
        environment()
        .get_template(template)
        .render(
            family=config.family,
            steps=experiment.steps,
            corpus=config.corpus,
            model=config.model,
            settings=_Settings(experiment),
            samples=_sample_config(is_documents),
            is_documents=is_documents,
            is_notebook=is_notebook,
            text_file=text_file_name(config.corpus),
            text_url=source.remote_file.url if source and source.remote_file else None,
        )
    )


def _sample_config(is_documents: bool) -> SampleConfig:
    """How the snapshots of a run are sampled."""
    return LanguageModelTrainer.DOCUMENT_SAMPLES if is_documents else LanguageModelTrainer.RUNNING_TEXT_SAMPLES


@functools.cache
def environment() -> jinja2.Environment:
    """Templates whose values become Python literals.

    This is Jinja's autoescaping with another target language: what a template prints is turned into its `repr`, unless
    it is code already (the output of a macro, or marked by ``|code``), so that no value can break out of its literal.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("lmcore.runs"),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        finalize=pyrepr,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"code": Markup, "plain": _plain, "shape": _shape, "numbered": _numbered}
    return environment


def pyrepr(value: Any) -> Markup:
    """A value as a Python literal, strings in double quotes where possible; code is left as it is."""
    if isinstance(value, Markup):
        return value
    if isinstance(value, jinja2.Undefined):
        str(value)  # raises jinja2.UndefinedError
    if isinstance(value, dict):
        return Markup("{" + ", ".join(f"{pyrepr(key)}: {pyrepr(item)}" for key, item in value.items()) + "}")
    literal = repr(value)
    if isinstance(value, str) and '"' not in literal and literal.startswith("'"):
        literal = f'"{literal[1:-1]}"'
    return Markup(literal)


def _plain(value: Any) -> Markup:
    """A value as plain words on one line, for comments."""
    text = f"{value:,}" if isinstance(value, int) else str(value)
    return Markup(" ".join("".join(c if c.isprintable() else " " for c in text).split()))


def _shape(sizes: tuple[Any, ...]) -> Markup:
    """A tuple of sizes, some of them names of variables, as code."""
    return Markup(f"({', '.join(map(pyrepr, sizes))}{',' if len(sizes) == 1 else ''})")


def _numbered(name: str, count: int) -> list[str]:
    """Names of variables: W1, W2, ..."""
    return [f"{name}{i}" for i in range(1, count + 1)]


def _split_cells(source: str) -> list[tuple[bool, str]]:
    """The "# %%" cells of a script: whether each is Markdown, and its source."""
    parts = re.split(r"^# %%( \[markdown\])?\n", source, flags=re.MULTILINE)[1:]
    cells = []
    for marker, body in zip(parts[::2], parts[1::2], strict=True):
        text = re.sub(r"^# ?", "", body, flags=re.MULTILINE) if marker else body
        cells.append((bool(marker), text.strip("\n")))
    return cells
