import streamlit as st

from lmcore import bigrams, figures, sampling
from lmcore.models import counting
from lmcore.models.counting import CountConfig
from ui import bigram
from ui.code import show_code
from ui.corpus import pick_corpus
from ui.forms import widget
from ui.live import Chart, live

st.title("Counting pairs")
st.write("Look for the bright cells: a language model can be no more than **how often one character follows another**.")

_, corpus = pick_corpus()
with st.sidebar:
    smoothing = bigram.smoothing_slider()
    split = widget(CountConfig, "counted", key="counted")
counts = bigrams.counted(corpus, split)

names = ["Pairs", "Smoothing", "Loss", "Score words", "Sampling", "n-grams", "Broadcasting"]
pairs, smooth, loss, words, drawn, ngrams, trap = st.tabs(names, on_change="rerun", key="bigram_tab")

if pairs.open:
    with pairs:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            shown = st.segmented_control(
                "Show", ["counts", "probabilities"], default="counts", required=True, key="show"
            )
            order = st.segmented_control(
                "Sort by", ["alphabet", "frequency"], default="alphabet", required=True, key="order"
            )
            log = st.toggle("Logarithmic colours", True, key="log")
        matrix = bigrams.pair_matrix(corpus, counts, smoothing, order)
        figure = figures.pair_matrix(matrix, shown == "probabilities", log)
        clicked = live(Chart.of(figure, "Heatmap of how often each character follows each."), key="pairs")
        row = st.selectbox("What follows", matrix.labels, bigram.row_of(clicked, matrix), help="Or click a row above.")
        follows = figures.what_follows(matrix, matrix.labels.index(row))
        live(Chart.of(follows, f"What follows {row}."), key="follows")
        bigram.pair_tables(bigrams.pair_table(corpus, counts))

if smooth.open:
    with smooth:
        st.write(
            "Adding to every count makes nothing impossible. Each row is divided by its **new** sum, "
            "so that it sums to one; the old sum would make it sum to more."
        )
        bigram.smoothing_losses(corpus, counts, smoothing)
        matrix = bigrams.pair_matrix(corpus, counts, smoothing)
        figure = figures.probabilities(matrix)
        smoothed = Chart.of(figure, "Smoothed probabilities.", columns=6)
        live(smoothed, Chart.of(figures.difference(matrix), "What smoothing moved.", columns=4), key="smoothed")

if loss.open:
    with loss:
        bigram.loss_story(bigrams.loss_story(corpus, counts, smoothing))

if words.open:
    with words:
        bigram.score_words(corpus, smoothing, split)

if drawn.open:
    with drawn:
        bigram.sampling(corpus, smoothing, split)

if ngrams.open:
    with ngrams:
        bigram.ngrams(corpus, smoothing)

if trap.open:
    with trap:
        record = bigrams.broadcasting(corpus, counts)
        st.write("Forget `keepdim=True`, and no error comes: columns are divided instead of rows.")
        st.code(record.shapes, language=None)
        kept, lost = st.columns(2)
        bigram.divided(kept, "P / P.sum(1, keepdim=True)", record.right, figures.broadcasting(record, wrong=False))
        bigram.divided(lost, "P / P.sum(1)", record.wrong, figures.broadcasting(record, wrong=True))

show_code(
    counting.bigram_counts, counting.normalise, counting.mean_loss, counting.NGram, counting.score, sampling.choose
)
