"""The commands that need no model: the list of texts, and counting."""

import sys
from typing import Any

import click

from lmcore.commands.console import options_of, print_json
from lmcore.commands.settings import encoding_option, text_option, text_settings
from lmcore.data import corpora, downloads, sources
from lmcore.data.corpora import SPLITS, CorpusConfig
from lmcore.errors import UserError
from lmcore.generation.reader import WindowReader
from lmcore.generation.sampling import SampleConfig, sample_in_turn
from lmcore.inspection.ngrams import describe_score
from lmcore.models.ngram import CountConfig, NGram, score


@click.command("corpora")
@click.option("--download", metavar="NAME", help="Download this text of the catalog.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_corpora(download: str | None, as_json: bool) -> None:
    """List the texts that --data can name, or download one."""
    if download:
        _download(download)
    listed = sources.sources()
    if as_json:
        print_json({source.name: {"title": source.title, "available": source.is_available} for source in listed})
        return
    for source in listed:
        state = "" if source.is_available else "  (not downloaded)"
        click.echo(f"{source.name:20} {source.title}{state}")


def _download(name: str) -> None:
    source = next((source for source in sources.catalog() if source.name == name), None)
    if source is None or source.remote_file is None:
        listed = ", ".join(source.name for source in sources.catalog())
        raise UserError(f"The catalog has no text {name!r}. Choose one of: {listed}.")
    with click.progressbar(length=source.remote_file.size, label=source.title, file=sys.stderr) as bar:
        downloads.download(source.remote_file, lambda done, total: bar.update(done - bar.pos))


@click.command()
@text_option
@encoding_option
@options_of(CountConfig)
@click.option("--score", "words", multiple=True, metavar="WORD", help="A text to score; may be repeated.")
@click.option("--samples", default=0, help="Number of texts to draw, one after the other from one generator.")
@click.option("--seed", default=2147483647, show_default=True, help="Seed of the random generator.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def count(
    data: str, encoding: str, words: tuple[str, ...], samples: int, seed: int, as_json: bool, **options: Any
) -> None:
    """Count n-grams and print losses, scores and samples. Nothing is trained."""
    corpus = corpora.load(CorpusConfig.parse(text_settings(data, encoding)))
    for remark in corpus.remarks:
        click.echo(remark, err=True)
    model = NGram(corpus, CountConfig.parse(options))
    reader = WindowReader(model, model.config.order - 1)
    scores = {word: score(model, corpus, word) for word in words}
    losses = {"all": model.loss(corpus, "all")} | {split: model.loss(corpus, split) for split in SPLITS}
    result: dict[str, Any] = {
        "loss": losses,
        "contexts": len(model.contexts),
        "scores": {word: scored.loss for word, scored in scores.items()},
        "samples": sample_in_turn(reader, corpus, SampleConfig.parse({"count": samples, "seed": seed}))
        if samples
        else [],
    }
    if as_json:
        print_json(
            result, {"scores": {word: describe_score(scored) for word, scored in scores.items() if scored.impossible}}
        )
        return
    # a count over all of the text has seen its dev and test splits
    remark = "  (on all text, not held out)" if model.config.counted == "all" else ""
    for part, loss in losses.items():
        click.echo(f"{part:6} {loss:.6f} nats per character{remark}" if loss is not None else f"{part:6} -")
    for word, scored in scores.items():
        click.echo(f"{word}: {describe_score(scored)}")
    for text in result["samples"]:
        click.echo(text)
