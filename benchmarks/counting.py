"""Counting, smoothing and the neural bigram: are they quick enough to play with?

    python -m benchmarks.counting [--text FILE]

Times the best of seven rounds taken in turn; the slider is moved in a browser, on a server of its own.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
from playwright.sync_api import sync_playwright

from lmcore.data import corpora, sources
from lmcore.data.corpora import CorpusConfig
from lmcore.models.ngram import bigram_counts
from lmcore.training.training import RunConfig, Trainer
from tests.browser.conftest import CHROMIUM, FLAGS, Server, idle, visit

LONG = 3_200_000  # characters, as War and Peace has


def timed(action: Callable[[], object]) -> float:
    """Seconds."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def long_text(file: str | None) -> str:
    """The given text, else the built-in one repeated to the same length."""
    if file:
        return Path(file).read_text(encoding="utf-8")
    text = sources.read("python-source")
    return (text * (LONG // len(text) + 1))[:LONG]


def slider_seconds(moves: int = 9) -> list[float]:
    """Seconds from a key on the smoothing slider to the new heatmap on the screen."""
    server = Server(Path(tempfile.mkdtemp()))
    try:
        with sync_playwright() as playwright:
            page = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS).new_page()
            visit(page, f"{server.url}/bigram?bigram_tab=Smoothing")
            page.get_by_role("tab", name="Smoothing").click()
            page.wait_for_selector(".js-plotly-plot .nsewdrag")
            idle(page)
            handle = page.get_by_role("slider", name="Smoothing k")
            handle.focus()
            page.evaluate(
                """() => document.querySelectorAll('.js-plotly-plot').forEach(
                    node => node.on('plotly_afterplot', () => { window.drawn = performance.now(); }))"""
            )
            taken = []
            for move in range(moves):
                page.evaluate("window.drawn = 0")
                pressed = page.evaluate("performance.now()")
                handle.press("ArrowRight" if move % 2 else "ArrowLeft")
                page.wait_for_function("window.drawn > 0")
                taken.append((page.evaluate("window.drawn") - pressed) / 1000)
                idle(page)
            return taken
    finally:
        server.end()


@click.command()
@click.option("--text", help="A text to count, as War and Peace.")
def main(text: str | None) -> None:
    """Prints the figures."""
    corpus = corpora.from_text(long_text(text), config=CorpusConfig(units="running"))
    V = len(corpus.vocabulary)
    trainer = Trainer(RunConfig.from_flat({"family": "neural-bigram", "learning_rate": 50, "full_batch": True}))
    counting, descending = [], []
    for _ in range(7):
        counting.append(timed(lambda: bigram_counts(corpus.stream, V, corpus.is_documents)))
        descending.append(timed(lambda: trainer.train(1000)))
    print(f"counting {len(corpus.stream):,} characters of {V}: {min(counting):.3f} s")
    print(f"1,000 full-batch steps of the neural bigram: {min(descending):.3f} s")
    moves = sorted(slider_seconds())
    print(f"smoothing slider to the new picture: median {moves[len(moves) // 2]:.3f} s, worst {moves[-1]:.3f} s")


if __name__ == "__main__":
    main()
