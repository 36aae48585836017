"""Counting, smoothing and the neural bigram: fast enough to play with?

    python -m benchmarks.counting [--text FILE]

The shortest round counts. The slider is moved in a browser, on a server of its own.
"""

import statistics
from pathlib import Path

import click

from benchmarks.turns import Row, table, take_turns
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


def measure(rounds: int, text: str | None = None) -> list[Row]:
    """Seconds of each; of the loops, the shortest round."""
    corpus = corpora.from_text(long_text(text), config=CorpusConfig(units="running"))
    V = len(corpus.vocabulary)
    settings = {"family": "neural-bigram", "learning_rate": 50, "full_batch": True}
    trainer = make_trainer(run_config_from_settings(settings))
    counting = f"counting {len(corpus.stream):,} characters of {V}"
    loops = {
        counting: lambda: bigram_counts(corpus.stream, V, corpus.is_documents),
        "1,000 full-batch steps of the neural bigram": lambda: trainer.train(1000),
    }
    seconds = take_turns(loops, rounds)
    rows = [
        Row(name, min(seconds[name]), goal, "s", at_least=False) for name, goal in zip(loops, (0.2, 1.0), strict=True)
    ]
    moves = slider_seconds()
    return [
        *rows,
        Row("smoothing slider to the new heatmap, median", statistics.median(moves), 0.3, "s", at_least=False),
        Row("smoothing slider to the new heatmap, slowest", max(moves), None, "s"),
    ]


@click.command()
@click.option("--text", help="A text file to count.")
@click.option("--rounds", default=7, show_default=True)
def main(text: str | None, rounds: int) -> None:
    """Print the table."""
    print(table(measure(rounds, text)))


if __name__ == "__main__":
    main()
