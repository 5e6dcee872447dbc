"""Keys and references that a schema demands: where exactly they are wrong, and how to say it.

libxml2 names the constraint and the element; which of its parts, and what it repeats, is looked up here in
the definition, by the selectors and fields of the constraint. Values are compared, never repeated.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple, cast

from lxml import etree

from gateway.contract.findings import Bilingual
from gateway.xml import declarations
from gateway.xml.declarations import Look
from gateway.xml.faults import LACKING, Fault, Kind
from gateway.xml.model import Component
from gateway.xml.words import direct_text, local, local_of, quoted, say

Values = tuple[object, ...]
_MAX_KEY = 1000
"""Characters: in a longer value of a key white space counts as it stands."""
_MAX_UNKNOWN = 1000
"""So many unknown elements are looked at for what references may lead to."""
_STRING = f"{{{declarations.XSD_NAMESPACE}}}string"
_KEY_DEPTH = 3
"""So many levels below an element what is its key may stand."""


class Entry(NamedTuple):
    """An element that a constraint selects, the nodes of its fields, and their values, if it has all."""

    element: etree._Element
    fields: list[Any]
    values: Values | None


class _Orphans:
    """Children that stand where the element around them is missing, which has one of some names."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self.children: list[etree._Element] = []

    def around(self) -> etree._Element:
        """Return the missing element with what may be its key: texts and attributes a few levels deep."""
        made = etree.Element(self._names[0])
        waiting = [(made, child, _KEY_DEPTH) for child in reversed(self.children)]
        while waiting:
            above, child, depth = waiting.pop()
            copied = etree.SubElement(above, str(child.tag))
            copied.attrib.update(child.attrib)
            copied.text = direct_text(child)[:_MAX_KEY]
            if depth > 1:
                waiting += [(copied, each, depth - 1) for each in child.iterchildren("*", reversed=True)]
        return made


class _Paths(NamedTuple):
    """The selector and the fields of a constraint, compiled: it may be that of a thousand elements."""

    selector: etree.XPath
    fields: list[etree.XPath]


class Refining:
    """Says where keys are wrong, given all else that is wrong with a message.

    A value that is wrong by itself is neither twice there nor missing, and what refers to it does not lead
    nowhere for a reason of its own: that is one fault.

    Args:
        others: all other faults.
        misnamed: elements that no constraint selects because of their names.
        complete: whether libxml2 has seen all of the message; what it has not seen is no key to it, so that
            a reference may lead nowhere for that reason alone.
    """

    def __init__(
        self, look: Look, others: Sequence[Fault], misnamed: Iterable[etree._Element], *, complete: bool
    ) -> None:
        self._look = look
        self._complete = complete
        self._wrong = {(fault.element, fault.attribute) for fault in others if fault.kind.group == "value"}
        self._unsound = {
            above
            for fault in others
            if fault.kind.group != "value"
            for unsound in (fault.element, fault.other if fault.kind is Kind.WRONG_PARENT else None)
            if unsound is not None
            for above in (unsound, *unsound.iterancestors())
        }
        unexpected = (fault.element for fault in others if fault.kind is Kind.UNEXPECTED_CHILD)
        self._unknown: defaultdict[etree._Element, list[etree._Element]] = defaultdict(list)
        for element in islice((each for each in unexpected if look.at(each) is None), _MAX_UNKNOWN):
            for above in element.iterancestors():
                self._unknown[above].append(element)
        self._orphans: defaultdict[etree._Element, dict[etree._Element, _Orphans]] = defaultdict(dict)
        for fault in islice((each for each in others if each.kind is Kind.MISSING_PARENT), _MAX_UNKNOWN):
            first = fault.told_at if fault.told_at is not None else fault.element
            for above in fault.element.iterancestors():
                self._unknown[above].append(fault.element)
                run = self._orphans[above].setdefault(first, _Orphans(fault.names[0]))
                run.children.append(fault.element)
        self._missing: defaultdict[etree._Element, list[Fault]] = defaultdict(list)
        for fault in islice((each for each in others if each.kind in LACKING), _MAX_UNKNOWN):
            for above in (fault.element, *fault.element.iterancestors()):
                self._missing[above].append(fault)
        self._renamed = {
            fault.element: local(fault.names[0][0]) for fault in others if fault.kind is Kind.WRONG_NAME
        }
        self._misnamed = Counter(above for element in misnamed for above in element.iterancestors())
        self._tables: dict[tuple[etree._Element, str], list[Entry]] = {}
        self._paths: dict[Component, _Paths] = {}

    def refine(self, faults: Iterable[Fault]) -> Iterator[Fault]:
        """Yield what libxml2 says of keys at the nodes that are wrong.

        A fault whose constraint is not found stays as it is.
        """
        done: set[tuple[etree._Element, str]] = set()
        for fault in faults:
            found = _scope(fault, self._look)
            if found is None:
                yield fault
                continue
            scope, constraint = found
            if fault.kind is not Kind.DANGLING_REFERENCE:
                yield from self._placed(fault, self._table(scope, constraint), constraint)
            elif (scope, constraint.name) not in done:
                done.add((scope, constraint.name))
                lost, doubtful = self._dangling(scope, constraint)
                yield from lost or ([fault] if self._complete and not doubtful else [])

    def find(self, root: etree._Element) -> Iterator[Fault]:
        """Yield what is wrong with keys anywhere in a message, whatever libxml2 has seen of it."""
        for scope in root.iter("*"):
            declared = self._look.at(scope)
            for constraint in declared.element.identities if declared else ():
                if getattr(constraint, "refer", None) is not None:
                    yield from self._dangling(scope, constraint)[0]
                    continue
                first: dict[Values, Entry] = {}
                for entry in self._table(scope, constraint):
                    if entry.values is None or self._is_wrong(entry) or not self._is_meant(entry, constraint):
                        continue
                    twin = first.setdefault(entry.values, entry)
                    if twin is not entry:
                        fault = Fault(entry.element, Kind.DUPLICATE_KEY, constraint=constraint.name)
                        fault.other = _element(twin)
                        yield _at(fault, entry.fields)

    def _table(self, scope: etree._Element, constraint: Component) -> list[Entry]:
        key = scope, constraint.name
        if key not in self._tables:
            self._tables[key] = list(self._entries(scope, constraint))
        return self._tables[key]

    def _entries(self, scope: etree._Element, constraint: Component) -> Iterator[Entry]:
        paths = self._paths_of(constraint)
        for element in cast("list[etree._Element]", paths.selector(scope)):
            nodes = [_first(field(element)) for field in paths.fields]
            complete = all(node is not None for node in nodes)
            yield Entry(
                element, nodes, tuple(_value(node, self._look) for node in nodes) if complete else None
            )

    def _paths_of(self, constraint: Component) -> "_Paths":
        if constraint not in self._paths:
            prefixes = {key: uri for key, uri in constraint.selector.namespaces.items() if key and uri}
            fields = [etree.XPath(each.path, namespaces=prefixes) for each in constraint.fields]
            self._paths[constraint] = _Paths(
                etree.XPath(constraint.selector.path, namespaces=prefixes), fields
            )
        return self._paths[constraint]

    def _is_wrong(self, entry: Entry) -> bool:
        return any(_place(node) in self._wrong for node in entry.fields if node is not None)

    def _is_meant(self, entry: Entry, constraint: Component) -> bool:
        """Say whether what a constraint selects, and its fields, are no more than called so."""
        if not self._renamed:
            return True
        steps = _steps(constraint).union(_field_names(constraint))
        places = [entry.element, *(_place(node)[0] for node in entry.fields if node is not None)]
        around = {above for each in places for above in (each, *each.iterancestors())}
        return not any(
            local_of(each) in steps and self._renamed[each] not in steps
            for each in around.intersection(self._renamed)
        )

    def _placed(self, fault: Fault, entries: list[Entry], constraint: Component) -> Iterator[Fault]:
        own = next((entry for entry in entries if entry.element is fault.element), None)
        if own is None:
            yield fault
            return
        if self._is_wrong(own):
            return
        if fault.kind is Kind.MISSING_KEY:
            if fault.element not in self._unsound:
                yield fault
            return
        same = [entry for entry in entries if entry.values == own.values]
        twin = next((entry for entry in same if self._is_meant(entry, constraint)), None)
        if twin is None or not self._is_meant(own, constraint) or (twin is own and same[0] is not own):
            return
        fault.other = _element(twin) if twin is not own else None
        yield _at(fault, own.fields)

    def _dangling(self, scope: etree._Element, constraint: Component) -> tuple[list[Fault], bool]:
        """Return the references that lead nowhere, and whether some may that are not wrong themselves."""
        targets = self._table(scope, constraint.refer)
        known = {entry.values for entry in targets}
        entries = [each for each in self._table(scope, constraint) if self._is_meant(each, constraint)]
        lost = [
            entry
            for entry in entries
            if entry.values is not None and entry.values not in known and not self._is_wrong(entry)
        ]
        unknown = sum(entry.values is None or self._is_wrong(entry) for entry in targets)
        hidden, keyless = self._hidden(scope, constraint.refer) if lost else (set(), 0)
        lacking = self._missing.get(scope, ()) if lost else ()
        # What is no target by the name that was meant has been none by that, whatever it is called.
        steps = _steps(constraint.refer)
        others = (each for each, name in self._renamed.items() if steps.isdisjoint((name, "*")))
        unknown += self._misnamed[scope] + keyless
        unknown -= sum(scope in each.iterancestors() for each in others)
        unknown += sum(
            _would_have(constraint.refer, each.element, names) for each in lacking for names in each.names
        )
        lost = [entry for entry in lost if _texts(entry.fields) not in hidden]
        doubtful = bool(unknown) or bool(hidden) or any(map(self._is_wrong, entries))
        if len({entry.values for entry in lost}) <= unknown:
            return [], doubtful
        found = [Fault(entry.element, Kind.DANGLING_REFERENCE, constraint=constraint.name) for entry in lost]
        return [_at(each, entry.fields) for each, entry in zip(found, lost, strict=True)], doubtful

    def _hidden(self, scope: etree._Element, key: Component) -> tuple[set[tuple[str, ...]], int]:
        """Return the values that elements would have for a key, were they not called what nobody knows.

        Nor stood in what nobody knows, if they have the name of what has the key. And how many would be known
        but have no value, as a missing element whose key is an attribute.
        """
        orphans = dict.fromkeys(each.around() for each in self._orphans.get(scope, {}).values())
        unknown = [*self._unknown.get(scope, ()), *orphans]
        fields = self._paths_of(key).fields if unknown else []
        names = _selected(key)
        within = (child for element in unknown for child in element.iterchildren("*"))
        named = (child for child in islice(within, _MAX_UNKNOWN) if local_of(child) in names)
        values, keyless = set(), 0
        for element in chain(unknown, named):
            nodes = [_first(field(element)) for field in fields]
            if all(node is not None for node in nodes):
                values.add(_texts(nodes))
            else:
                keyless += local_of(element) in names and element in orphans
        return values, keyless


def _scope(fault: Fault, look: Look) -> tuple[etree._Element, Component] | None:
    """Find the element whose declaration has the constraint, from the fault's element upwards."""
    for element in (fault.element, *fault.element.iterancestors()):
        declared = look.at(element)
        for constraint in declared.element.identities if declared else ():
            if constraint.name == fault.constraint:
                return element, constraint
    return None


def _would_have(key: Component, parent: etree._Element, names: Sequence[str]) -> bool:
    """Say whether one of some children that an element lacks would have a key, or what has it."""
    lacking = set(map(local, names))
    for path in key.selector.path.split("|"):
        *above, own = (_last_step(step) for step in path.split("/"))
        if not lacking.isdisjoint(above):
            return True
        if own in lacking and (not above or above[-1] in ("", ".", "*", local_of(parent))):
            return True
    return False


def _texts(nodes: Iterable[Any]) -> tuple[str, ...]:
    """Return what nodes say, whatever its type; a text that is too long for a key as it stands."""
    texts = [direct_text(node) if isinstance(node, etree._Element) else str(node) for node in nodes]
    return tuple(text if len(text) > _MAX_KEY else " ".join(text.split()) for text in texts)


def _first(found: Any) -> Any:
    return found[0] if found else None


def _value(node: Any, look: Look) -> object:
    """Read a field's value as its type has it: 1.0 and 1 are one number."""
    if isinstance(node, etree._Element):
        declared, text = look.at(node), direct_text(node)
        kind = declared.type if declared else None
    else:
        component = look.attribute(node.getparent(), str(node.attrname))
        text, kind = str(node), component.type if component is not None else None
    text = " ".join(text.split())
    simple = declarations.value_type(kind) if kind is not None else None
    primitive = getattr(simple, "primitive_type", None)  # a union or list has none
    if simple is None or (primitive is not None and primitive.name == _STRING):
        return text
    try:  # which takes a hundred times as long
        return simple.decode(text)
    except Exception:  # a wrong value is another fault's business
        return text


def _place(node: Any) -> tuple[etree._Element, str | None]:
    if isinstance(node, etree._Element):
        return node, None
    return node.getparent(), str(node.attrname)


def _element(entry: Entry) -> etree._Element:
    """Return the element that has the only field of an entry; of several fields, the one that has them."""
    one_field = len(entry.fields) == 1 and entry.fields[0] is not None
    return _place(entry.fields[0])[0] if one_field else entry.element


def _at(fault: Fault, fields: list[Any]) -> Fault:
    """Move a fault to its only field; one of several fields belongs to the element that has them."""
    if len(fields) == 1 and fields[0] is not None:
        fault.element, fault.attribute = _place(fields[0])
    return fault


def tell(fault: Fault, look: Look | None) -> tuple[Bilingual, Bilingual | None, str | None]:
    """Say what is wrong with a key, a reference or an identifier, what would help, and why it matters."""
    found = _scope(fault, look) if look and fault.constraint else None
    constraint = found[1] if found else None
    text = declarations.documentation(constraint) if constraint is not None else None
    return _message(fault, constraint), None, text


def _message(fault: Fault, constraint: Component | None) -> Bilingual:
    names = _field_names(constraint) if constraint is not None else []
    if not names:
        names = [local(fault.attribute) if fault.attribute else local_of(fault.element)]
    what = quoted(names)
    owner = _owner(fault, names)
    several = len(names) > 1
    if fault.kind is Kind.MISSING_KEY:
        of = what if several else say("", "")
        return say(
            f"Der Schlüssel{' aus ' if several else ''}{of.de} im Element »{local_of(fault.element)}« ist "
            f"unvollständig{'' if several else f': es fehlt {what.de}'}.",
            f"The key{' of ' if several else ''}{of.en} in the element “{local_of(fault.element)}” is "
            f"incomplete{'' if several else f': {what.en} is missing'}.",
        )
    if fault.kind in (Kind.DANGLING_REFERENCE, Kind.DANGLING_ID_REFERENCE):
        target = _target(constraint)
        return say(
            f"{what.de}{owner.de} {'verweisen' if several else 'verweist'} ins Leere: {target.de}.",
            f"{what.en}{owner.en} {'lead' if several else 'leads'} nowhere: {target.en}.",
        )
    return say(
        f"{what.de}{owner.de} {'kommen' if several else 'kommt'} in der Nachricht mehrfach mit demselben "
        "Wert vor; der Wert muss eindeutig sein.",
        f"{what.en}{owner.en} {'occur' if several else 'occurs'} in the message more than once with the same "
        "value; the value must be unique.",
    )


def _owner(fault: Fault, names: list[str]) -> Bilingual:
    """Say whose field it is: of the element that has the attribute, or of the field's parent."""
    element = fault.element
    if fault.attribute is None and len(names) == 1 and names[0] == local_of(element):
        parent = element.getparent()
        if parent is None:
            return say("", "")
        element = parent
    name = local_of(element)
    return say(f" im Element »{name}«", f" in the element “{name}”")


def _target(constraint: Component | None) -> Bilingual:
    if constraint is None or getattr(constraint, "refer", None) is None:
        return say("diese Kennung gibt es in der Nachricht nicht", "there is no such id in the message")
    where = quoted(_selected(constraint.refer), "oder", "or")
    fields = _field_names(constraint.refer)
    if not fields:
        return say(f"ein solches Element {where.de} gibt es nicht", f"there is no such element {where.en}")
    keys = quoted(fields)
    return say(
        f"kein Element {where.de} hat diesen Wert in {keys.de}",
        f"no element {where.en} has this value in {keys.en}",
    )


def _selected(constraint: Component) -> list[str]:
    """Return the local names of what a constraint selects."""
    return [_last_step(each) for each in constraint.selector.path.split("|")]


def _steps(constraint: Component) -> set[str]:
    """Return the local names of all steps to what a constraint selects."""
    return {_last_step(step) for path in constraint.selector.path.split("|") for step in path.split("/")}


def _field_names(constraint: Component) -> list[str]:
    return [name for each in constraint.fields if (name := _last_step(each.path)) != "."]


def _last_step(path: str) -> str:
    step = path.strip().rpartition("/")[2].rpartition("::")[2].lstrip("@")
    return step.rpartition(":")[2]
