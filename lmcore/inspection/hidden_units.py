"""What single hidden units of a recurrent network respond to while it reads a text.

Dimensions: L characters of a text, H hidden units.

Source: Karpathy, Johnson and Li 2015, "Visualizing and understanding recurrent networks".
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lmcore.data.corpora import Corpus, Ids
from lmcore.families import SnapshotReader
from lmcore.generation.reader import RecurrentReader

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def hidden_states(reader: RecurrentReader | SnapshotReader, ids: Ids) -> Floats:
    """The hidden state after each character of a text, from an initial state of zeros: indices (L,) to (L, H).

    The units of several layers stand side by side, the lowest layer first.
    """
    model = reader.model
    _, states, _ = model.read(ids, model.initial_state(1))
    result: Floats = states.astype(np.float64)
    return result


def held_out_text(corpus: Corpus, length: int = 1200) -> str:
    """The beginning of the dev split, without characters that cannot be typed in again."""
    text = corpus.vocabulary.decode(corpus.streams["dev"][:length]).replace(corpus.boundary or "\0", " ")
    return "".join(character for character in text if character in corpus.vocabulary.index)


# ---------------------------------------------------------------- units that follow a feature of the text


def _inside_quotes(text: str) -> Flags:
    is_quote = [character in '"“”' for character in text]
    return np.asarray(np.cumsum(is_quote) % 2 == 1)


def _position_in_line(text: str) -> Floats:
    positions, position = np.zeros(len(text)), 0
    for i, character in enumerate(text):
        position = 0 if character == "\n" else position + 1
        positions[i] = position
    return positions


def _per_character(test: Callable[[str], bool]) -> Callable[[str], Flags]:
    return lambda text: np.array([test(character) for character in text])


FEATURES: dict[str, Callable[[str], Floats | Flags]] = {
    "inside quotes": _inside_quotes,
    "position in the line": _position_in_line,
    "white space": _per_character(str.isspace),
    "capital letter": _per_character(str.isupper),
    "vowel": _per_character(lambda character: character.casefold() in "aeiou"),
    "digit": _per_character(str.isdigit),
    "punctuation": _per_character(lambda character: not (character.isalnum() or character.isspace())),
}
"""Features of the last character read, by name: a text of L characters to one number for each, shape (L,)."""


def best_units(text: str, states: Floats) -> pd.DataFrame:
    """For each feature, the unit whose activation correlates with it most strongly.

    Features that are constant over the text are left out.

    Args:
        text: L characters.
        states: hidden states after each of them, shape (L, H).

    Returns:
        Columns feature, unit and correlation (Pearson's, from -1 to 1).
    """
    rows = []
    deviations = states.std(0)  # (H,)
    for name, feature in FEATURES.items():
        values = feature(text).astype(float)  # (L,)
        if values.std() == 0 or not deviations.any():
            continue
        covariances = (values - values.mean()) @ (states - states.mean(0)) / len(values)  # (H,)
        with np.errstate(divide="ignore", invalid="ignore"):
            correlations = np.nan_to_num(covariances / (values.std() * deviations))
        best = int(np.abs(correlations).argmax())
        rows.append({"feature": name, "unit": best, "correlation": float(correlations[best])})
    return pd.DataFrame(rows, columns=["feature", "unit", "correlation"])


def top_phrases(text: str, states: Floats, unit: int, width: int = 24, n: int = 6) -> pd.DataFrame:
    """The phrases of a text at whose ends the activation of a unit is highest. No two of them overlap.

    Args:
        text: L characters.
        states: hidden states after each of them, shape (L, H).
        unit: from 0 to H - 1.
        width: characters per phrase.
        n: maximum number of phrases.

    Returns:
        Columns phrase and activation, highest first.
    """
    rows: list[dict[str, object]] = []
    ends: list[int] = []
    for end in np.argsort(-states[:, unit], kind="stable").tolist():
        if all(abs(end - other) >= width for other in ends):
            ends.append(end)
            rows.append({"phrase": text[max(0, end + 1 - width) : end + 1], "activation": float(states[end, unit])})
        if len(rows) == n:
            break
    return pd.DataFrame(rows, columns=["phrase", "activation"])
