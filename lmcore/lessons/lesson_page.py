"""What a lesson may use on a page: its settings, what can be done there, and what to point at.

`lmcore.lessons.pages` says it for each page.
"""

import copy
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import AfterValidator, create_model

from lmcore import families
from lmcore.config import Config, Field
from lmcore.data.corpora import CorpusConfig
from lmcore.inspection.initialization import PRESETS
from lmcore.inspection.treatments import HEALTHY
from lmcore.models.ngram import SMOOTHING
from lmcore.training.config import TrainConfig

TEXT = ("alphabet", "lower_case", "only_letters", "drop_duplicates", "max_vocabulary", "split_seed")
"""Settings of the text, which all pages share that have one."""

RUN_ACTIONS = ("start", "pause", "step", "rewind", "reset", "fork", "sample")


@dataclass(frozen=True)
class Place:
    """Something on a page: a widget, or a component or one of its parts."""

    key: str  # of the widget or component
    part: str = ""  # beginning of the heading or of the alternative text of one part of a component
    tab: str = ""  # title of the tab that must be open
    needs_run: bool = False  # whether it appears only after the first step of a run


@dataclass(frozen=True)
class LessonPage:
    """A page that a lesson may open.

    Keys that begin with "." or "_" follow the page's prefix (`places.full_key`).
    """

    settings: type[Config]  # all its settings by flat name, with the page's defaults
    places: Mapping[str, Place]  # by name
    actions: Collection[str] = ()  # what `Do` can do there
    family: str = ""  # of the runs that it starts; "" if it starts none
    tabs: str = ""  # key of its row of tabs
    decides: str = ""  # the setting that decides which others there are
    variants: Mapping[str, type[Config]] = field(default_factory=dict)  # all settings, by its values
    keys: Mapping[str, str] = field(default_factory=dict)  # of the widgets of settings, where the names do not say it

    @property
    def reads_text(self) -> bool:
        """Whether the page shows the lesson's text."""
        return TEXT[0] in self.settings.model_fields

    def settings_with(self, given: Mapping[str, Any]) -> type[Config]:
        """All settings that the page has when some have given values."""
        return self.variants.get(str(given.get(self.decides)), self.settings)


# ---------------------------------------------------------------- settings


def one_of(choices: Collection[Any]) -> AfterValidator:
    """Refuses every value that a page does not offer."""

    def check(value: Any) -> Any:
        if value not in choices:
            raise ValueError(f"choose one of: {', '.join(map(str, choices))}")
        return value

    return AfterValidator(check)


class SpecialSettings(Config):
    """Settings of single pages that no other config has."""

    gain: float = Field(HEALTHY["gain"], ge=0.5, le=3.0, description="Gain of the hidden weights.")
    context: int = Field(3, ge=1, le=16, description="Length of the sliding windows in characters.")
    preset: Annotated[str, one_of(PRESETS)] = Field(next(iter(PRESETS)), description="Initialization by name.")
    smoothing: Annotated[float, one_of(SMOOTHING)] = Field(1.0, description="k of add-k smoothing.")
    batch_size: Annotated[int, one_of([2, 4, 8, 16, 32, 64, 128, 256])] = Field(32, description="Examples per batch.")
    unit: int = Field(1, ge=1, le=100, description="Hidden unit to look at.")


def flat_settings(
    *parts: tuple[type[Config], Collection[str]],
    defaults: Mapping[str, Any] | None = None,
    names: Mapping[str, str] | None = None,
) -> type[Config]:
    """One flat config of some fields of others.

    Args:
        parts: configs, each with the flat names of its fields.
        defaults: of the page, where they differ from those of the configs.
        names: of fields in their configs, where they differ from the flat ones.
    """
    fields: dict[str, Any] = {}
    for config, flat_names in parts:
        for name in flat_names:
            info = copy.copy(config.model_fields[(names or {}).get(name, name)])
            info.default = (defaults or {}).get(name, info.default)
            fields[name] = (info.annotation, info)
    return create_model("Settings", __base__=Config, **fields)


# ---------------------------------------------------------------- places

_TEXT_PLACES = {"text": Place("text")}
_RUN_PLACES = {
    "start button": Place(".go"),
    "one step button": Place(".step"),
    "reset button": Place(".reset"),
}


def setting_places(names: Collection[str]) -> dict[str, Place]:
    """The widgets of settings, named as they are labeled, in lower case."""
    return {name.replace("_", " "): Place(f"_{name}") for name in names}


def panel(tab: str = "") -> dict[str, Place]:
    """The live pictures of a language model's run, and the slider that selects a snapshot."""
    return {
        "numbers": Place(".live", tab=tab),
        "loss chart": Place(".live", "Loss curve", tab),
        "next character": Place(".live", "Heatmap of the probability", tab),
        "samples": Place(".live", "Samples", tab),
        "time slider": Place(".at", tab=tab, needs_run=True),
        "play button": Place(".play", tab=tab, needs_run=True),
    }


def charts(key: str, tab: str = "", **parts: str) -> dict[str, Place]:
    """Charts of one component: their names, with _ for spaces, and the beginnings of their alternative texts."""
    return {name.replace("_", " "): Place(key, part, tab) for name, part in parts.items()}


# ---------------------------------------------------------------- pages


def text_page(
    places: Mapping[str, Place],
    *parts: tuple[type[Config], Collection[str]],
    defaults: Mapping[str, Any] | None = None,
    tabs: str = "",
    actions: Collection[str] = (),
) -> LessonPage:
    """A page that starts no run."""
    return LessonPage(
        flat_settings(*parts, (CorpusConfig, TEXT), defaults=defaults), _TEXT_PLACES | dict(places), actions, tabs=tabs
    )


def run_page(
    family: str,
    model: Collection[str],
    train: Collection[str],
    places: Mapping[str, Place],
    defaults: Mapping[str, Any] | None = None,
    tabs: str = "",
    hidden: Collection[str] = (),
) -> LessonPage:
    """A page that trains models of a family.

    Args:
        family: of the models.
        model: settings of the model that the page has widgets for.
        train: settings of the training that it has widgets for.
        places: on the page, beside its text, its buttons and these widgets.
        defaults: of the page, where they differ from those of the configs.
        tabs: key of the row of tabs.
        hidden: settings whose widgets disappear with the first step.
    """
    found = families.find(family)
    config = flat_settings(
        *((found.config if name in found.config.model_fields else SpecialSettings, [name]) for name in model),
        (TrainConfig, train),
        (CorpusConfig, TEXT),
        defaults={**found.train_defaults, **(defaults or {})},
    )
    widgets = setting_places([name for name in (*model, *train) if name not in hidden])
    named = _TEXT_PLACES | _RUN_PLACES | widgets | dict(places)
    return LessonPage(config, named, RUN_ACTIONS, family, tabs)


def classifier_page(
    variants: Mapping[str, type[Config]], decides: str, family: str, data: Collection[str], places: Mapping[str, Place]
) -> LessonPage:
    """A page that trains classifiers; its settings are those of its first variant until a lesson chooses another one.

    Args:
        variants: all settings, by the value of the setting that decides.
        decides: name of that setting.
        family: of the models, by default.
        data: settings of the data in any variant.
        places: on the page, beside its buttons and the widgets of its settings.
    """
    settings, *_ = variants.values()
    keys = {name: f"_data_{name}" for name in data} | {"data": "_data_source", "data_seed": "_data_seed"}
    keys["model"] = "_family"
    widgets = {name.replace("_", " "): Place(keys.get(name, f"_{name}")) for name in settings.model_fields}
    actions = [action for action in RUN_ACTIONS if action != "sample"]
    return LessonPage(settings, _RUN_PLACES | widgets | dict(places), actions, family, "_tab", decides, variants, keys)
