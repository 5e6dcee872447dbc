"""Which message types a rule file is about, as far as the contexts of its rules tell.

A rule whose context begins with the root element of a message fires in no other message. Where all rules of a
file are so, it is run on these message types alone; a file of which that is not sure is run on all.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from gateway.errors import ConfigurationError
from gateway.standards.gaps import XSD
from gateway.standards.manifest import Manifest, RulesFile
from gateway.standards.survey import SchemaFile, Survey
from gateway.xml.schematron_source import PATTERNS, SCH, load

_PREDICATE = re.compile(r"""\[(?:[^\[\]"']|"[^"]*"|'[^']*')*\]""")
_FIRST_STEP = re.compile(r"/{0,2}\s*([^\W\d][\w.-]*):([^\W\d][\w.-]*)\s*(?:/|$)")


def scoped(manifest: Manifest, found: Survey) -> tuple[Manifest, list[str]]:
    """Restrict rule files to the message types that they are about, where there are several of both.

    Returns:
        The manifest, and the files of which nothing tells what they are about: they are run on all.
    """
    if len(manifest.rules) < 2 or len(manifest.message_types) < 2:
        return manifest, []
    within = _named_within(found.schemas)
    names = {
        f"{{{each.namespace or manifest.namespace}}}{each.root}": each.name
        for each in manifest.message_types
        if each.root not in within
    }
    about = {each.file: _about(found, each, names) for each in manifest.rules}
    rules = [
        each.model_copy(update={"message_types": about[each.file]})
        if len(about[each.file]) < len(manifest.message_types)
        else each
        for each in manifest.rules
    ]
    return manifest.model_copy(update={"rules": rules}), [file for file in about if not about[file]]


def _named_within(schemas: Iterable[SchemaFile]) -> frozenset[str]:
    """Return the local names of all elements that may stand within others."""
    named = (
        each.get("name") or each.get("ref", "").rpartition(":")[2]
        for schema in schemas
        for each in schema.root.iter(f"{XSD}element")
        if each.getparent() is not schema.root
    )
    return frozenset(named)


def _about(found: Survey, rules: RulesFile, names: Mapping[str, str]) -> list[str]:
    """Return the message types that a file is about; none where that is not told."""
    begun = {*_beginnings(found, rules)}
    return sorted(names[each] for each in begun if each) if begun <= names.keys() else []


def _beginnings(found: Survey, rules: RulesFile) -> Iterator[str | None]:
    """Yield the expanded name that each alternative of each context begins with; None where none is told."""
    try:
        schema = load(found.folder / rules.file, found.folder)
    except ConfigurationError:  # it is XSLT
        yield None
        return
    prefixes = {each.get("prefix"): each.get("uri") for each in schema.iter(f"{SCH}ns")}
    patterns = (each for each in schema.iter(*PATTERNS) if each.get("abstract") != "true")
    for rule in (each for pattern in patterns for each in pattern.iterchildren(f"{SCH}rule")):
        if rule.get("abstract") != "true":
            for branch in _branches(rule.get("context", "")):
                step = _FIRST_STEP.match(branch)
                yield f"{{{prefixes.get(step[1])}}}{step[2]}" if step else None


def _branches(context: str) -> list[str]:
    """Return the alternatives of a context without their predicates."""
    while (shorter := _PREDICATE.sub("", context)) != context:
        context = shorter
    return [branch.strip() for branch in context.split("|")]
