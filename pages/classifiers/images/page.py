import functools

import streamlit as st

from lmcore.data import images
from lmcore.data.datasets import DataConfig
from lmcore.inspection.image_gallery import worst_mistakes
from lmcore.models.numpy_linear import SoftmaxConfig
from lmcore.models.numpy_mlp import MLPClassifierConfig
from lmcore.training.config import ClassifierRunConfig, ClassifierTrainConfig
from pages.classifiers import shared
from pages.classifiers.images import data_picker, mistakes, own_image, weights
from ui import address, forms
from ui.explain import explain
from ui.run import attach, controls, panel
from ui.show_code import show_code
from ui.tabs import draw_tabs

PAGE = "images"
MODELS: dict[str, type[SoftmaxConfig] | type[MLPClassifierConfig]] = {
    "mlp-classifier": MLPClassifierConfig,
    "softmax-regression": SoftmaxConfig,
}
FIELDS = {
    "mlp-classifier": ["hidden_layers", "hidden", "hidden_2", "hidden_3", "activation", "initialization"],
    "softmax-regression": ["initialization", "scale"],
}
MODEL_DEFAULTS = {"mlp-classifier": {"initialization": "0.01"}, "softmax-regression": {}}
TRAIN = ["learning_rate", "descent", "batch_size", "steps", "evaluate_every", "seed"]
DEFAULTS = {"steps": 20_000, "learning_rate": 0.05, "evaluate_every": 500}

st.write("Press **Start** and watch the weights turn from noise into strokes; then draw a digit of your own.")

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
        bind=address.bind(f"{PAGE}_family", "mlp-classifier", bound=view is None),
    )
    kind = MODELS[family]
    model = forms.form(kind, FIELDS[family], prefix=PAGE, **options, defaults=MODEL_DEFAULTS[family])
    train = shared.train_settings(PAGE, TRAIN, options, DEFAULTS)

config = ClassifierRunConfig(data=data_config, model=kind.parse(model), train=ClassifierTrainConfig.parse(train))
controls.buttons(PAGE, config, view)


def training() -> None:
    draw = functools.partial(weights.show_live, PAGE, config)
    panel.show(PAGE, config, data, view, extra=draw, language_model=False, metrics=shared.metrics)
    shared.splits(PAGE, data, view)


draw_tabs(
    {
        "Training": training,
        "Examples": lambda: weights.show_examples(PAGE, data),
        "Confusion matrix": lambda: mistakes.show(PAGE, config, view),
        "Hidden units": lambda: weights.show_hidden_units(PAGE, config, view),
        "Draw or upload": lambda: own_image.show(PAGE, config, view),
    },
    key=f"{PAGE}_tab",
)

explain(__file__)
show_code(images.as_digit, worst_mistakes, config=config, view=view)
