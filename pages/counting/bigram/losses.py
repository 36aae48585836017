"""The loss of a count model: the effect of smoothing, where the loss comes from, and higher orders."""

import numpy as np
import streamlit as st

from lmcore import figures
from lmcore.data.corpora import Corpus
from lmcore.errors import UserError
from lmcore.inspection import ngrams
from lmcore.models.ngram import CountConfig, Counts
from ui import errors, forms
from ui.computed import computed
from ui.live_chart import Chart, live

LABELS = {"all": "Loss on all text", "train": "Train loss", "dev": "Dev loss", "test": "Test loss"}


def smoothing(corpus: Corpus, counts: Counts, config: CountConfig) -> None:
    """The loss of each split with add-k smoothing, and how far it moved each probability."""
    st.write(
        "Add-k smoothing adds k to every count, so that no pair is impossible. Each row is then divided by its "
        "**new** sum; divided by its old sum, it would add up to more than one."
    )
    smoothed, unsmoothed = (_derive_loss(corpus, config.counted, k).table.iloc[-1] for k in (config.smoothing, 0.0))
    with st.container(horizontal=True):
        for split, label in LABELS.items():
            change = smoothed[split] - unsmoothed[split]
            delta = f"{change:+.6f}" if config.smoothing and np.isfinite(change) else None
            loss = "–" if np.isnan(smoothed[split]) else f"{smoothed[split]:.6f}"  # of an empty split
            tooltip = "The arrow shows what smoothing has changed." if delta else None
            st.metric(f"{label} (nats)", loss, delta, delta_color="inverse", help=tooltip, width=180)
    _say_what_is_held_out(config)
    matrix = ngrams.pair_matrix(corpus, counts, config.smoothing)
    live(
        Chart.of(figures.pair_probabilities(matrix), "Heatmap of the smoothed probabilities.", columns=6),
        Chart.of(figures.pair_difference(matrix), "Heatmap of what smoothing changed.", columns=4),
        key="smoothed",
    )


_derive_loss = computed(ngrams.derive_loss, 1_000_000)


def from_likelihood(corpus: Corpus, config: CountConfig) -> None:
    """From the likelihood to the loss, step by step, and the loss of simpler models."""
    derivation = _derive_loss(corpus, config.counted, config.smoothing)
    st.latex(r"\text{loss} = -\frac{1}{N}\sum_{i=1}^{N}\ln p(\text{next}_i \mid \text{character}_i)")
    steps = {
        "Pairs N": (f"{derivation.n_pairs:,}", None),
        "Likelihood": (f"1e{derivation.log10_likelihood:.0f}", "Product of all N probabilities"),
        "Log-likelihood": (f"{derivation.log_likelihood:,.0f}", "Sum of the natural logarithms of all N probabilities"),
        "Negative log-likelihood": (f"{-derivation.log_likelihood:,.0f}", None),
        "Loss (nats)": (f"{derivation.loss:.6f}", "Mean negative log-likelihood, in nats per character"),
    }
    with st.container(horizontal=True):
        for label, (value, description) in steps.items():
            st.metric(label, value, help=description, width="content")
    st.dataframe(derivation.table.style.format("{:.6f}", subset=list(LABELS), na_rep="–"), hide_index=True)
    st.caption("Losses in nats per character. With k = 0, one pair that was never counted makes a loss infinite.")
    _say_what_is_held_out(config)


def _say_what_is_held_out(config: CountConfig) -> None:
    if config.counted == "all":
        st.caption("All text was counted, so the dev and test losses are not those of held-out text.")


def higher_orders(corpus: Corpus, k: float) -> None:
    """How fast the table grows with the order n, and what that does to train and dev loss."""
    with st.container(horizontal=True):
        mixing = forms.widget(CountConfig, "mixing", key="mixing")
        weight = forms.widget(CountConfig, "weight", key="weight", disabled=mixing != "interpolation")
        discount = forms.widget(CountConfig, "discount", key="discount", disabled=mixing != "back-off")
    config = CountConfig.parse({"smoothing": k, "mixing": mixing, "weight": weight, "discount": discount})
    try:
        table = _compare_orders(corpus, config)
    except UserError as error:
        errors.show(error)
        return
    live(Chart.of(figures.order_comparison(table), "Line chart of train and dev loss by order."), key="growth")
    styled = table.style.format(
        {"contexts": "{:,}", "megabytes": "{:,.2f}", "share seen": "{:.2%}", "train": "{:.4f}", "dev": "{:.4f}"},
        na_rep="too large",
    )
    st.dataframe(styled, hide_index=True)
    st.caption(
        "Only contexts that occur in the training split have a row in the table. Tables too large are not built."
    )


_compare_orders = computed(ngrams.compare_orders, 1_000_000, "Counting…")
