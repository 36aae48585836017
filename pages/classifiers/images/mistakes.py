"""The tab Confusion matrix: predictions class by class, and the most confident mistakes."""

import streamlit as st

from lmcore import figures
from lmcore.inspection.image_gallery import worst_mistakes
from lmcore.runs.view import RunView
from lmcore.training.config import ClassifierRunConfig
from pages.classifiers import shared
from ui import load
from ui.live_chart import Chart, live


def show(page: str, config: ClassifierRunConfig, view: RunView | None) -> None:
    """The confusion matrix of a split, and its confidently misclassified images."""
    config, snapshot = shared.selected_snapshot(page, config, view)
    split = shared.pick_split(page, load.dataset(config.data), view)
    shared.confusion(page, config, snapshot, split)
    st.markdown("**Confidently wrong**: true class, predicted class, and the probability of the prediction.")
    record = shared.inspect_classifier(worst_mistakes, shared.without_live_settings(config), snapshot, split)
    alt = f"The {len(record.class_names)} most confident mistakes on the {split} split."
    live(Chart.of(figures.image_gallery(record), alt), key="img.worst")
