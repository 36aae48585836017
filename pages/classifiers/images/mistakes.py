"""The tab Confusion matrix: predictions class by class, and the most confident mistakes."""

import streamlit as st

from lmcore import figures
from lmcore.inspection.image_gallery import worst_mistakes
from lmcore.runs.view import RunView
from lmcore.training.config import ClassifierRunConfig
from pages.classifiers import shared
from ui.live_chart import Chart, live


def show(page: str, config: ClassifierRunConfig, view: RunView | None) -> None:
    """The confusion matrix of a split, and its confidently misclassified images."""
    model, data, snapshot = shared.selected_classifier(page, config, view)
    split = shared.pick_split(page, data, view)
    shared.confusion(page, model, data, snapshot, split)
    st.markdown("**Confidently wrong**: true class, predicted class, and the probability of the prediction.")
    record = worst_mistakes(model, data, split)
    alt = f"The {len(record.class_names)} most confident mistakes on the {split} split."
    live(Chart.of(figures.image_gallery(record), alt), key="img.worst")
