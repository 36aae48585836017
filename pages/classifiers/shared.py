"""What the pages of the section Classifiers share: training settings, metrics, curves, and the confusion matrix."""

from typing import Any

import pandas as pd
import streamlit as st

from lmcore import figures
from lmcore.cache import cached
from lmcore.data.corpora import SPLITS, Split
from lmcore.data.datasets import Dataset
from lmcore.inspection import decision_regions
from lmcore.inspection.confusion import confusion as confusion_matrix
from lmcore.inspection.decision_regions import load_classifier
from lmcore.inspection.learning_curve import learning_curve
from lmcore.runs.view import RunView
from lmcore.training.classifier import Classifier
from lmcore.training.config import ClassifierRunConfig, ClassifierTrainConfig
from lmcore.training.history import History, Snapshot
from lmcore.training.loss_curve import XAxis
from ui import forms, load
from ui.computed import computed
from ui.live_chart import Chart, live
from ui.run import controls, panel, time_slider

SPLIT_FIELDS = ["dev_share", "test_share", "normalize", "seed"]
MORE = {
    "Learning-rate schedule": ["schedule", "factor", "decay_every", "patience", "min_change", "watch"],
    "Gradient clipping, early stopping": ["clip", "clip_threshold", "early_stopping", "stop_patience"],
}
X_AXES: dict[str, XAxis] = {"steps": "steps", "epochs": "epochs", "seconds": "CPU seconds"}


# ---------------------------------------------------------------- settings


def train_settings(page: str, fields: list[str], options: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """Widgets for the training settings: the given fields first, the schedule and early stopping folded away."""
    return forms.form_with_more(ClassifierTrainConfig, fields, MORE, prefix=page, **options, defaults=defaults)


def without_live_settings(config: ClassifierRunConfig) -> ClassifierRunConfig:
    """The config with default training settings except the seed: the others do not affect what a snapshot shows."""
    return config.model_copy(update={"train": ClassifierTrainConfig(seed=config.train.seed)})


# ---------------------------------------------------------------- a snapshot's classifier and its metrics


@cached(max_bytes=200_000_000, size_of=lambda loaded: loaded[0].theta.nbytes)
def _classifier(config: ClassifierRunConfig, snapshot: Snapshot) -> tuple[Classifier, Dataset]:
    return load_classifier(config, snapshot, load.dataset(config.data))


def classifier(config: ClassifierRunConfig, snapshot: Snapshot) -> tuple[Classifier, Dataset]:
    """The classifier of a snapshot, and its data."""
    return _classifier(without_live_settings(config), snapshot)


inspect_classifier = computed(decision_regions.inspect, 100_000_000)
"""See `decision_regions.inspect`; leave the live settings out of the config, so that more results can be kept."""


def selected_classifier(
    page: str, config: ClassifierRunConfig, view: RunView | None
) -> tuple[Classifier, Dataset, Snapshot]:
    """The classifier at the step that the page's slider selects; the untrained one if there is no run."""
    config_of_run, snapshot = selected_snapshot(page, config, view)
    return (*classifier(config_of_run, snapshot), snapshot)


def selected_snapshot(
    page: str, config: ClassifierRunConfig, view: RunView | None
) -> tuple[ClassifierRunConfig, Snapshot]:
    """The config of the run and the snapshot that the page's slider selects; the untrained one if there is no run."""
    config_of_run, snapshot = time_slider.selected_snapshot(page, config, view)
    assert isinstance(config_of_run, ClassifierRunConfig)
    return config_of_run, snapshot


def metrics(snapshot: Snapshot | None) -> tuple[tuple[str, str], ...]:
    """Losses and accuracies of a snapshot, as labels and texts."""
    return (
        ("Train loss (nats)", _text(snapshot, "loss", "train", ".3f")),
        ("Dev loss (nats)", _text(snapshot, "loss", "dev", ".3f")),
        ("Accuracy (train, dev)", ", ".join(_text(snapshot, "accuracy", split, ".1%") for split in ("train", "dev"))),
    )


def _text(snapshot: Snapshot | None, name: str, split: Split, style: str) -> str:
    value = snapshot.metric(name, split) if snapshot else None
    return "–" if value is None else format(value, style)


def accuracy(snapshot: Snapshot) -> str:
    """A sentence on the dev accuracy; on the train accuracy if there is no dev split."""
    split: Split = "train" if snapshot.metric("accuracy", "dev") is None else "dev"
    return f"{_text(snapshot, 'accuracy', split, '.0%')} of the {split} examples are classified correctly."


# ---------------------------------------------------------------- learning curves


def axis_controls(page: str) -> bool:
    """Widgets for the horizontal axis of the learning curves; returns whether it is logarithmic."""
    st.segmented_control("Loss against", list(X_AXES), default="steps", key=f"{page}.axis", width="content")
    return st.toggle("Logarithmic", key=f"{page}.logarithmic", help="Logarithmic horizontal axis.")


def learning_curves(
    page: str, snapshot: Snapshot, data: Dataset, view: RunView | None, columns: int, log: bool
) -> Chart:
    """Loss and accuracy of a run, with every change of the learning rate, clipping and early stopping."""
    axis = st.session_state.get(f"{page}.axis") or "steps"
    record = learning_curve(
        view.history if view else History(),
        (view.snapshots if view else ()) or (snapshot,),
        data,
        X_AXES[axis],
        view.changes if view else (),
        view.diverged_losses if view else None,
        from_start=log,
        test_evaluations=view.test_evaluations if view else (),
    )
    figure = figures.plain_loss_chart(
        record.losses,
        unit="example",
        log_x=log,
        accuracy=record.accuracy,
        events=record.events,
        empty=panel.invitation(view),
        height=470,
    )
    alt = f"Loss and accuracy over {axis}. {accuracy(snapshot)}"
    return Chart.of(figure, alt, columns, revision=f"{view.id if view else ''}{axis}{log}")


# ---------------------------------------------------------------- train, dev and test


def visible_splits(data: Dataset, view: RunView | None) -> list[Split]:
    """The splits that pictures may show: test only after the visitor asked for a test evaluation of the run."""
    shown = {"train", "dev"} | ({"test"} if view and view.test_evaluations else set())
    return [split for split in SPLITS if split in shown and len(data.split(split)[1])]


def splits(page: str, data: Dataset, view: RunView | None) -> None:
    """What each split is for, and the test metrics on request."""
    unfolded = st.expander("Train, dev and test", icon=":material/call_split:", key=f"{page}.splits", on_change="rerun")
    if len(data.y_dev) == 0:
        st.caption("No dev split: early stopping and plateaus watch the training loss.")
    if not unfolded.open:
        return
    with unfolded:
        sizes = ", ".join(f"{split} {len(data.split(split)[1]):,}" for split in SPLITS)
        st.write(
            f"Examples: {sizes}. The classifier learns from **train**; you choose settings by **dev**; **test** shows "
            "once, at the end, how good that choice is. If you look at it and then try again, it becomes a second dev."
        )
        st.button(
            "Evaluate on the test split",
            key=f"{page}.test",
            on_click=controls.evaluate_on_test,
            args=(page, view.id if view else ""),
            disabled=view is None or view.step == 0,
        )
        if view and view.test_evaluations:
            last = view.test_evaluations[-1]
            values = last.metrics
            result = f"loss {values['loss']:.4f} nats, accuracy {values['accuracy']:.1%}" if values else "empty split"
            st.text(f"Test at step {last.step:,}: {result}. Evaluations so far: {len(view.test_evaluations)}.")


# ---------------------------------------------------------------- confusion matrix


def pick_split(page: str, data: Dataset, view: RunView | None) -> Split:
    """The split that the visitor chose; dev by default."""
    options = visible_splits(data, view)
    default: Split = "dev" if "dev" in options else "train"
    tooltip = "To see the test split here, evaluate the run on it first (Train, dev and test, below)."
    chosen = st.segmented_control("Split", options, default=default, key=f"{page}.part", help=tooltip)
    return chosen if chosen is not None and chosen in options else default


def confusion(page: str, config: ClassifierRunConfig, snapshot: Snapshot, split: Split) -> None:
    """The confusion matrix of a split, with precision and recall of each class."""
    st.write(
        "Rows are the **true** classes, columns the **predicted** ones: correct predictions are on the diagonal. "
        "*Precision*: share of a column that is correct. *Recall*: share of a row that is correct."
    )
    record = inspect_classifier(confusion_matrix, without_live_settings(config), snapshot, split)
    left, right = st.columns([3, 2])
    with left:
        alt = f"Confusion matrix of the {split} split, accuracy {record.accuracy:.0%}."
        live(Chart.of(figures.confusion(record), alt), key=f"{page}.confusion")
    table = pd.DataFrame(
        {
            "class": record.class_names,
            "examples": record.counts.sum(1),
            "precision": record.precision,
            "recall": record.recall,
        }
    )
    right.dataframe(table.style.format("{:.1%}", subset=["precision", "recall"], na_rep="–"), hide_index=True)
    right.caption(f"At step {snapshot.step:,}. A dash means that the class was never predicted, or never occurs.")
