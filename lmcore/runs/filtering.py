"""A list of runs: their display names, and filters."""

from collections import Counter
from collections.abc import Collection, Sequence

from lmcore.runs.settings import describe_settings
from lmcore.runs.store import Header


def display_names(headers: Sequence[Header]) -> dict[str, str]:
    """A distinct name for each run, by its id: its own name, or its model family with the start of its id.

    The start of the id is also added where two names are equal. Names are plain text, never markup.
    """
    names = {header.id: header.annotations.name or header.config.family for header in headers}
    counts = Counter(names.values())
    unnamed = {header.id for header in headers if not header.annotations.name}
    return {
        run_id: f"{name} {run_id[:4]}" if counts[name] > 1 or run_id in unnamed else name
        for run_id, name in names.items()
    }


def filter_runs(
    headers: Sequence[Header],
    text: str = "",
    families: Collection[str] = (),
    data: Collection[str] = (),
    statuses: Collection[str] = (),
    starred: bool = False,
) -> list[Header]:
    """The runs that match all filters; an empty filter matches every run.

    Args:
        headers: the runs.
        text: words that must all occur in the run's name, note, id, model family, data or settings.
        families: model families.
        data: names of texts and data sets.
        statuses: see `lmcore.runs.run.Status`.
        starred: only runs with a star.
    """
    words = text.casefold().split()
    return [
        header
        for header in headers
        if (not families or header.config.family in families)
        and (not data or header.config.data_name in data)
        and (not statuses or header.status in statuses)
        and (not starred or header.annotations.starred)
        and (not words or _contains_all(header, words))
    ]


def _contains_all(header: Header, words: Collection[str]) -> bool:
    config, annotations = header.config, header.annotations
    fields = [annotations.name, annotations.note, header.id, config.family, config.data_name, describe_settings(config)]
    text = " ".join(fields).casefold()
    return all(word in text for word in words)
