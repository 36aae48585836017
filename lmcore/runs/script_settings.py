"""The training settings of an exported script: numbers where they never change, a schedule where they do."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from lmcore.training.config import BaseTrainConfig
from lmcore.training.history import Change


class Settings:
    """The training settings of an experiment: their initial values and how they change.

    Args:
        train: the settings of the first step.
        changes: settings that changed during the run.
        steps: those that the script takes; later changes are left out.
        unused: names of settings that do not affect the losses.
    """

    def __init__(
        self, train: BaseTrainConfig, changes: Sequence[Change], steps: int, unused: Collection[str] = ()
    ) -> None:
        self.train = train
        self.changes = _effective_changes(train, changes, steps, unused)
        names = sorted({name for changed in self.changes.values() for name in changed})
        self.varied = {name: self.initial(name) for name in names}  # initial values of the settings that change

    def initial(self, name: str) -> Any:
        """The value of a setting in the first step."""
        return getattr(self.train, name)

    def values(self, name: str) -> list[Any]:
        """All values that a setting takes, without repeats."""
        later = [changed[name] for changed in self.changes.values() if name in changed]
        return list(dict.fromkeys([self.initial(name), *later]))

    def is_used(self, name: str) -> bool:
        """Whether a setting is ever on, or not zero."""
        return any(self.values(name))

    @property
    def is_scheduled(self) -> bool:
        """Whether the learning rate of a language model depends on the step."""
        return self.values("schedule") != ["constant"] or self.is_used("warmup")

    def penalties(self, weights: Mapping[str, Sequence[str]]) -> list[tuple[tuple[str, ...], list[str]]]:
        """The names of the L2 settings in use, and the weight matrices to which they apply.

        Args:
            weights: names of the weight matrices by group; each group may have an L2 setting of its own.
        """
        merged: dict[tuple[str, ...], list[str]] = {}
        for group, matrices in weights.items():
            candidates = ("l2", f"l2_{group}") if group else ("l2",)
            if names := tuple(name for name in candidates if self.is_used(name)):
                merged.setdefault(names, []).extend(matrices)
        return list(merged.items())


def _effective_changes(
    train: BaseTrainConfig, changes: Sequence[Change], steps: int, unused: Collection[str]
) -> dict[int, dict[str, Any]]:
    """By step, the settings that take another value there and affect the losses."""
    current, effective = train, {}
    for step in sorted({change.step for change in changes if change.step < steps}):
        given: dict[str, Any] = {}
        for change in changes:
            given |= change.settings if change.step == step else {}
        updated = current.updated(**given)
        names = [name for name in given if name not in unused]
        changed = {name: getattr(updated, name) for name in names if getattr(updated, name) != getattr(current, name)}
        current = updated
        if changed:
            effective[step] = changed
    return effective
