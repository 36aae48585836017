"""The pages of the app, section by section, in the order of the course."""

from pathlib import Path
from typing import NamedTuple

from lmcore.config import TaskConfig
from lmcore.data.datasets import IMAGES

PAGES = Path(__file__).parent.parent / "pages"


class Page(NamedTuple):
    """A page of the menu: its folder below ``pages/``, its title, its icon, and its path in the address."""

    folder: str
    title: str
    icon: str
    url_path: str

    @property
    def script(self) -> Path:
        """The script that composes the page."""
        return PAGES / self.folder / "page.py"


SECTIONS: dict[str, list[Page]] = {
    "Data": [Page("data/dataset", "Dataset", ":material/menu_book:", "dataset")],
    "Counting": [
        Page("counting/bigram", "Bigram", ":material/grid_on:", "bigram"),
        Page("counting/neural_bigram", "Neural bigram", ":material/gradient:", "neural-bigram"),
    ],
    "MLP": [
        Page("mlp/mlp", "MLP", ":material/hub:", "mlp"),
        Page("mlp/initialization", "Initialization", ":material/start:", "initialization"),
        Page("mlp/learning_rate", "Learning rate", ":material/speed:", "learning-rate"),
        Page("mlp/embeddings", "Embeddings", ":material/scatter_plot:", "embeddings"),
        Page("mlp/wavenet", "WaveNet", ":material/account_tree:", "wavenet"),
    ],
    "RNN": [
        Page("rnn/numpy_rnn", "RNN from scratch", ":material/history:", "rnn"),
        Page("rnn/gru_lstm", "GRU & LSTM", ":material/memory:", "gru-lstm"),
    ],
    "Classifiers": [
        Page("classifiers/linear", "Linear", ":material/bubble_chart:", "linear"),
        Page("classifiers/images", "Images", ":material/image:", "images"),
    ],
    "Inside": [
        Page("inside/activations", "Activations & gradients", ":material/monitor_heart:", "activations"),
        Page("inside/batch_norm", "BatchNorm", ":material/align_vertical_center:", "batchnorm"),
        Page("inside/backprop", "Backprop", ":material/undo:", "backprop"),
    ],
    "Lab": [
        Page("lab/sample", "Sample", ":material/edit_note:", "sample"),
        Page("lab/runs", "Runs", ":material/table_rows:", "runs"),
        Page("lab/recipes", "Recipes", ":material/science:", "recipes"),
    ],
}
DEFAULT = "mlp/mlp"

PAGE_OF_FAMILY = {
    "mlp": "mlp/mlp",
    "wavenet": "mlp/wavenet",
    "neural-bigram": "counting/neural_bigram",
    "rnn": "rnn/numpy_rnn",
    "recurrent": "rnn/gru_lstm",
    "logistic-regression": "classifiers/linear",
    "softmax-regression": "classifiers/linear",
    "mlp-classifier": "classifiers/images",
}


def find(folder: str) -> Page:
    """The page of a folder below ``pages/``."""
    return next(page for pages in SECTIONS.values() for page in pages if page.folder == folder)


def page_of(config: TaskConfig) -> Page:
    """The page that shows the runs of a config's family; classifiers of images have a page of their own."""
    return find("classifiers/images" if config.data_name in IMAGES else PAGE_OF_FAMILY[config.family])
