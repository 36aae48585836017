"""Counting, smoothing and the neural bigram: fast enough to play with?

    python -m benchmarks.counting [--text FILE]

The shortest of seven rounds counts. The slider is moved in a browser, on a server of its own.
"""

import statistics
from pathlib import Path

import click

from benchmarks.turns import take_turns
from benchmarks.visitor import visitor
from lmcore.data import corpora, sources
from lmcore.data.corpora import CorpusConfig
from lmcore.families import make_trainer, run_config_from_settings
from lmcore.models.ngram import bigram_counts

LENGTH = 3_200_000
"""Characters to count, about as many as War and Peace has."""


def long_text(file: str | None) -> str:
    """The given text, or a built-in one repeated to `LENGTH`."""
    if file:
        return Path(file).read_text(encoding="utf-8")
    text = sources.read("python-source").text
    return (text * (LENGTH // len(text) + 1))[:LENGTH]


def slider_seconds(moves: int = 9) -> list[float]:
    """Seconds from a key on the smoothing slider to the new heatmap on the screen."""
    taken = []
    with visitor() as tab:
        tab.open("/bigram?bigram_tab=Smoothing")
        heatmap = tab.chart("smoothed").wait()
        tab.wait_until_idle()
        heatmap.evaluate("node.on('plotly_afterplot', () => { window.drawn = performance.now(); })")
        thumb = tab.widget("smoothing").get_by_role("slider")
        for move in range(moves):
            tab.page.evaluate("window.drawn = 0")
            pressed = tab.page.evaluate("performance.now()")
            thumb.press("ArrowRight" if move % 2 else "ArrowLeft")
            tab.page.wait_for_function("window.drawn > 0")
            taken.append((tab.page.evaluate("window.drawn") - pressed) / 1000)
            tab.wait_until_idle()
    return taken


@click.command()
@click.option("--text", help="A text file to count.")
def main(text: str | None) -> None:
    """Print the seconds that each takes."""
    corpus = corpora.from_text(long_text(text), config=CorpusConfig(units="running"))
    V = len(corpus.vocabulary)
    settings = {"family": "neural-bigram", "learning_rate": 50, "full_batch": True}
    trainer = make_trainer(run_config_from_settings(settings))
    loops = {
        f"counting {len(corpus.stream):,} characters of {V}": (
            lambda: bigram_counts(corpus.stream, V, corpus.is_documents)
        ),
        "1,000 full-batch steps of the neural bigram": lambda: trainer.train(1000),
    }
    for name, seconds in take_turns(loops, rounds=7).items():
        print(f"{name}: {min(seconds):.3f} s")
    moves = slider_seconds()
    print(f"smoothing slider to the new heatmap: median {statistics.median(moves):.3f} s, worst {max(moves):.3f} s")


if __name__ == "__main__":
    main()
