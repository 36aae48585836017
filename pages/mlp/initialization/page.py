import streamlit as st

from lmcore.inspection import initialization
from lmcore.inspection.initialization import ALL_POSITIVE, PRESETS
from lmcore.models.mlp import MLPConfig
from lmcore.nn.initialization import initial_values
from lmcore.nn.losses import cross_entropy
from lmcore.training.config import RunConfig, TrainConfig
from pages.mlp import shared
from pages.mlp.initialization import untrained_model
from ui import forms, race
from ui.corpus_picker import pick_corpus
from ui.explain import explain
from ui.show_code import show_code

PAGE = "init"
MODEL = ["context", "embedding", "hidden", "hidden_layers", "activation"]
TRAIN = ["learning_rate", "batch_size", "steps", "seed"]
CUSTOM = "custom"
DIRECT = {False: "without direct connections", True: "with direct connections"}


def choose_custom(_: str) -> None:
    """Who changes a value of the custom initialization wants to see it."""
    st.session_state["init_preset"] = CUSTOM


st.write(
    "An untrained model should cost about **ln V**: look for confidently wrong predictions and for saturated units."
)

corpus_config, corpus = pick_corpus()
with st.sidebar:
    shape = forms.form(MLPConfig, MODEL, prefix=PAGE)
    train = TrainConfig.parse(forms.form(TrainConfig, TRAIN, prefix=PAGE, defaults={"steps": 10_000}))

preset = st.selectbox("Initialization", [*PRESETS, CUSTOM], key="init_preset", bind="query-params", width=360)
with st.expander("Custom initialization", icon=":material/tune:"):
    custom = forms.form(MLPConfig, shared.INITIALIZATION, prefix=PAGE, on_change=choose_custom)


def run_config(name: str, direct: bool = False) -> RunConfig:
    weights = custom if name == CUSTOM else PRESETS[name]
    model = MLPConfig.parse(shape | weights | {"direct_connections": direct})
    return RunConfig(corpus=corpus_config, model=model, train=train)


def name_of(config: RunConfig) -> str:
    assert isinstance(config.model, MLPConfig)
    weights = {field: getattr(config.model, field) for field in shared.INITIALIZATION}
    default = {field: MLPConfig.model_fields[field].default for field in shared.INITIALIZATION}
    name = next((name for name, values in PRESETS.items() if weights == default | values), CUSTOM)
    return f"{name}, {DIRECT[True]}" if config.model.direct_connections else name


untrained_model.first_minibatch(run_config(preset), corpus)

st.subheader("Race")
KINDS = ["initializations", "direct connections", "positive inputs"]
compared = st.segmented_control("Compare", KINDS, default=KINDS[0], required=True, key="init_kind")
if compared == "initializations":
    names = st.multiselect(
        "Initializations", [*PRESETS, CUSTOM], list(PRESETS)[:5], max_selections=race.MAX_RUNS, key="init_entrants"
    )
    entrants = {name: run_config(name) for name in names}
elif compared == "positive inputs":
    st.write(
        "A sum of positive numbers is large, so every tanh outputs 1 for every context and passes no gradient: only "
        "the output layer learns, and the loss stays at that of **unigrams**. The histograms above show it for the "
        f"preset “{ALL_POSITIVE}”."
    )
    entrants = {name: run_config(name) for name in (ALL_POSITIVE, "output × 0.01")}
else:
    st.write("Bengio et al. 2003, equation 1: the embeddings also connect directly to the logits.")
    entrants = {DIRECT[direct]: run_config(preset, direct) for direct in (False, True)}
race.race(PAGE, entrants, name_of, ["mlp"])

explain(__file__)
show_code(initial_values, initialization.first_batch, cross_entropy, config=run_config(preset))
