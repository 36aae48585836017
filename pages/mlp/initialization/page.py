import streamlit as st

from lmcore.inspection import initialization
from lmcore.inspection.initialization import PRESETS
from lmcore.models.mlp import MLPConfig, build_mlp, starting_values
from lmcore.training import training
from lmcore.training.training import RunConfig, TrainConfig
from pages.mlp import shared
from ui import forms, race
from ui.corpus_picker import pick_corpus
from ui.show_code import show_code

PAGE = "init"
MODEL = ["context", "embedding", "hidden", "hidden_layers", "activation"]
TRAIN = ["learning_rate", "batch_size", "steps", "seed"]
OWN = "my own"

st.title("Where weights start")
st.write(
    "A net that knows nothing should cost **ln V**: look how surely wrong it is instead, and which units are stuck."
)

corpus_config, corpus = pick_corpus()
with st.sidebar:
    shape = forms.form(MLPConfig, MODEL, prefix=PAGE)
    train = forms.parse(TrainConfig, forms.form(TrainConfig, TRAIN, prefix=PAGE, defaults={"steps": 10_000}))

preset = st.selectbox("Starting weights", [*PRESETS, OWN], key="init_preset", bind="query-params", width=360)
own = {}
with st.expander("My own starting weights", icon=":material/tune:"):
    own = forms.form(MLPConfig, shared.FIELDS, prefix=PAGE)


def config_of(name: str, direct: bool = False) -> RunConfig:
    chosen = own if name == OWN else PRESETS[name]
    model = forms.parse(MLPConfig, shape | chosen | {"direct": direct})
    return RunConfig(corpus=corpus_config, model=model, train=train)


shared.before_training(config_of(preset), corpus)

st.subheader("The race")
kind = st.segmented_control(
    "Between", ["starting weights", "direct connections"], default="starting weights", required=True, key="init_kind"
)
if kind == "starting weights":
    names = st.multiselect(
        "Entrants", [*PRESETS, OWN], list(PRESETS)[:5], max_selections=race.MOST, key="init_entrants"
    )
    entrants = {name: config_of(name) for name in names}
else:
    st.write("Bengio et al. 2003, equation 1: the embeddings also reach the logits straight, beside the hidden layer.")
    entrants = {shared.DIRECT[direct]: config_of(preset, direct) for direct in (False, True)}
race.race(PAGE, entrants, shared.name_of)

show_code(build_mlp, starting_values, initialization.start, training.cross_entropy)
