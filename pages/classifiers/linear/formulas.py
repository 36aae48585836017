"""The tab Formulas: the matrix product in numbers, and the two losses with their gradients."""

import streamlit as st

from lmcore import figures
from lmcore.inspection.linear_scores import linear_scores
from lmcore.models import numpy_linear
from lmcore.models.numpy_linear import LinearClassifier
from lmcore.runs.view import RunView
from lmcore.training.config import ClassifierRunConfig
from pages.classifiers import shared
from ui.live_chart import Chart, live
from ui.show_code import source


def show(page: str, config: ClassifierRunConfig, view: RunView | None) -> None:
    """The first examples through the classifier, and the formulas beside their code."""
    model, data, _ = shared.selected_classifier(page, config, view)
    assert isinstance(model, LinearClassifier)
    st.write(
        "The bias needs no special treatment: **X** gets a column of ones and **theta** a row of biases, "
        "so that one matrix product gives all scores."
    )
    record = linear_scores(model, data)
    alt = f"Augmented X, augmented theta, scores and probabilities of the first {len(record.X)} examples."
    live(Chart.of(figures.linear_scores(record), alt), key="clf.product")
    left, right = st.columns(2)
    with left:
        st.markdown("**Logistic regression: binary cross-entropy**")
        st.latex(r"p = \sigma(X\theta) = \frac{1}{1 + e^{-X\theta}}")
        st.latex(r"L = -\frac{1}{N}\sum_i \begin{cases} \log p_i & y_i = 1 \\ \log (1 - p_i) & y_i = 0 \end{cases}")
        st.latex(r"\frac{\partial L}{\partial\theta} = \frac{1}{N} X^\top (p - y)")
        st.code(source(numpy_linear.binary_cross_entropy), language="python")
    with right:
        st.markdown("**Softmax regression: categorical cross-entropy**")
        st.latex(r"p_{ik} = \frac{e^{(X\theta)_{ik}}}{\sum_j e^{(X\theta)_{ij}}}")
        st.latex(r"L = -\frac{1}{N}\sum_i \log p_{i, y_i}\;")  # the space keeps the last letter inside its box
        st.latex(r"\frac{\partial L}{\partial\theta} = \frac{1}{N} X^\top (p - \mathrm{onehot}(y))")
        st.code(source(numpy_linear.categorical_cross_entropy), language="python")
