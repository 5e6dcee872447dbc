"""Why a schema refuses a message: one finding for each fault, in document order.

libxml2 says what it has refused; the second engine is asked only for what comes behind the first fault of a
content model, where libxml2 looks no further. What the faults mean is read from the schema's declarations.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING

import structlog
from lxml import etree

from gateway.contract.codes import RejectCode
from gateway.contract.findings import MAX_FINDINGS, Finding, Findings
from gateway.xml import (
    content,
    enclosing,
    keys,
    lxml_faults,
    meant,
    mistaken,
    parents,
    sentences,
    xmlschema_faults,
)
from gateway.xml.declarations import Look, accepts, attributes_of, is_nil
from gateway.xml.faults import Fault, Key, Kind, kin
from gateway.xml.meant import Guessing
from gateway.xml.model import Component
from gateway.xml.near import nearest
from gateway.xml.parse import MAX_TREE_TAGS, has_more_tags
from gateway.xml.paths import Names
from gateway.xml.positions import Place, Position, find_places, locate
from gateway.xml.telling import Told
from gateway.xml.words import local

if TYPE_CHECKING:
    from gateway.xml.validate import Schema

_log = structlog.get_logger()
_MAX_PARTS = 100
"""So many elements are looked at one by one; of more, the whole message is."""
_TELLING = [Kind.FIXED, Kind.ENUMERATION, Kind.CHILDREN_NOT_ALLOWED, Kind.PATTERN]
"""Of several kinds at one place the one that says most; a data type is what libxml2 adds to each."""


def explain(
    schema: "Schema", root: etree._Element, body: bytes, prefixes: Mapping[str, str], *, refused: bool
) -> Findings:
    """Return the findings about a message that the schema refuses or whose identifiers may be wrong.

    Args:
        schema: the one that has looked at the message.
        root: the tree of the message; it may gain attributes for which the schema states a value.
        body: its bytes, as `parse` accepted them.
        prefixes: what to call namespaces for which the message has no prefix.
        refused: whether libxml2 refuses the message.
    """
    look = Guessing(schema.declarations) if schema.declarations else None
    faults = _engine_faults(schema, root, body, look) if refused else []
    if schema.identifiers:
        doubled = schema.identifiers.find_faults(root, look)
        # Of a tree libxml2 says of an identifier that occurs twice that its value is none.
        by_name = (
            schema.identifiers.find_faults(root, Look(look.declarations)) if look and look.misnamed else []
        )
        places = {(fault.element, fault.attribute) for fault in (*doubled, *by_name)}
        faults = [
            fault
            for fault in faults
            if fault.kind is not Kind.DATATYPE or (fault.element, fault.attribute) not in places
        ]
        faults += doubled
    faults = _without_keys_of_surplus(faults)
    if refused and not faults:  # nothing known leads here, but a refusal without a reason would be none
        faults = [Fault(root, Kind.OTHER)]
    order = {element: number for number, element in enumerate(root.iter("*"))}
    # Of an element, its name or parent comes first: the rest is said of what it is taken for.
    faults.sort(key=lambda fault: (order[fault.element], not meant.is_displaced(fault)))
    faults = _one_for_each_namespace(faults, root, look)
    told = faults[:MAX_FINDINGS]
    found = find_places(body, root, map(_place, told))
    others = locate(body, root, (fault.other for fault in told if fault.other is not None))
    names = Names(root, prefixes)
    shown = [_finding(*each, others, names, look) for each in zip(told, found, strict=True)]
    if refused and look and not has_more_tags(body, MAX_TREE_TAGS):
        look.complete(root)  # libxml2 does so only where it has looked, and code lists are looked at next
    return Findings.of(shown, len(faults) - len(shown))


def _engine_faults(schema: "Schema", root: etree._Element, body: bytes, look: Guessing | None) -> list[Fault]:
    decided = lxml_faults.find_faults(schema, root, body)
    explained = xmlschema_faults.find_faults(body, _unseen(decided, root, look)) if look else []
    merged = _merge([*decided, *explained])
    if look is None:
        return [_as_engine_says(fault) for fault in merged]
    try:
        return _refined(merged, look, root, body)
    except Exception as error:  # likewise
        _log.warning("faults_not_refined", error=type(error).__name__)
        return [_as_engine_says(fault) for fault in merged]


def _refined(merged: list[Fault], look: Guessing, root: etree._Element, body: bytes) -> list[Fault]:
    """Say what is wrong with children and keys, where an engine says only that something is."""
    plain = [fault for fault in merged if fault.kind is not Kind.CONTENT and fault.kind.group != "key"]
    complete = not any(fault.kind is Kind.CONTENT for fault in merged)
    in_content = enclosing.join(parents.join(_in_content(merged, look), look), look)
    if xmlschema_faults.takes(body):  # otherwise nobody could look at them as what they are taken for
        in_content = mistaken.join(in_content, plain, look, body)
    in_content = [*mistaken.part(in_content, look)]
    hidden = meant.find_faults(in_content, look, body)
    in_content, plain = _as_moved(in_content, plain, look)
    plain += [fault for fault in hidden if fault.kind.group != "content"]
    in_content = parents.join([*in_content, *mistaken.part(_in_content(hidden, look), look)], look)
    refining = keys.Refining(look, [*plain, *in_content], look.misnamed, complete=complete)
    of_keys = [*refining.refine(fault for fault in merged if fault.kind.group == "key")]
    if not complete and not has_more_tags(body, MAX_TREE_TAGS):  # or looking for them would take too long
        of_keys += refining.find(root)
    faults = _without_nil_and_empty(_merge([*plain, *in_content, *of_keys]))
    if complete or xmlschema_faults.takes(body):  # otherwise nobody has looked at all of them
        faults = _without_content_of_surplus(faults)
    faults = _without_missing_children(faults)
    faults = [fault for fault in faults if fault.told_at is None]
    return _without_misspelt_attributes(faults, look)


def _as_moved(in_content: list[Fault], plain: list[Fault], look: Guessing) -> tuple[list[Fault], list[Fault]]:
    """Drop what is said of elements, and in them, by the name that they have where they do not belong.

    Where nobody has looked at them as what they are taken for, everything stays: it may be true of that too.
    """
    displaced = {
        fault
        for fault in in_content
        if fault.kind in (Kind.WRONG_PARENT, Kind.MISSING_PARENT) or meant.is_mistaken(fault)
    }
    moved = {fault.element for fault in displaced} & look.judged
    taken = {fault.element for fault in displaced if meant.is_mistaken(fault)} & look.judged
    renamed = {fault.element for fault in displaced if fault.kind is Kind.WRONG_NAME}
    if not moved:
        return in_content, plain

    def stays(fault: Fault) -> bool:
        if fault in displaced:
            return taken.isdisjoint(fault.element.iterancestors())
        # That it stands in the wrong place is said of it by its other name.
        is_outside = fault.kind is Kind.MISPLACED_CHILD and fault.element in renamed
        return (is_outside or fault.element not in moved) and moved.isdisjoint(fault.element.iterancestors())

    return [*filter(stays, in_content)], [*filter(stays, plain)]


def _without_nil_and_empty(faults: list[Fault]) -> list[Fault]:
    """Drop what is wrong with the value of an element that is marked as having none."""
    nil = {fault.element for fault in faults if fault.kind is Kind.NOT_NILLABLE and is_nil(fault.element)}
    return [
        fault
        for fault in faults
        if fault.kind.group != "value" or fault.attribute or fault.element not in nil
    ]


def _without_misspelt_attributes(faults: list[Fault], look: Look) -> list[Fault]:
    """Drop the missing attribute where one of nearly its name is unexpected, or one that may be it."""
    missing: defaultdict[etree._Element, list[Fault]] = defaultdict(list)
    unlike: defaultdict[etree._Element, list[Fault]] = defaultdict(list)
    unexpected: set[tuple[etree._Element, str | None]] = set()
    for fault in faults:
        if fault.kind is Kind.UNEXPECTED_ATTRIBUTE:
            if near := sentences.meant_attribute(fault, look):
                unexpected.add((fault.element, near))
            else:
                unlike[fault.element].append(fault)
    for fault in faults:
        if fault.kind is Kind.MISSING_ATTRIBUTE and (fault.element, fault.attribute) not in unexpected:
            missing[fault.element].append(fault)
    for element, lacking in missing.items():
        others = unlike[element]
        if len(lacking) == len(others) == 1 and _fits(others[0], lacking[0], look):
            others[0].instead = lacking[0].attribute
            unexpected.add((element, lacking[0].attribute))
    return [
        fault
        for fault in faults
        if fault.kind is not Kind.MISSING_ATTRIBUTE or (fault.element, fault.attribute) not in unexpected
    ]


def _fits(unexpected: Fault, missing: Fault, look: Look) -> bool:
    """Say whether an attribute may be another under a wrong name: nobody knows it, and its value is right."""
    name, declared = unexpected.attribute or "", look.at(unexpected.element)
    wanted = look.attribute(missing.element, missing.attribute or "")
    value = unexpected.element.get(name, "")
    if declared is None or wanted is None or name.startswith("{") or len(value) > xmlschema_faults.MAX_VALUE:
        return False
    known = [local(each) for each in attributes_of(declared.type)]
    return nearest(name, known) is None and name not in known and accepts(wanted.type, value)


def _without_keys_of_surplus(faults: list[Fault]) -> list[Fault]:
    """Drop what is in the message twice for the only reason that an element around it is there too often."""
    surplus: set[etree._Element] = set()
    for fault in faults:
        parent = fault.element.getparent()
        if fault.kind is Kind.TOO_OFTEN and parent is not None:
            surplus.update(islice(parent.iterchildren(str(fault.element.tag)), fault.limit, None))

    def repeats(element: etree._Element, other: etree._Element) -> bool:
        around = (each for each in (element, *element.iterancestors()) if each in surplus)
        within = {kin(each) for each in (other, *other.iterancestors()) if each not in surplus}
        return any(kin(each) in within for each in around)

    return [
        fault
        for fault in faults
        if fault.kind not in (Kind.DUPLICATE_KEY, Kind.DUPLICATE_ID)
        or fault.other is None
        or not repeats(fault.element, fault.other)
    ]


def _without_content_of_surplus(faults: list[Fault]) -> list[Fault]:
    """Drop what is wrong in an element of which there are too many, where only that one is wrong.

    It is the one to take out, or it has another's name; what it should hold by the name that it has is said
    for nothing.
    """
    surplus = {fault.kin: fault for fault in faults if fault.kind is Kind.TOO_OFTEN and fault.instead is None}
    renamed = {fault.element for fault in faults if fault.kind is Kind.WRONG_NAME}
    wrong: defaultdict[Fault, set[etree._Element]] = defaultdict(set)
    within: defaultdict[etree._Element, set[Fault]] = defaultdict(set)
    for fault in faults if surplus else ():
        for element in (fault.element, *fault.element.iterancestors()):
            too_many = None if element in renamed else surplus.get(kin(element))
            # What has the wrong parent is lacked elsewhere.
            if too_many not in (None, fault) and fault.kind is not Kind.WRONG_PARENT:
                within[element].add(fault)
                if fault.kind.group != "key":
                    wrong[too_many].add(element)
    hidden: set[Fault] = set()
    for too_many, elements in wrong.items():
        if len(elements) == 1 == too_many.count - (too_many.limit or 0):
            [too_many.element] = elements
            hidden |= within[too_many.element]
    return [fault for fault in faults if fault not in hidden]


def _without_missing_children(faults: list[Fault]) -> list[Fault]:
    """Make one fault of what an element has instead of children, text or `xsi:nil`, and of those it lacks."""
    instead = {
        fault.element: fault
        for fault in faults
        if fault.kind is Kind.TEXT_NOT_ALLOWED or (fault.kind is Kind.NOT_NILLABLE and is_nil(fault.element))
        if next(fault.element.iterchildren("*"), None) is None
    }
    kept = []
    for fault in faults:
        if fault.kind is Kind.MISSING_CHILD and fault.element in instead:
            instead[fault.element].names = fault.names
        else:
            kept.append(fault)
    return kept


def _one_for_each_namespace(faults: list[Fault], root: etree._Element, look: Guessing | None) -> list[Fault]:
    """Make one fault of all elements of one namespace that belong in another: one declaration is wrong.

    Not where others are rightly in that namespace by the same prefix: then it is each tag that is wrong.
    """
    right = _right_elsewhere(faults, root, look) if look else set()
    first: dict[tuple[str | None, str | None], Fault] = {}
    kept = []
    for fault in faults:
        if fault.kind is Kind.WRONG_NAMESPACE and _prefixed(fault.element) not in right:
            pair = etree.QName(fault.element).namespace, etree.QName(fault.names[0][0]).namespace
            if pair in first:
                first[pair].further += 1
                continue
            first[pair] = fault
        kept.append(fault)
    return kept


def _prefixed(element: etree._Element) -> tuple[str | None, str | None]:
    return etree.QName(element).namespace, element.prefix


def _right_elsewhere(
    faults: list[Fault], root: etree._Element, look: Guessing
) -> set[tuple[str | None, str | None]]:
    """Return with which prefixes elements in a wrong namespace share it with others that belong there."""
    wrong = {_prefixed(fault.element) for fault in faults if fault.kind is Kind.WRONG_NAMESPACE}
    if not wrong:
        return set()
    return {
        shared
        for each in root.iter("*")
        if (shared := _prefixed(each)) in wrong and each not in look.misnamed and look.at(each) is not None
    }


def _unseen(faults: list[Fault], root: etree._Element, look: Look) -> list[tuple[etree._Element, Component]]:
    """Return the elements, with their declarations, that libxml2 has not looked into."""
    stopped = [fault.other for fault in faults if fault.kind is Kind.CONTENT and fault.other is not None]
    rest = islice((each for first in stopped for each in (first, *first.itersiblings("*"))), _MAX_PARTS + 1)
    elements = list(rest)
    if len(elements) > _MAX_PARTS:
        elements = [root]
    return [(each, declared.element) for each in elements if (declared := look.at(each))]


def _merge(faults: Iterable[Fault]) -> list[Fault]:
    """Keep one fault of those that are one to a reader, and drop what says nothing where others say more."""
    merged: dict[tuple[Key, object], Fault] = {}
    for fault in faults:
        own: object = fault.constraint if fault.kind.group == "key" else None
        if fault.kind.group == "content" and fault.kind is not Kind.CONTENT:
            own = fault.kind, tuple(map(tuple, fault.names))
        first = merged.setdefault((fault.key, own), fault)
        if first is not fault and _rank(fault) < _rank(first):
            merged[fault.key, own] = fault
    clear = {fault.element for fault in merged.values() if fault.kind is not Kind.OTHER}
    return [fault for fault in merged.values() if fault.kind is not Kind.OTHER or fault.element not in clear]


def _rank(fault: Fault) -> int:
    if fault.kind in _TELLING:
        return _TELLING.index(fault.kind)
    return len(_TELLING) + (fault.kind is Kind.DATATYPE)


def _in_content(faults: list[Fault], look: Guessing) -> list[Fault]:
    found: list[Fault] = []
    for fault in faults:
        if fault.kind.group == "content":  # beyond what is counted exactly, the engine's word will do
            found += _content(fault, look) if len(found) < content.MAX_FAULTS else [_as_engine_says(fault)]
    return found


def _content(fault: Fault, look: Guessing) -> list[Fault]:
    """Say what is wrong with an element's children; the engine's word stands where that finds nothing."""
    if fault.kind is not Kind.CONTENT:
        return [fault]
    declared = look.at(fault.element)
    if declared is None or not declared.type.is_complex() or declared.type.has_simple_content():
        return [_as_engine_says(fault)]
    found = content.find_faults(look.declarations.model(declared.type), fault.element, look.guesses)
    return found or [_as_engine_says(fault)]


def _as_engine_says(fault: Fault) -> Fault:
    """Blame the child that surprised the engine, or else its absence."""
    if fault.kind is not Kind.CONTENT:
        return fault
    if fault.other is None:
        last = next(fault.element.iterchildren("*", reversed=True), None)
        after = None if last is None else str(last.tag)
        # It does not always say what is missing.
        return Fault(fault.element, Kind.MISSING_CHILD, names=fault.names or [["*"]], after=after)
    return Fault(fault.other, Kind.UNEXPECTED_CHILD, names=fault.names)


def _told(fault: Fault, look: Look | None) -> Told:
    try:
        return sentences.tell(fault, look)
    except Exception as error:  # whatever a schema has that was not thought of, the refusal is answered
        _log.warning("fault_not_described", kind=fault.kind, error=type(error).__name__)
        return sentences.tell(fault, None)


def _place(fault: Fault) -> tuple[etree._Element, str | None]:
    return fault.element, None if fault.kind is Kind.MISSING_ATTRIBUTE else fault.attribute


def _finding(
    fault: Fault,
    place: Place,
    others: Mapping[etree._Element, Position],
    names: Names,
    look: Look | None,
) -> Finding:
    path, told = names.path(place.element, place.attribute), _told(fault, look)
    hint = told.hint
    if hint is None and fault.other is not None and fault.kind in (Kind.DUPLICATE_KEY, Kind.DUPLICATE_ID):
        hint = sentences.earlier(others[fault.other].line)
    return Finding(
        code=str(RejectCode.SCHEMA),
        path=path,
        namespaces=names.namespaces(path),
        line=place.position.line,
        column=place.position.column,
        message=told.message,
        hint=hint,
        documentation=told.documentation,
    )
