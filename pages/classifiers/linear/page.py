import functools

import streamlit as st

from lmcore.data.datasets import DataConfig
from lmcore.inspection.decision_regions import decision_regions
from lmcore.models.numpy_linear import LogisticConfig, SoftmaxConfig
from lmcore.training.config import ClassifierRunConfig, ClassifierTrainConfig
from pages.classifiers import shared
from pages.classifiers.linear import data_picker, descents, formulas, loss_surface, regions
from ui import address, forms
from ui.explain import explain
from ui.run import attach, controls, panel
from ui.show_code import show_code
from ui.tabs import draw_tabs

PAGE = "linear"
MODELS: dict[str, type[SoftmaxConfig] | type[LogisticConfig]] = {
    "softmax-regression": SoftmaxConfig,
    "logistic-regression": LogisticConfig,
}
TRAIN = ["descent", "batch_size", "learning_rate", "steps", "evaluate_every", "seed"]
DEFAULTS = {"steps": 100_000, "learning_rate": 0.0005, "evaluate_every": 500}  # slow enough to watch

st.write("Press **Start** and watch the boundary turn until it separates the classes; a ring marks each mistake.")

parts: attach.Parts = {"data": DataConfig, "model": tuple(MODELS.values()), "train": ClassifierTrainConfig}
view = attach.shown_run(PAGE, parts)
attach.list_interrupted()
options = controls.field_options(PAGE, view)
data_config, data = data_picker.pick(PAGE, options, view is not None)
with st.sidebar:
    family = st.selectbox(
        "Model",
        list(MODELS),
        key=f"{PAGE}_family",
        disabled=view is not None,
        bind=address.bind(f"{PAGE}_family", "softmax-regression", bound=view is None),
    )
    kind = MODELS[family]
    model = forms.form(kind, ["initialization", "scale"], prefix=PAGE, **options, defaults={"initialization": "normal"})
    train = shared.train_settings(PAGE, TRAIN, options, DEFAULTS)

config = ClassifierRunConfig(data=data_config, model=kind.parse(model), train=ClassifierTrainConfig.parse(train))
controls.buttons(PAGE, config, view)


def training() -> None:
    draw = functools.partial(regions.show, PAGE, config)
    data_picker.show_columns(data)
    panel.show(PAGE, config, data, view, extra=draw, language_model=False, metrics=shared.metrics)
    shared.splits(PAGE, data, view)


def confusion() -> None:
    config_of_run, snapshot = shared.selected_snapshot(PAGE, config, view)
    shared.confusion(PAGE, config_of_run, snapshot, shared.pick_split(PAGE, data, view))


draw_tabs(
    {
        "Training": training,
        "Confusion matrix": confusion,
        "Formulas": lambda: formulas.show(PAGE, config, view),
        "Batch vs. stochastic": lambda: descents.show(PAGE, config, data),
        "Loss surface": lambda: loss_surface.show(PAGE, config),
    },
    key=f"{PAGE}_tab",
)

explain(__file__)
show_code(decision_regions, config=config, view=view)
