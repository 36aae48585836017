"""The way from a run to the page that shows it."""

from lmcore.config import TaskConfig
from lmcore.datasets import IMAGES

_PAGE_OF = {
    "mlp": "train/mlp.py",
    "wavenet": "train/wavenet.py",
    "neural-bigram": "count/neural_bigram.py",
    "rnn": "remember/rnn.py",
    "recurrent": "remember/lstm.py",
    "logistic-regression": "classify/linear.py",
    "softmax-regression": "classify/linear.py",
    "mlp-classifier": "classify/images.py",
}


def page_of(config: TaskConfig) -> str | None:
    """The file in pages/ of the page that shows a run; None if there is none."""
    if config.data_name in IMAGES:
        return "classify/images.py"
    return _PAGE_OF.get(config.family)
