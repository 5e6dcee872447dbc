"""Files that operators write in YAML: how they are read, and what is wrong in them, with path and line.

Sentences are for people who write the file: the words of YAML's and pydantic's developers stay out.
"""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from gateway.errors import ConfigurationError

# Ten times as fast, which counts with forty standards; wheels of PyYAML have it, a build may lack it.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_STEP = re.compile(r"([^.\[\]]+)|\[([0-9]+)\]")
"""One step of a path such as `routes[1].lead`."""

_NUMBER, _WHOLE = "must be a number", "must be a whole number"
_LIST, _KEYS = "must be a list", "must hold keys, each written as `key: value`"
_TRUTH, _DAY = "must be true or false", "must be a day, such as 2027-01-01"
_WORDS = {
    "missing": "is missing",
    "invalid_key": "is a key, and must be text; write it in quotes",
    "string_type": "must be text",
    "bool_type": _TRUTH,
    "bool_parsing": _TRUTH,
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "frozen_set_type": _LIST,
    "dict_type": _KEYS,
    "model_type": _KEYS,
    "date_type": _DAY,
    "date_parsing": _DAY,
    "date_from_datetime_parsing": _DAY,
    "date_from_datetime_inexact": _DAY,
    "enum": "must be {expected}",
    "literal_error": "must be {expected}",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
}
"""What pydantic's kinds of errors mean; one that is not here keeps its own words."""
_FORMS: dict[str, str] = {}
"""What a text is that does not match a pattern, by the pattern: pydantic's error has nothing else of it."""


class Faults(ValueError):
    """What a model finds wrong across its parts, each sentence beginning with its path."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__("; ".join(sentences))
        self.sentences = sentences


def form(pattern: str, words: str) -> StringConstraints:
    """Return a check that a text is as a pattern says, and let a text that is not "be" what `words` say."""
    _FORMS[pattern] = words
    return StringConstraints(pattern=pattern)


def read_text(path: Path, kind: str = "") -> str:
    """Read the file; `kind` is what its name is preceded by where something is wrong.

    Raises:
        ConfigurationError: it is not there, or not UTF-8.
    """
    try:
        data = path.read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        raise ConfigurationError(f"{kind}{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(f"{kind}{path} is not YAML: line {line} is not UTF-8") from error


def yaml_fault(error: Exception) -> str:
    """Say where the file stops being YAML; the library's own words help nobody but its developers."""
    if isinstance(error, yaml.MarkedYAMLError) and (mark := error.problem_mark):
        return (
            f"line {mark.line + 1}, column {mark.column + 1} cannot be read; "
            "look at indentation, quotes and brackets there and just before"
        )
    return "it holds a character that YAML does not allow, or a date that does not exist"


def faulty(path: Path, sentences: Iterable[str], kind: str = "") -> ConfigurationError:
    """Return the error about a file that could be read: one line a fault, with its line in the file.

    Args:
        sentences: each begins with its path, such as `routes[1].lead: …`.
    """
    try:
        root = yaml.compose(read_text(path, kind), LOADER)
    except yaml.YAMLError:  # which another loader has read
        root = None
    lines = [f"{sentence} (line {_line_of(root, sentence)})" for sentence in sentences]
    return ConfigurationError(f"{kind}{path}:\n  " + "\n  ".join(lines))


def sentences(error: ValidationError, model: type[BaseModel], whole: str) -> list[str]:
    """Say everything that a model finds wrong, each sentence beginning with its path.

    Args:
        whole: what the file is called where it is wrong as a whole.
    """
    return [sentence for fault in _causes(error) for sentence in _sentences(fault, model, whole)]


def in_words(fault: ErrorDetails) -> str:
    """Say what is wrong with a value, and what would be right."""
    words, value, context = _WORDS.get(fault["type"]), fault.get("input"), fault.get("ctx", {})
    if context.get("pattern") in _FORMS:
        return f"{value!r} is {_FORMS[context['pattern']]}"
    if words is None:
        return fault["msg"].removeprefix("Value error, ")
    said = words.format(**context)
    if fault["type"] == "missing":
        return said
    if value is None:
        return f"{said}; nothing stands there"
    # YAML reads 99101 as a number, and 01003 as an octal one.
    unquoted = fault["type"] == "string_type" and isinstance(value, int | float)
    return f"{said}; write it in quotes" if unquoted else said


def _causes(error: ValidationError) -> Iterable[ErrorDetails]:
    faults = error.errors(include_url=False)
    for fault in faults:
        # pydantic also calls a list too short whose items are faulty.
        depth = len(fault["loc"])
        inside = [each for each in faults if each["loc"][:depth] == fault["loc"] and len(each["loc"]) > depth]
        if fault["type"] != "too_short" or not inside:
            yield fault


def _sentences(fault: ErrorDetails, model: type[BaseModel], whole: str) -> Iterable[str]:
    cause = fault.get("ctx", {}).get("error")
    if isinstance(cause, Faults):
        yield from cause.sentences
        return
    path = _path(fault["loc"]) or whole
    if fault["type"] == "extra_forbidden":
        yield f"{path}: unknown key; {_meant(fault['loc'], model)}"
        return
    yield f"{path}: {in_words(fault)}"


def _path(location: tuple[int | str, ...]) -> str:
    steps = location[:-1] if location[-1:] == ("[key]",) else location  # so pydantic says that a key is wrong
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in steps).removeprefix(".")


def _meant(location: tuple[int | str, ...], model: type[BaseModel]) -> str:
    """Say which key may have been meant, or which there are."""
    part: Any = model
    for step in location[:-1]:
        if isinstance(step, str):
            kind = part.model_fields[step].annotation
            part = next(iter(get_args(kind)), kind)  # of a list its parts
    close = get_close_matches(str(location[-1]), part.model_fields, 1)
    return f"did you mean {close[0]}?" if close else f"there are {', '.join(part.model_fields)}"


def _line_of(root: yaml.Node | None, sentence: str) -> int:
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
