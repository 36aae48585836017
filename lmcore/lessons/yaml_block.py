"""A small subset of YAML for files of others: text, numbers, true, false and null in lists and mappings, nothing else.

There are no anchors, aliases, tags or dates, and no name may be given twice. Everything knows the line it stands on.
"""

import re
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from lmcore.errors import UserError

MAX_CHARACTERS = 10_000
MAX_DEPTH = 6

Path = tuple[str | int, ...]


def refuse(line: int, reason: str) -> UserError:
    """The error of a line of a lesson file."""
    return UserError(f"Line {line}: {reason}")


@dataclass(frozen=True)
class Block:
    """A mapping that was read."""

    values: dict[str, Any]
    lines: dict[Path, int]  # of the lesson file, by the names and indices that lead to each value

    def line(self, path: Path) -> int:
        """The line of a value, or of the innermost value around it that has one."""
        while path not in self.lines:
            path = path[:-1]
        return self.lines[path]


class _Loader(yaml.SafeLoader):
    """Recognizes fewer kinds of values than YAML 1.1: `no` and `2024-01-01` are text, and 1e-3 is a number."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|false", "tf"),
    ("null", r"null|~|", ["n", "~", ""]),
    ("int", r"[-+]?(0|[1-9][0-9]{0,14})", "-+0123456789"),
    ("float", r"[-+]?[0-9]{1,15}(\.[0-9]{0,15})?([eE][-+]?[0-9]{1,2})?", "-+0123456789"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), list(_first))


def read(text: str, first_line: int) -> Block:
    """The mapping that a text describes.

    Args:
        text: YAML.
        first_line: the number that its first line has in the lesson file.

    Raises:
        UserError: names the line and what is wrong there.
    """
    if len(text) > MAX_CHARACTERS:
        raise refuse(first_line, f"This block has {len(text):,} characters; at most {MAX_CHARACTERS:,} are allowed.")
    try:
        _check_events(text, first_line)
        loader = _Loader(text)
        node = loader.get_single_node()
        lines: dict[Path, int] = {(): first_line}
        if not isinstance(node, MappingNode):
            raise refuse(first_line, "This block must consist of lines such as `name: value`.")
        _number_lines(node, (), first_line, lines)
        return Block(loader.construct_document(node), lines)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise refuse(first_line + (mark.line if mark else 0), f"This is not YAML: {error.problem}.") from None
    except (yaml.YAMLError, ValueError, OverflowError):  # the last two for escapes such as "\\UFFFFFFFF"
        raise refuse(first_line, "This block contains characters that YAML does not allow.") from None


def _check_events(text: str, first_line: int) -> None:
    """Refuses what the subset lacks before anything is built from it."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        line = first_line + (event.start_mark.line if event.start_mark else 0)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise refuse(line, "Anchors (&) and aliases (*) are not allowed; put such a text in quotes.")
        if getattr(event, "tag", None) is not None:
            raise refuse(line, "Tags (!) are not allowed; put such a text in quotes.")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise refuse(line, f"Lists and mappings are nested more than {MAX_DEPTH} deep.")


def _number_lines(node: Node, path: Path, first_line: int, lines: dict[Path, int]) -> None:
    """Notes the line of every value, and refuses names that are not text or given twice."""
    if isinstance(node, SequenceNode):
        for index, item in enumerate(node.value):
            lines[*path, index] = first_line + item.start_mark.line
            _number_lines(item, (*path, index), first_line, lines)
    elif isinstance(node, MappingNode):
        for key, value in node.value:
            line = first_line + key.start_mark.line
            if not isinstance(key, ScalarNode) or not key.tag.endswith(":str"):
                raise refuse(line, "A name must be a word.")
            if (*path, key.value) in lines:
                raise refuse(line, f"{key.value[:40]!r} is given twice.")
            lines[*path, key.value] = line
            _number_lines(value, (*path, key.value), first_line, lines)
