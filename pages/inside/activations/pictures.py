"""What the page draws for a snapshot: update sizes, findings, distributions, saturation, and a table of the layers."""

import functools
import math
from typing import Any

import streamlit as st

from lmcore import figures
from lmcore.cache import cached
from lmcore.data.corpora import Corpus
from lmcore.inspection.activations import Activations, has_weights, layer_table
from lmcore.inspection.histograms import histograms
from lmcore.inspection.saturation import diagnose
from lmcore.inspection.updates import Updates, diagnose_updates, updates
from lmcore.runs.view import RunView
from lmcore.training.config import RunConfig
from lmcore.training.history import MAX_WEIGHTS_IN_ALL_SNAPSHOTS, History, Snapshot
from lmcore.training.trainer import Trainer
from pages.inside.activations import probe, saturation_board
from ui.live_chart import Chart, live
from ui.run import panel

LAYOUTS = ["overlaid", "one per row"]


def drawer(page: str, config: RunConfig) -> panel.Draw:
    """The function that `panel.show` calls to draw a snapshot; ``config`` describes the untrained model."""
    return functools.partial(_show, page, config)


def _show(page: str, config: RunConfig, snapshot: Snapshot, corpus: Corpus, view: RunView | None) -> None:
    if view is not None:
        assert isinstance(view.config, RunConfig)
        config = view.config
    config = probe.without_live_settings(config)
    snapshots = list(view.snapshots if view else ()) or [snapshot]  # a run has none until its first slice is back
    losses = panel.loss_chart(corpus, view, snapshots, ["steps"], columns=5)
    if not has_weights(snapshot):
        live(losses, key=f"{page}.updates")
        st.info(
            f"This snapshot has no weights to look at. Models with up to {MAX_WEIGHTS_IN_ALL_SNAPSHOTS:,} weights keep "
            f"them in every snapshot, models with up to {Trainer.MAX_SNAPSHOT_WEIGHTS:,} in the last one."
        )
        return
    record = probe.on_probe_batch(config, snapshot)
    history = view.history if view else History()
    ratios = updates(history, [name.removesuffix(".weight") for name in record.weights])
    alt = "Size of the updates relative to the weights, log10. Healthy values are near -3."
    live(losses, Chart.of(figures.updates(ratios), alt, 5, "updates"), key=f"{page}.updates")
    _show_findings(page, snapshot, record, ratios)
    _show_distributions(page, config, snapshot, snapshots, ratios)
    saturation_board.show(page, config, snapshot, record)
    _show_layers(page, record)


def _show_findings(page: str, snapshot: Snapshot, record: Activations, ratios: Updates) -> None:
    """What is wrong with the layers and with the updates, in words."""
    st.text(f"The model at step {snapshot.step:,}, on the same {len(record.contexts)} training examples at every step:")
    findings = diagnose(record, saturation_board.threshold(page))
    st.info("\n".join(f"- {sentence}" for sentence in findings), icon=":material/stethoscope:")
    st.info("\n".join(f"- {sentence}" for sentence in diagnose_updates(ratios)), icon=":material/lightbulb:")


def _show_distributions(
    page: str, config: RunConfig, snapshot: Snapshot, snapshots: list[Snapshot], ratios: Updates
) -> None:
    """Histograms of outputs and gradients, over bins that all snapshots of the run share."""
    layout = st.segmented_control("Histograms", LAYOUTS, default=LAYOUTS[0], required=True, key=f"{page}.histograms")
    limits = [probe.limits(config, one) for one in snapshots if has_weights(one)]
    widest = tuple(max(limit[name] for limit in limits) for name in probe.QUANTITIES)
    alt = "Size of the gradients relative to the weights, log10."
    gradients = Chart.of(figures.updates(ratios, gradients=True), alt, 5, "gradients")
    live(*_histograms(config, snapshot, widest, layout != LAYOUTS[0]), gradients, key=f"{page}.distributions")


@cached(max_bytes=50_000_000)
def _histograms(config: RunConfig, snapshot: Snapshot, limits: tuple[float, ...], multiples: bool) -> list[Chart]:
    """One chart per quantity of `probe.QUANTITIES`."""
    charts = []
    for (name, groups), limit in zip(probe.groups(probe.on_probe_batch(config, snapshot)).items(), limits, strict=True):
        figure = figures.histograms(histograms(groups, limit), probe.QUANTITIES[name], stacked=multiples)
        charts.append(Chart.of(figure, f"Histograms of the {name} of each layer.", 5, f"{multiples}"))
    return charts


def _show_layers(page: str, record: Activations) -> None:
    table = layer_table(record, saturation_board.threshold(page))
    table["saturated"] = ["–" if math.isnan(share) else f"{share:.1%}" for share in table["saturated"]]
    formats: Any = {"parameters": "{:,}", "mean": "{:+.3f}", "std": "{:.3f}", "gradient std": "{:.2e}"}
    st.markdown("**All layers on this minibatch**")
    st.dataframe(table.style.format(formats), hide_index=True)
