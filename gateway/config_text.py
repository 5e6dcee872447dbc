"""The configuration file as text: what cannot be read as YAML, and the line that a path leads to."""

import re
from pathlib import Path

import yaml

from gateway.errors import ConfigurationError

_STEP = re.compile(r"([^.\[\]]+)|\[([0-9]+)\]")
"""One step of a path such as `routes[1].lead`."""


def read_text(path: Path) -> str:
    """Read the file.

    Raises:
        ConfigurationError: it is not there, or not UTF-8.
    """
    try:
        data = path.read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        raise ConfigurationError(f"configuration {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(f"configuration {path} is not YAML: line {line} is not UTF-8") from error


def yaml_fault(error: Exception) -> str:
    """Say where the file stops being YAML; the library's own words help nobody but its developers."""
    if isinstance(error, yaml.MarkedYAMLError) and (mark := error.problem_mark):
        return (
            f"line {mark.line + 1}, column {mark.column + 1} cannot be read; "
            "look at indentation, quotes and brackets there and just before"
        )
    return "it holds a character that YAML does not allow, or a date that does not exist"


def line_of(root: yaml.Node | None, sentence: str) -> int:
    """Find the line that a sentence's path leads to, or as far as the file goes along with it."""
    node, line = root, 1
    for name, number in _STEP.findall(sentence.partition(":")[0].partition(" ")[0]):
        entry = _entry(node, name, number)
        if entry is None:
            break
        line, node = entry
    return line


def _entry(node: yaml.Node | None, name: str, number: str) -> tuple[int, yaml.Node] | None:
    """Return what a mapping has under a name, or a list at a number, and the line where it begins."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == name:
                return key.start_mark.line + 1, value
    elif isinstance(node, yaml.SequenceNode) and number and int(number) < len(node.value):
        item = node.value[int(number)]
        return item.start_mark.line + 1, item
    return None
