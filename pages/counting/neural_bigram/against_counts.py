"""A trained neural bigram next to the counts of its training split."""

from dataclasses import replace

import streamlit as st

from lmcore import figures
from lmcore.cache import cached
from lmcore.data.corpora import Corpus
from lmcore.inspection import neural_bigram, ngrams
from lmcore.inspection.ngrams import CountComparison
from lmcore.runs.view import RunView
from lmcore.training.history import Snapshot
from ui.live_chart import Chart, live
from ui.server import engine


def compare(snapshot: Snapshot, corpus: Corpus, view: RunView | None) -> None:
    """The network of a snapshot and the counts: losses, probabilities and logarithms."""
    st.subheader("Network vs. counts")
    record, charts = _comparison(snapshot, corpus)
    st.write(
        f"Counting reaches {record.count_loss:.4f} nats per character on the training split; no bigram model can do "
        f"better there. The network is at {snapshot.loss('train'):.4f} after step {snapshot.step:,}, and its "
        f"probabilities differ from the counted ones by at most {record.max_difference:.1%}."
    )
    live(*charts, key="nb.against")


@cached(max_bytes=50_000_000)
def _comparison(snapshot: Snapshot, corpus: Corpus) -> tuple[CountComparison, list[Chart]]:
    record = engine().compute(ngrams.compare_with_counts, corpus, snapshot.arrays["next_character"])
    matrix = record.matrix
    counted = replace(matrix, probabilities=matrix.unsmoothed)
    logs = neural_bigram.log_counts(matrix.counts, matrix.probabilities, matrix.labels)
    top = float(matrix.unsmoothed.max())
    pictures = {
        "Heatmap of the network's probabilities.": figures.pair_probabilities(matrix, "softmax(W)", top),
        "Heatmap of the counted probabilities.": figures.pair_probabilities(counted, "N / N.sum(1)", top),
        "Heatmap of their difference.": figures.pair_difference(matrix, title="network − counts"),
        "Scatter plot of W against log N.": figures.log_counts(logs),
    }
    return record, [Chart.of(figure, alt, columns=5) for alt, figure in pictures.items()]
