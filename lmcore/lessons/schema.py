"""The JSON schema of the YAML in a lesson file: its front matter, and the block of a step."""

from typing import Any

from lmcore.lessons import reading
from lmcore.lessons.lesson import Lesson
from lmcore.lessons.pages import PAGES


def schema() -> dict[str, Any]:
    """A schema that a block fits if it is a lesson's front matter or a step; draft 2020-12.

    Which settings and places a page has depends on the page, and is not in the schema.
    """
    definitions: dict[str, Any] = Lesson.model_json_schema()
    parts = definitions.pop("$defs")
    step = _only(parts.pop("Step"), list(reading.BLOCK))
    parts["Go"]["properties"]["page"]["enum"] = list(PAGES)
    step["properties"]["point"]["anyOf"][0]["enum"] = sorted({name for page in PAGES.values() for name in page.places})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A block of YAML in a lesson",
        "anyOf": [{"$ref": "#/$defs/FrontMatter"}, {"$ref": "#/$defs/Step"}],
        "$defs": parts | {"FrontMatter": _only(definitions, reading.FRONT_MATTER), "Step": step},
    }


def _only(definition: dict[str, Any], names: Any) -> dict[str, Any]:
    """The schema of a config without its other fields."""
    properties = {name: definition["properties"][name] for name in names}
    required = [name for name in definition.get("required", []) if name in properties]
    return definition | {"properties": properties, "required": required}
