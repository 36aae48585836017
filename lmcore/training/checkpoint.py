"""The checkpoint format: how arrays are named, and how a run becomes one safetensors file.

A state dict maps names to NumPy arrays. Names of parts are separated by a slash:

    weights                     all weights of the model, one vector
    statistics/<layer>.<name>   running statistics of batch normalization
    optimizer/<name>            moments of the optimizer
    hidden_state/<i>            hidden state that a recurrent network carries from sequence to sequence
    best/weights                weights with the lowest smoothed loss so far
    generator, step, ...        everything else that the next step depends on

The file of a run holds its state dict below ``state/``, its history below ``history/``, and what snapshot i keeps below
``snapshot/<i>/`` and, where it differs, ``resume/<i>/``. Everything that is not an array stands in one JSON record in
the file's metadata, beside the version of the format. A metric that is not finite is null there.
"""

import json
from collections.abc import Mapping
from typing import Any

import safetensors.numpy
from numpy.typing import NDArray

from lmcore import strict_json
from lmcore.errors import UserError

FORMAT_VERSION = 1
"""Version of the run format. A file of another version is refused."""

WEIGHTS = "weights"
STATISTICS, OPTIMIZER, HIDDEN_STATE, BEST = "statistics/", "optimizer/", "hidden_state/", "best/"

Arrays = dict[str, NDArray[Any]]


def add_prefix(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> Arrays:
    """The same arrays, each name with a prefix."""
    return {prefix + name: array for name, array in arrays.items()}


def strip_prefix(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> Arrays:
    """The arrays whose names begin with a prefix, by the rest of their names."""
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def encode_state(state: Mapping[str, NDArray[Any]]) -> bytes:
    """A state dict as bytes (safetensors)."""
    content: bytes = safetensors.numpy.save(dict(state))
    return content


def decode_state(content: bytes) -> Arrays:
    """The state dict that `encode_state` encoded."""
    arrays: Arrays = safetensors.numpy.load(content)
    return arrays


def encode_run(record: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """A run's record and arrays as one file, so that they can never be torn apart."""
    metadata = {"format": str(FORMAT_VERSION), "run": strict_json.dumps(record)}
    content: bytes = safetensors.numpy.save(dict(arrays), metadata=metadata)
    return content


def decode_run(content: bytes) -> tuple[dict[str, Any], Arrays]:
    """The record and the arrays that `encode_run` encoded.

    Raises:
        UserError: if the file has another version of the format.
    """
    return parse_record(read_metadata(content)), decode_state(content)


def read_metadata(content: bytes) -> dict[str, str]:
    """The metadata in the header of a safetensors file in memory; empty if there is none."""
    length = int.from_bytes(content[:8], "little")
    metadata: dict[str, str] = json.loads(content[8 : 8 + length]).get("__metadata__") or {}
    return metadata


def parse_record(metadata: Mapping[str, str] | None) -> dict[str, Any]:
    """The record of a run from the metadata of its file.

    Raises:
        UserError: if the file has another version of the format.
    """
    check_version((metadata or {}).get("format"))
    record: dict[str, Any] = json.loads((metadata or {})["run"])
    return record


def check_version(found: Any) -> None:
    """Refuse a run of another version of the format.

    Raises:
        UserError: names both versions.
    """
    if str(found) != str(FORMAT_VERSION):
        given = str(found)[:20] if found is not None else "none"
        raise UserError(
            f"The run has format version {given}; this version of Glassbox reads version {FORMAT_VERSION}. "
            "Open it with the version of Glassbox that saved it, or start a new run."
        )
