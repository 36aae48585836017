"""Imported once, by the process that workers are forked from: what they need, and the text that pages open with."""

import lmcore.runs.worker  # noqa: F401
from lmcore.data import corpora

corpora.load(corpora.CorpusConfig())
