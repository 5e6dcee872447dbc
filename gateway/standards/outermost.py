"""Which global elements of a schema messages begin with: those that stand in no other of them.

An element stands in another if it is named there, however far below, may stand for one that is, or stands in
a type that `xsi:type` may give to one that is. Elements that stand in each other, as a collection of features
in itself, are as far out as one another.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from gateway.xml.declarations import XSD_NAMESPACE

if TYPE_CHECKING:
    from xmlschema import XsdGlobals

Node: TypeAlias = Any
"""A global element or a complex type, as `xmlschema` has compiled it."""

_ANY_TYPE = f"{{{XSD_NAMESPACE}}}anyType"


def outermost(declared: "XsdGlobals", names: Collection[str]) -> set[str]:
    """Return the expanded names of the elements that stand in no other of these, but where that is in them.

    Args:
        declared: the global elements and types of the schema.
        names: the expanded names of the elements that messages may begin with.
    """
    own = {declared.elements[name]: name for name in names}
    below = _Below(declared)
    groups = _components(own, below)
    group_of = {node: number for number, group in enumerate(groups) for node in group}
    within: set[int] = set()
    found: set[str] = set()
    for number, group in reversed([*enumerate(groups)]):  # what others stand in comes before them
        mine = {own[node] for node in group if node in own}
        if number not in within:
            found |= mine
        if mine or number in within:
            within.update(group_of[each] for node in group for each in below(node))
            within.discard(number)
    return found


class _Below:
    """Yields what stands right below: of an element its types, of a type elements and other types."""

    def __init__(self, declared: "XsdGlobals") -> None:
        self._derived: defaultdict[str, list[Node]] = defaultdict(list)
        for each in declared.types.values():
            # All are derived from anyType, which says nothing of what is meant.
            if each.is_complex() and each.base_type is not None and each.base_type.name != _ANY_TYPE:
                self._derived[str(each.base_type.name)].append(each)

    def __call__(self, node: Node) -> Iterator[Node]:
        if hasattr(node, "type"):
            yield from self._types(node)
            return
        for particle in node.content.iter_elements() if node.has_complex_content() else ():
            if particle.name is None:
                continue  # a wildcard says nothing of what is meant
            if particle.ref is not None:
                yield particle.ref
                yield from particle.ref.iter_substitutes()
            else:
                yield from self._types(particle)

    def _types(self, element: Node) -> Iterator[Node]:
        """Yield the complex types that an element may have."""
        waiting = [element.type] if element.type.is_complex() else []
        blocked = {*element.block.split(), *getattr(element.type, "block", "").split()}
        while waiting:
            each = waiting.pop()
            yield each
            waiting += [
                other for other in self._derived.get(each.name, ()) if other.derivation not in blocked
            ]


def _components(starts: Iterable[Node], below: Callable[[Node], Iterator[Node]]) -> list[list[Node]]:
    """Group what stands in each other, what others stand in last: Tarjan's algorithm, without recursion."""
    numbers: dict[Node, int] = {}
    lows: dict[Node, int] = {}
    open_nodes: dict[Node, None] = {}
    groups: list[list[Node]] = []
    for start in starts:
        if start in numbers:
            continue
        numbers[start] = lows[start] = len(numbers)
        open_nodes[start] = None
        path = [(start, below(start))]
        while path:
            node, rest = path[-1]
            for each in rest:
                if each not in numbers:
                    numbers[each] = lows[each] = len(numbers)
                    open_nodes[each] = None
                    path.append((each, below(each)))
                    break
                if each in open_nodes:
                    lows[node] = min(lows[node], numbers[each])
            else:
                path.pop()
                if path:
                    lows[path[-1][0]] = min(lows[path[-1][0]], lows[node])
                if lows[node] == numbers[node]:
                    group = [node]
                    while (last := open_nodes.popitem()[0]) is not node:
                        group.append(last)
                    groups.append(group)
    return groups
