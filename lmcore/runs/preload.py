"""Imported once, by the process that workers are forked from: what they need, and the text that pages open with."""

from sklearn import datasets, metrics, model_selection  # noqa: F401

import lmcore.inspection.confusion
import lmcore.inspection.ngrams  # noqa: F401
from lmcore.data import corpora, corpus_summary
from lmcore.runs import worker

worker.use_one_thread()
corpora.split_sizes(corpora.load(corpora.CorpusConfig()))
corpus_summary.summarize(corpora.load(corpora.CorpusConfig()))
