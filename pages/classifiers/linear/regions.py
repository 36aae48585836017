"""The live picture of the page Linear: the decision regions beside the learning curves."""

from dataclasses import replace

import streamlit as st

from lmcore import figures
from lmcore.cache import cached
from lmcore.data.corpora import Split
from lmcore.data.datasets import TOYS, Dataset
from lmcore.inspection.decision_regions import N_POINTS, decision_planes, decision_regions, inspect
from lmcore.runs.view import RunView
from lmcore.training.config import ClassifierRunConfig
from lmcore.training.history import Snapshot
from pages.classifiers import shared
from pages.classifiers.linear import points
from ui import load
from ui.live_chart import Chart, live
from ui.server import engine

MAX_DRAWN = 2000
"""Examples of each split in the picture at most; they are in random order, so the first ones are a fair sample."""


def show(page: str, config: ClassifierRunConfig, snapshot: Snapshot, data: Dataset, view: RunView | None) -> None:
    """Decision regions of a snapshot, to click on where the data are two-dimensional, and the learning curves."""
    if view is not None:
        assert isinstance(view.config, ClassifierRunConfig)
        config = view.config
    takes_points = len(data.features) == 2 and config.data.source in TOYS
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        log = shared.axis_controls(page)
        if takes_points:
            points.controls(page, fixed=view is not None)
    splits = tuple(shared.visible_splits(data, view))
    if any(len(data.split(split)[1]) > MAX_DRAWN for split in splits):
        st.caption(f"The picture shows at most {MAX_DRAWN:,} examples of each split.")
    regions = _regions(shared.without_live_settings(config), snapshot, splits)
    click = live(regions, shared.learning_curves(page, snapshot, data, view, 4, log), key="clf.live")
    if takes_points and view is None:
        points.add(page, click)
        points.remove_button(page)


@cached(max_bytes=50_000_000)
def _regions(config: ClassifierRunConfig, snapshot: Snapshot, splits: tuple[Split, ...]) -> Chart:
    data = load.dataset(config.data)
    is_solid = len(data.features) == 3
    compute = decision_planes if is_solid else decision_regions
    record = engine().compute(inspect, compute, config, snapshot, N_POINTS, MAX_DRAWN)
    record = replace(record, points={split: record.points[split] for split in splits})
    figure = figures.decision_planes(record) if is_solid else figures.decision_regions(record)
    alt = "Planes between the classes, in 3-D." if is_solid else "Decision regions of the classes."
    return Chart.of(figure, f"{alt} {shared.accuracy(snapshot)}", columns=6, revision=data.title)
