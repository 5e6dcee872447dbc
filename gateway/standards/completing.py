"""What the compiled schema adds to the draft of a manifest: which elements are messages, and their header."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gateway.errors import ConfigurationError
from gateway.standards.manifest import HeaderRules, Manifest, MessageTypeRules, RulesFile
from gateway.standards.outermost import outermost
from gateway.standards.profiles import NAMESPACES, PROFILES
from gateway.standards.scenarios import named_roots

if TYPE_CHECKING:
    from xmlschema import XsdElement, XsdGlobals
    from xmlschema.validators import XsdAnyElement


def without_parts(manifest: Manifest, declared: "XsdGlobals", shown: Collection[str] = ()) -> Manifest:
    """Leave out elements that only stand within others, as far as no sample message begins with them.

    Args:
        declared: the global elements and types of the compiled schema.
        shown: expanded names of the elements that sample messages begin with.

    Raises:
        ConfigurationError: a message is declared in a file that no other reads.
    """
    roots = _roots(manifest, dict(declared.elements))
    outer = outermost(declared, roots.values())
    kept = [each for each in manifest.message_types if roots[each.name] in outer.union(shown)]
    return manifest.model_copy(update={"message_types": kept})


def _roots(manifest: Manifest, elements: dict[str, "XsdElement"]) -> dict[str, str]:
    """Return the expanded names of the root elements by those of their message types."""
    roots = {
        each.name: f"{{{each.namespace or manifest.namespace}}}{each.root}" for each in manifest.message_types
    }
    if lost := [root for root in roots.values() if root not in elements]:
        raise ConfigurationError(f"compiled together the schemas do not declare {', '.join(lost)}")
    return roots


def completed(
    manifest: Manifest, elements: dict[str, "XsdElement"], shown: Collection[str] = ()
) -> tuple[Manifest, list[str]]:
    """Add the header profile that fits, and what the schema fixes; return also which types are left out.

    Where some elements have the header, others are no messages, unless a sample begins with them or a match
    names them.

    Args:
        elements: the global elements of the compiled schema, by expanded name.
        shown: expanded names of the elements that sample messages begin with.

    Raises:
        ConfigurationError: a message is declared in a file that no other reads.
    """
    roots = _roots(manifest, elements)
    declared = {name: elements[root] for name, root in roots.items()}
    profile, fitting = _profile(declared.values())
    headed = {name for name, element in declared.items() if element in fitting} or set(declared)
    names = headed | {name for name, root in roots.items() if root in shown}
    names |= {each.name for each in manifest.message_types if _is_named(each, manifest)}
    kept = [each for each in manifest.message_types if each.name in names]
    left_out = [each.name for each in manifest.message_types if each.name not in names]
    reader = _Reader(profile)
    stating = [element for name, element in declared.items() if name in headed]
    header = HeaderRules(
        profile=profile,
        standard=_common(reader.fixed(each, "standard") for each in stating),
        version=_common(reader.fixed(each, "version") for each in stating),
    )
    if not header.version:
        header = _with_version(header, manifest, stating)
    types = [
        each.model_copy(update={"code": reader.fixed(declared[each.name], "message_type_code")})
        for each in kept
    ]
    rules = [*_rules_of(manifest, names)] if left_out else manifest.rules
    return manifest.model_copy(update={"header": header, "message_types": types, "rules": rules}), left_out


def _is_named(message_type: MessageTypeRules, manifest: Manifest) -> bool:
    namespaces = {**manifest.namespaces, **message_type.namespaces}
    own = message_type.namespace or manifest.namespace, message_type.root
    return own in named_roots(message_type.match or "", namespaces)


def _rules_of(manifest: Manifest, names: Collection[str]) -> Iterator[RulesFile]:
    """Yield the rules for message types of these names, and those for all; what is for others is dropped."""
    for rules in manifest.rules:
        kept = [name for name in rules.message_types if name in names]
        if kept or not rules.message_types:
            yield rules.model_copy(update={"message_types": kept})


def _with_version(header: HeaderRules, manifest: Manifest, elements: list["XsdElement"]) -> HeaderRules:
    """Look for an attribute that is fixed to the version, up to two levels below the root."""
    names = {uri: prefix for prefix, uri in manifest.namespaces.items()}
    for steps in ([], ["*"], ["*", "*"]):
        found = [set(_version_paths(each, steps, manifest.version, names)) for each in elements]
        if found and (common := set.intersection(*found)):
            path = min(common)
            return header.model_copy(update={"version": manifest.version, "xpaths": {"version": path}})
    return header


def _version_paths(
    element: "XsdElement | XsdAnyElement", steps: list[str], version: str, names: dict[str, str]
) -> Iterator[str]:
    """Yield paths from the root to attributes that the schema fixes to `version`, as many steps below."""
    if not steps:
        yield from (f"@{name}" for name, each in element.attributes.items() if each.fixed == version)
        return
    for child in element:
        uri, _, local = str(child.name).rpartition("}")
        if child.name and (not uri or uri[1:] in names):
            step = f"{names[uri[1:]]}:{local}" if uri else local
            yield from (f"{step}/{path}" for path in _version_paths(child, steps[1:], version, names))


def _profile(elements: Iterable["XsdElement"]) -> tuple[str, set["XsdElement"]]:
    """Return the first profile whose identification some of the elements have, and which these are."""
    for name, xpaths in PROFILES.items():
        identification = xpaths.get("message_id") or xpaths.get("case_ref")
        if identification:
            fitting = {each for each in elements if _find(each, identification) is not None}
            if fitting:
                return name, fitting
    return "none", set()


@dataclass(frozen=True)
class _Reader:
    profile: str

    def fixed(self, element: "XsdElement", name: str) -> str | None:
        """Return the value that the schema prescribes for a field of the header."""
        xpath = PROFILES[self.profile].get(name)
        component = _find(element, xpath) if xpath else None
        return getattr(component, "fixed", None)


def _find(element: "XsdElement", xpath: str) -> Any:
    return element.find(xpath, NAMESPACES)


def _common(values: Iterator[str | None]) -> str:
    """Return the one value that all have, else nothing: then it is not compared."""
    distinct = set(values)
    return (distinct.pop() or "") if len(distinct) == 1 else ""
