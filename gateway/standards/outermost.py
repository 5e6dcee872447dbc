"""Which global elements of a schema messages begin with: those that stand in no other of them.

An element stands in another if it is named there, however far below, or may stand for one that is. Elements
that stand in each other, as a collection of features in itself, are as far out as one another.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from xmlschema import XsdElement

Node: TypeAlias = Any
"""A global element or a complex type, as `xmlschema` has compiled it."""


def outermost(elements: Mapping[str, "XsdElement"], names: Collection[str]) -> set[str]:
    """Return the expanded names of the elements that stand in no other of these, but where that is in them.

    Args:
        elements: the global elements of the schema, by expanded name.
        names: of those that messages may begin with.
    """
    own = {elements[name]: name for name in names}
    groups = _components(own)
    group_of = {node: number for number, group in enumerate(groups) for node in group}
    within: set[int] = set()
    found: set[str] = set()
    for number, group in reversed([*enumerate(groups)]):  # what others stand in comes before them
        mine = {own[node] for node in group if node in own}
        if number not in within:
            found |= mine
        if mine or number in within:
            within.update(group_of[below] for node in group for below in _below(node))
            within.discard(number)
    return found


def _below(node: Node) -> Iterator[Node]:
    """Yield what stands right below: of an element its type, of a type elements and other types."""
    if hasattr(node, "type"):
        if node.type.is_complex():
            yield node.type
        return
    for particle in node.content.iter_elements() if node.has_complex_content() else ():
        if particle.name is None:
            continue  # a wildcard says nothing of what is meant
        if particle.ref is not None:
            yield particle.ref
            yield from particle.ref.iter_substitutes()
        elif particle.type.is_complex():
            yield particle.type


def _components(starts: Iterable[Node]) -> list[list[Node]]:
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
        path = [(start, _below(start))]
        while path:
            node, rest = path[-1]
            for below in rest:
                if below not in numbers:
                    numbers[below] = lows[below] = len(numbers)
                    open_nodes[below] = None
                    path.append((below, _below(below)))
                    break
                if below in open_nodes:
                    lows[node] = min(lows[node], numbers[below])
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
