import streamlit as st

from lmcore import bigrams, figures, layers, training
from lmcore.models.neural_bigram import NeuralBigramConfig, build_neural_bigram
from lmcore.training import RunConfig, TrainConfig
from ui import forms, run_panel
from ui.code import show_code
from ui.corpus import pick_corpus
from ui.live import Chart, live

PAGE = "nb"
TRAIN = ["learning_rate", "steps", "full_batch", "batch_size"]
MORE = ["l2", "seed", "evaluate_every", "minutes"]
DEFAULTS = {"learning_rate": 50.0, "steps": 3000, "full_batch": True, "evaluate_every": 500}

st.title("The same model as a neural net")
st.write("Press **Start**: gradient descent finds by itself what counting knows, and stops at the same loss.")

view = run_panel.attach(PAGE, {"train": TrainConfig})
run_panel.offer_interrupted(PAGE)
corpus_config, corpus = pick_corpus()


def fixed(name: str) -> bool:
    return view is not None and name not in TrainConfig.live_fields()


change = run_panel.changer(PAGE)
with st.sidebar:
    train = forms.form(TrainConfig, TRAIN, prefix=PAGE, disabled=fixed, on_change=change, defaults=DEFAULTS)
    with st.expander("More settings"):
        train |= forms.form(TrainConfig, MORE, prefix=PAGE, disabled=fixed, on_change=change, defaults=DEFAULTS)

config = RunConfig(corpus=corpus_config, model=NeuralBigramConfig(), train=forms.parse(TrainConfig, train))
run_panel.buttons(PAGE, config, view)
run_panel.show(PAGE, config, corpus, view)

st.subheader("The net against the counts")
snapshot = view.snapshots[-1] if view and view.snapshots else run_panel.first_look(config)
record = bigrams.against_counts(corpus, snapshot.arrays["next_character"])
st.write(
    f"Counting the training split costs {record.counted_loss:.4f} nats per character, no bigram model can do better "
    f"there; the net is at {snapshot.train:.4f} after step {snapshot.step:,}. "
    f"Its probabilities differ from the counted ones by {record.largest:.1%} at most."
)
drawn = figures.difference(record.matrix)
live(Chart.of(drawn, "Probabilities of the net minus those of the counts."), key="nb.difference")

show_code(build_neural_bigram, layers.Embedding, training.Trainer, training.cross_entropy, bigrams.against_counts)
