"""Export of a run: an archive to import elsewhere, a script or notebook that reproduces it, a table of its losses."""

import csv
import hashlib
import io
import math
import zipfile
from collections.abc import Callable, Mapping

from lmcore.data import sources, uploads
from lmcore.data.corpora import CorpusConfig
from lmcore.errors import UserError
from lmcore.families import AnyRunConfig
from lmcore.runs import scripts
from lmcore.runs.archive import (
    CHECKPOINT,
    LOSSES,
    MANIFEST,
    MAX_TEXT_BYTES,
    ORIGINAL,
    README,
    SAMPLES,
    TEXT,
    Manifest,
)
from lmcore.runs.run import Run
from lmcore.runs.script_data import data_file
from lmcore.training.checkpoint import FORMAT_VERSION
from lmcore.training.classifier import early_stops
from lmcore.training.config import RunConfig


def export_archive(run: Run) -> bytes:
    """The run as a zip archive, which `import_archive` reads; a README in it describes the members.

    A user's own text and a built-in one are included unless they are too long.

    Raises:
        UserError: if the run's text is not on this computer.
    """
    return _zipped(_members(run))


def _zipped(members: Mapping[str, str | bytes]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            # weights hardly compress, unless all are equal, and then the import would take them for an attack
            file.writestr(name, content, zipfile.ZIP_STORED if name == CHECKPOINT else None)
    return archive.getvalue()


def export_script(run: Run) -> str:
    """The run as a Python script (`lmcore.runs.scripts`).

    Raises:
        UserError: if a text or table of one's own is not on this computer.
    """
    return scripts.script(_experiment(run))


def export_notebook(run: Run) -> str:
    """The run as a Jupyter notebook; errors as for `export_script`."""
    return scripts.notebook(_experiment(run))


def export_script_and_data(run: Run) -> bytes:
    """The script and the notebook of a run in a zip file, beside the file that they read.

    There is no such file where the script makes its data itself, or says where to download them.

    Raises:
        UserError: as for `export_script`.
    """
    data = data_file(run.config)
    members: dict[str, str | bytes] = {scripts.SCRIPT: export_script(run), scripts.NOTEBOOK: export_notebook(run)}
    return _zipped(members | ({data.name: data.content} if data and data.content is not None else {}))


def _experiment(run: Run) -> scripts.Experiment:
    return scripts.Experiment.of_run(run.config, run.changes, run.step, early_stops(run.snapshots))


def export_losses(run: Run) -> str:
    """The losses of a run as CSV: minibatch losses (in long runs, means over several steps), train and dev losses.

    A cell is empty where no loss was measured, or where it was not finite.
    """
    steps, losses = run.history.curve_from_start()
    rows: dict[float, list[float | None]] = {
        float(step): [float(loss), None, None] for step, loss in zip(steps, losses, strict=True)
    }
    for snapshot in run.snapshots:
        rows.setdefault(snapshot.step, [None] * 3)[1:] = [snapshot.loss("train"), snapshot.loss("dev")]
    unit = "nats per character" if isinstance(run.config, RunConfig) else "nats per example"
    written = io.StringIO()
    table = csv.writer(written, lineterminator="\n")
    table.writerow(["step", *(f"{name} loss ({unit})" for name in ("minibatch", "train", "dev"))])
    for step, row in sorted(rows.items()):
        table.writerow([f"{step:.15g}", *(loss if loss is not None and math.isfinite(loss) else "" for loss in row)])
    return written.getvalue()


EXPORTERS: dict[str, Callable[[Run], str | bytes]] = {
    ".zip": export_archive,
    ".py": export_script,
    ".ipynb": export_notebook,
    ".script.zip": export_script_and_data,
    ".csv": export_losses,
}
"""The export formats, by file suffix."""


def export_run(run: Run, name: str) -> bytes:
    """The run as a file of the format that the end of its name says.

    Raises:
        UserError: if there is no such format, or the run cannot be exported in it.
    """
    suffix = max((suffix for suffix in EXPORTERS if name.endswith(suffix)), key=len, default=None)
    if suffix is None:
        raise UserError(
            f"A run cannot be exported as {name[-20:]!r}. End the name of the file in one of: {', '.join(EXPORTERS)}."
        )
    content = EXPORTERS[suffix](run)
    return content if isinstance(content, bytes) else content.encode()


# ---------------------------------------------------------------- the text of a run


def run_text(config: AnyRunConfig) -> str | None:
    """The text that a run learns from; None if it learns from something else.

    Raises:
        UserError: if the text is not on this computer.
    """
    corpus = getattr(config, "corpus", None)
    if not isinstance(corpus, CorpusConfig):
        return None
    return sources.read(corpus.source, corpus.locales, corpus.alphabet, corpus.encoding).text


def text_sha256(text: str) -> str:
    """The hash that identifies a text in a manifest."""
    return hashlib.sha256(text.encode("utf-8", errors="replace")).hexdigest()


# ---------------------------------------------------------------- the members of an archive


def _members(run: Run) -> dict[str, str | bytes]:
    members: dict[str, str | bytes] = {MANIFEST: _manifest(run), CHECKPOINT: run.encode()}
    members |= {LOSSES: export_losses(run), SAMPLES: _samples(run)}
    members |= _included_texts(run.config)
    experiment, text = _experiment(run), TEXT if TEXT in members else None
    members[scripts.SCRIPT] = scripts.script(experiment, text)
    members[scripts.NOTEBOOK] = scripts.notebook(experiment, text)
    members[README] = _readme(run, members)
    return members


def _manifest(run: Run) -> str:
    text = run_text(run.config)
    manifest = Manifest(
        format=FORMAT_VERSION,
        created=run.created,
        text_sha256=None if text is None else text_sha256(text),
        config=run.config.model_dump(),
    )
    return manifest.model_dump_json(indent=2)


def _included_texts(config: AnyRunConfig) -> dict[str, bytes]:
    """The text of a run, and the file that it or a table was read from; none that is too long."""
    corpus = getattr(config, "corpus", None)
    if not isinstance(corpus, CorpusConfig):
        table = uploads.read(config.data_name) if config.data_name.startswith(uploads.PREFIX) else b""
        return {ORIGINAL: table} if 0 < len(table) <= MAX_TEXT_BYTES else {}
    data = data_file(config)
    if data is None or data.content is None:
        return {}
    texts = {TEXT: data.content}
    if corpus.source.startswith(uploads.PREFIX) and (original := uploads.read(corpus.source)) != texts[TEXT]:
        texts[ORIGINAL] = original
    return texts if all(len(content) <= MAX_TEXT_BYTES for content in texts.values()) else {}


def _samples(run: Run) -> str:
    lines = []
    for snapshot in run.snapshots:
        lines += [f"step {snapshot.step:,}", *(f"  {text!r}" for text in snapshot.samples)]
    return "\n".join([*lines, ""])


def _readme(run: Run, members: Mapping[str, str | bytes]) -> str:
    config = run.config
    lines = [
        "A training run from Glassbox",
        "============================",
        f"{config.family} on {config.data_name}: {run.step:,} of {run.current.train.steps:,} steps,"
        f" {run.n_parameters:,} parameters.",
        "",
        "To open the run, import this file in Glassbox, or run: python -m lmcore import FILE.zip",
        "",
        f"{MANIFEST:24} all settings of the run",
        f"{CHECKPOINT:24} weights, optimizer, random generator, history, snapshots (safetensors; contains no code)",
        f"{LOSSES:24} losses, for a spreadsheet",
        f"{SAMPLES:24} texts sampled during training",
        f"{scripts.SCRIPT:24} the same run in plain PyTorch or NumPy",
        f"{scripts.NOTEBOOK:24} the same as a Jupyter notebook",
    ]
    return "\n".join([*lines, *_readme_on_text(config, TEXT in members, ORIGINAL in members), ""])


def _readme_on_table(is_included: bool) -> list[str]:
    if is_included:
        warning = "Anyone who gets this archive can read it, and importing it saves it."
        return [f"{ORIGINAL:24} the table that the run learned from. {warning}"]
    missing = f"The table is not in this archive, because it is longer than {MAX_TEXT_BYTES:,} bytes."
    return ["", f"{missing} Add it to Glassbox before you import the run."]


def _readme_on_text(config: AnyRunConfig, is_included: bool, has_original: bool) -> list[str]:
    is_own = config.data_name.startswith(uploads.PREFIX)
    if getattr(config, "corpus", None) is None:
        return _readme_on_table(has_original) if is_own else []
    if is_included:
        warning = " Anyone who gets this archive can read it, and importing it saves it." if is_own else ""
        original = [f"{ORIGINAL:24} the file that the text was read from"] if has_original else []
        return [*original, f"{TEXT:24} the text that the run learned from.{warning}"]
    if is_own:
        missing = f"The text is not in this archive, because it is longer than {MAX_TEXT_BYTES:,} bytes."
        return ["", f"{missing} Add it to Glassbox before you import the run."]
    return [
        "",
        f"The text '{config.data_name}' is not in this archive. Download it in Glassbox before you import the run.",
    ]
