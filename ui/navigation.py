"""The pages of the app, section by section, in the order of the course; and which page shows which runs."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

if TYPE_CHECKING:
    from lmcore.training.config import BaseRunConfig

PAGES = Path(__file__).parent.parent / "pages"
CURRENT, VISIT = "navigation.page", "navigation.visit"  # keys in the session state
FOLLOWS = "navigation.follows_address"  # the same: whether the address decides all that the next run shows


class Page(NamedTuple):
    """A page of the menu."""

    folder: str  # below pages/
    title: str
    icon: str
    url_path: str
    prefix: str = ""  # of its widgets' keys
    families: tuple[str, ...] = ()  # whose runs it shows

    @property
    def script(self) -> Path:
        """The script that composes the page."""
        return PAGES / self.folder / "page.py"

    @property
    def heading(self) -> str:
        """The heading of the page."""
        return "Glassbox" if self == HOME else self.title

    def shows(self, config: "BaseRunConfig") -> bool:
        """Whether the page shows a run; classifiers of images have a page of their own."""
        from lmcore.data.datasets import IMAGES  # takes a while to import; the menu does without

        return config.family in self.families and (config.data_name in IMAGES) == (self.folder == IMAGE_PAGE)


HOME = Page("home/home", "Home", ":material/home:", "home")  # the default page
IMAGE_PAGE = "classifiers/images"
LINEAR = ("softmax-regression", "logistic-regression")

SECTIONS: dict[str, list[Page]] = {
    "Data": [Page("data/dataset", "Dataset", ":material/menu_book:", "dataset")],
    "Counting": [
        Page("counting/bigram", "Bigram", ":material/grid_on:", "bigram"),
        Page(
            "counting/neural_bigram",
            "Neural bigram",
            ":material/gradient:",
            "neural-bigram",
            "nb",
            ("neural-bigram",),
        ),
    ],
    "MLP": [
        Page("mlp/mlp", "MLP", ":material/hub:", "mlp", "mlp", ("mlp",)),
        Page("mlp/initialization", "Initialization", ":material/start:", "initialization", "init"),
        Page("mlp/learning_rate", "Learning rate", ":material/speed:", "learning-rate", "lr"),
        Page("mlp/embeddings", "Embeddings", ":material/scatter_plot:", "embeddings", "emb", ("mlp",)),
        Page("mlp/wavenet", "WaveNet", ":material/account_tree:", "wavenet", "wave", ("wavenet",)),
    ],
    "RNN": [
        Page("rnn/numpy_rnn", "RNN from scratch", ":material/history:", "rnn", "rnn", ("rnn",)),
        Page("rnn/gru_lstm", "GRU & LSTM", ":material/memory:", "gru-lstm", "lstm", ("recurrent",)),
    ],
    "Classifiers": [
        Page("classifiers/linear", "Linear", ":material/bubble_chart:", "linear", "linear", LINEAR),
        Page(IMAGE_PAGE, "Images", ":material/image:", "images", "images", ("mlp-classifier", "softmax-regression")),
    ],
    "Inside": [
        Page(
            "inside/activations",
            "Activations & gradients",
            ":material/monitor_heart:",
            "activations",
            "act",
            ("mlp", "wavenet"),
        ),
        Page("inside/batch_norm", "BatchNorm", ":material/align_vertical_center:", "batchnorm", "bn"),
        Page("inside/backprop", "Backprop", ":material/undo:", "backprop", "bp"),
    ],
    "Lab": [
        Page("lab/lessons", "Lessons", ":material/cast_for_education:", "lessons", "lessons"),
        Page("lab/sample", "Sample", ":material/edit_note:", "sample", "sample"),
        Page("lab/runs", "Runs", ":material/table_rows:", "runs", "runs"),
        Page("lab/recipes", "Recipes", ":material/science:", "recipes", "recipes"),
    ],
}
ALL = [page for pages in SECTIONS.values() for page in pages]


def find(folder: str) -> Page:
    """The page of a folder below ``pages/``."""
    return next(page for page in (HOME, *ALL) if page.folder == folder)


def at(url_path: str) -> Page:
    """The page of a path in the address; the default page is also at the root."""
    return next((page for page in ALL if page.url_path == url_path), HOME)


def with_prefix(prefix: str) -> Page:
    """The page whose widgets' keys begin with a prefix."""
    return next(page for page in ALL if page.prefix == prefix)


def page_of(config: "BaseRunConfig") -> Page | None:
    """The page that a run belongs to: the first in the menu that shows it. None if there is none."""
    return next((page for page in ALL if page.shows(config)), None)


# ---------------------------------------------------------------- visits


def enter(url_path: str) -> None:
    """Counts a visit whenever a link, the menu, or the Back or Forward button leads to a page, even to the same one.

    Call it before each full run of a page's script.
    """
    # The flag is not public API. Without it, a step back would look like an update that was already on its way.
    context = get_script_run_ctx()
    if context is not None and st.session_state.pop(FOLLOWS, False):
        context.is_history_navigation = True
    goes_through_history = getattr(context, "is_history_navigation", False)
    if st.session_state.get(CURRENT) != url_path or goes_through_history:
        st.session_state[CURRENT], st.session_state[VISIT] = url_path, visit() + 1


def open_page(page: Page, parameters: Mapping[str, str | list[str]]) -> NoReturn:
    """Opens a page with the settings of an address, and no others: as the Back button does, not as the menu does."""
    st.session_state[FOLLOWS] = True
    if (context := get_script_run_ctx()) is not None:
        with context.session_state.query_params() as address:  # a parameter cannot be set while a widget owns it
            for binding in filter(None, map(address.get_binding_for_param, parameters)):
                address.unbind_widget(binding.widget_id)
    st.switch_page(page.script, query_params=parameters)


def visit() -> int:
    """The number of the visitor's current visit to a page, from 1."""
    number: int = st.session_state.get(VISIT, 0)
    return number
