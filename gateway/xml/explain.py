"""Why a schema refuses a message: the findings of both engines as one list in document order."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from lxml import etree

from gateway.contract.codes import RejectCode
from gateway.contract.findings import MAX_FINDINGS, Bilingual, Finding, Findings
from gateway.xml import lxml_faults, xmlschema_faults
from gateway.xml.faults import Fault, Key, Kind, expected_names
from gateway.xml.paths import Names
from gateway.xml.positions import Position, locate

if TYPE_CHECKING:
    from gateway.xml.validate import Schema


def explain(schema: "Schema", root: etree._Element, body: bytes, prefixes: Mapping[str, str]) -> Findings:
    """Return the findings of both engines about a message that the schema refuses.

    Args:
        schema: the one that refused the message.
        root: the tree of the message.
        body: its bytes, as `parse` accepted them.
        prefixes: what to call namespaces for which the message has no prefix.
    """
    faults = _merge(
        lxml_faults.find_faults(schema, root, body), xmlschema_faults.find_faults(schema, root, body)
    )
    positions = locate(body, root, (fault.element for fault in faults))
    order = {element: number for number, element in enumerate(positions)}
    faults.sort(key=lambda fault: order[fault.element])
    names = Names(root, prefixes)
    shown = [_finding(fault, positions[fault.element], names) for fault in faults[:MAX_FINDINGS]]
    return Findings.of(shown, len(faults) - len(shown))


def _merge(decided: Iterable[Fault], explained: list[Fault]) -> list[Fault]:
    """Prefer the second engine's account of a fault, and keep what only one of them has seen."""
    first = list(decided)
    if any(fault.kind.group == "key" for fault in first):
        # libxml2 names the key itself, the other engine only the element that demands it.
        explained = [fault for fault in explained if fault.kind.group != "key"]
    known = {fault.common_key for fault in explained}
    merged: dict[Key, Fault] = {}
    for fault in explained:
        _add(merged, fault)
    for fault in first:
        if fault.common_key not in known:
            _add(merged, fault)
    clear = {fault.element for fault in merged.values() if fault.kind is not Kind.OTHER}
    return [fault for fault in merged.values() if fault.kind is not Kind.OTHER or fault.element not in clear]


def _add(merged: dict[Key, Fault], fault: Fault) -> None:
    first = merged.setdefault(fault.key, fault)
    if first is not fault:
        first.hints += [hint for hint in fault.hints if hint not in first.hints]


def _finding(fault: Fault, position: Position, names: Names) -> Finding:
    in_path = None if fault.kind is Kind.MISSING_ATTRIBUTE else fault.attribute
    path = names.path(fault.element, in_path)
    return Finding(
        code=str(RejectCode.SCHEMA),
        severity=fault.severity,
        path=path,
        line=position.line,
        column=position.column,
        message=fault.kind.sentence,
        hint=_hint(fault, names, path),
    )


def _hint(fault: Fault, names: Names, path: str) -> Bilingual | None:
    hints = list(fault.hints)
    if fault.expected:
        hints.append(expected_names(names.name(name) for name in fault.expected))
    if fault.kind is Kind.MISSING_ATTRIBUTE and fault.attribute:
        hints.append(expected_names([f"@{names.name(fault.attribute)}"]))
    for prefix, uri in names.generated.items():
        if f"{prefix}:" in path or any(f" {prefix}:" in hint.de for hint in hints):
            hints.append(Bilingual(de=f"{prefix} steht für {uri}", en=f"{prefix} stands for {uri}"))
    if not hints:
        return None
    return Bilingual(de=". ".join(hint.de for hint in hints), en=". ".join(hint.en for hint in hints))
