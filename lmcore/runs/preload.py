"""Imported once, by the process that workers are forked from: what they need, and the text that every page opens with."""

import lmcore.runs.worker  # noqa: F401
from lmcore.data import corpora

corpora.load(corpora.CorpusConfig())
