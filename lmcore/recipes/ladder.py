"""The loss ladder: models of one text, from uniform guessing on, by their loss on the dev split."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from lmcore import families, strict_json
from lmcore.config import Config, Field
from lmcore.data import corpora
from lmcore.data.corpora import CorpusConfig
from lmcore.errors import UserError
from lmcore.generation.baselines import UNIFORM, baseline_losses
from lmcore.training.config import RunConfig
from lmcore.training.layered import LayeredTrainer

COUNTED = (UNIFORM, "unigram", "bigram")
"""Baselines on the ladder: they cost no training."""


class Rung(Config):
    """A model on the ladder."""

    name: str = Field(description="Name of the baseline or of the model family.")
    loss: float = Field(ge=0, description="Loss on the dev split, in nats per character.")
    config: RunConfig | None = Field(None, description="The run that reached it; None for a baseline.")


class Ladder(Config):
    """Models of one text, from the highest loss to the lowest."""

    corpus: CorpusConfig = Field(description="The text.")
    rungs: tuple[Rung, ...] = Field(description="The models.")

    @classmethod
    def read(cls, path: Path) -> Self:
        """The ladder that `save` wrote.

        Raises:
            UserError: if the file is not one.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except ValueError as error:
            raise UserError(f"{path.name} is not a loss ladder: {str(error)[:200]}") from None

    def save(self, path: Path) -> None:
        """Writes the ladder as JSON."""
        path.write_text(strict_json.dumps(self.model_dump(mode="json"), indent=1) + "\n", encoding="utf-8")


def counted_rungs(corpus: CorpusConfig) -> list[Rung]:
    """The baselines, recomputed."""
    losses = baseline_losses(corpora.load(corpus), "dev")
    return [Rung(name=name, loss=losses[name]) for name in COUNTED]


def trained_rung(config: RunConfig) -> Rung:
    """A model after the last step of its run."""
    trainer: LayeredTrainer = families.make_trainer(config)
    trainer.train(config.train.steps)
    return Rung(name=config.family, loss=trainer.evaluate("dev"), config=config)


def climb(corpus: CorpusConfig, configs: Sequence[RunConfig]) -> Ladder:
    """The ladder of a text: the baselines, and models that are trained for it.

    Args:
        corpus: the text.
        configs: of the runs, on the same text.
    """
    rungs = [*counted_rungs(corpus), *map(trained_rung, configs)]
    return Ladder(corpus=corpus, rungs=tuple(sorted(rungs, key=lambda rung: -rung.loss)))
