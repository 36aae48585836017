"""Texts and data sets, read by a worker and kept for all visitors."""

from lmcore.cache import cached
from lmcore.data import corpora, datasets, sources
from lmcore.data.corpora import Corpus, CorpusConfig
from lmcore.data.datasets import Dataset
from lmcore.data.detection import Encoding
from lmcore.data.sources import Located
from lmcore.families import AnyRunConfig
from lmcore.training.config import ClassifierRunConfig
from ui.computed import announced, computed
from ui.server import engine


@cached(max_bytes=600_000_000, size_of=corpora.n_bytes, is_data=True)
def _corpus(config: CorpusConfig) -> Corpus:
    """The text of a config. Errors as for `corpora.load`."""
    return corpora.assemble(engine().compute(corpora.parts, config))


corpus = announced(_corpus, "Reading the text…")
dataset = computed(datasets.load, 1_000_000_000, "Loading the data…", is_data=True)


def data_of(config: AnyRunConfig) -> Corpus | Dataset:
    """What a run learns from. Errors as for `families.load_data`."""
    return dataset(config.data) if isinstance(config, ClassifierRunConfig) else corpus(config.corpus)


def locate(name: str, encoding: Encoding) -> Located:
    """The source of a text and its encoding. Errors as for `sources.locate`."""
    if sources.is_built_in(name):
        return Located(name, "auto")
    located: Located = engine().compute(sources.locate, name, encoding)
    return located


split_sizes = computed(corpora.split_sizes, 1_000_000, "Reading the text…")
