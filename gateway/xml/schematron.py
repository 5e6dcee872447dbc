"""Compile Schematron (ISO 19757-3, query bindings xslt2 and xslt3) into XSLT that writes SVRL.

A pattern becomes a mode, a rule a template of it; the first rule of a pattern that matches has the highest
priority. Nodes are tried one by one, as a list: going down the tree by templates costs a quarter more. In a
`group` each rule has a mode of its own. Every let above the rules is a global variable. The SVRL names the
patterns and what failed, neither its test nor each rule that fired, which nobody reads here; an element is
named by its number in the document, because `path()` counts siblings anew for each. What is not supported is
refused with its place: documents of a pattern, `visit-each`, phases that choose themselves.

Source: ISO/IEC 19757-3:2016, 2020 and 2025, annex "Default query language binding" for XSLT 2 and 3
"""

import re
from collections.abc import Iterable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import NamedTuple

from lxml import etree

from gateway.contract.findings import MAX_FINDINGS
from gateway.xml.declarations import XSD_NAMESPACE
from gateway.xml.schematron_source import CHARACTERS, PATTERNS, SCH, Growth, fail, file_of, load
from gateway.xml.stylesheet import XSL, Stylesheet
from gateway.xml.svrl import FAILURES, MORE, OURS, SEEN, SVRL, silence

_ASSERT, _REPORT, _EXTENDS, _LET = f"{SCH}assert", f"{SCH}report", f"{SCH}extends", f"{SCH}let"
_IGNORED = {f"{SCH}{name}" for name in ("title", "p", "ns", "diagnostics", "properties", "phase", "rules")}
_UNSUPPORTED = {
    "documents": "rules see the message alone",
    "visit-each": "is not supported",
    "when": "a phase is chosen in standard.yaml",
    "from": "a phase is chosen in standard.yaml",
}
_NOT_COPIED = {f"{XSL}{name}" for name in ("include", "import", "import-schema", "use-package", "output")}

_PREDICATE = re.compile(r"""\[(?:[^\[\]"']|"[^"]*"|'[^']*')*\]""")
_ELEMENTS_ONLY = re.compile(r"(?:(?:child|descendant|descendant-or-self|self)\s*::|:(?!\s*:)|[\w.*/\s-])*")
_VARIABLE = re.compile(r"""("[^"]*"|'[^']*')|\$([\w.-]+)""")


def compile_schematron(path: Path, within: Path, phase: str | None = None) -> Stylesheet:
    """Compile the schema in a file.

    Args:
        within: the folder from which it may include others.
        phase: an id, `#ALL` or `#DEFAULT`, which is also what None stands for.

    Raises:
        ConfigurationError: with file, line and what is wrong there. Saxon finds what is wrong in XPaths.
    """
    schema = load(path, within)
    compiler = _Compiler(schema, phase or "#DEFAULT")
    silence(compiler.root)
    return Stylesheet(str(path), compiler.root, compiler.files)


class _Nodes(NamedTuple):
    """The nodes that rules are tried on, and how the place of one of them is written."""

    select: str
    location: str


class _Run(NamedTuple):
    """Rules of which the first that matches fires: their mode, and what they are tried on."""

    mode: str
    nodes: _Nodes


_ELEMENTS = _Nodes("/descendant::*", "/descendant::*[{position()}]")
_ELEMENTS_AND_ROOT = _Nodes("/|/descendant::*", "/descendant::*[{max((position() - 1, 1))}]")
_ALL = _Nodes("/descendant-or-self::node()/(.|@*)", "{path(.)}")


class _Compiler:
    """Writes one stylesheet while it goes through one schema."""

    def __init__(self, schema: etree._Element, phase: str) -> None:
        self.files: dict[etree._Element, str] = {}
        self._growth = Growth()
        self._schema = schema
        self._rules = {each.get("id"): each for each in schema.iter(f"{SCH}rule") if _is_abstract(each)}
        self._diagnostics = {each.get("id"): each for each in schema.iter(f"{SCH}diagnostic")}
        self.root = self._stylesheet()
        patterns = self._active(phase)
        self._check_parts(schema, {*PATTERNS, _LET})
        self._write_globals([schema, *self._phases(phase)], patterns)
        runs = [self._write_pattern(pattern, f"p{number}") for number, pattern in enumerate(patterns)]
        self._write_entry(patterns, runs)

    def _stylesheet(self) -> etree._Element:
        """Bind the prefixes that the schema declares, and those that stand in its files."""
        prefixes = {"xsl": XSL[1:-1], "svrl": SVRL[1:-1], "xs": XSD_NAMESPACE, "amtsbote": OURS[1:-1]}
        for element in self._schema.iter("*"):
            prefixes |= {prefix: uri for prefix, uri in element.nsmap.items() if prefix} | prefixes
        for declared in self._schema.iter(f"{SCH}ns"):
            prefixes[_required(declared, "prefix")] = _required(declared, "uri")
        prefixes.pop("xml", None)
        try:
            root = etree.Element(f"{XSL}stylesheet", nsmap=prefixes, version="3.0")
        except ValueError as error:
            fail(self._schema, f"a prefix is wrong: {error}")
        root.set("exclude-result-prefixes", "#all")
        root.text = "\n"
        return root

    # --- phases and variables

    def _phases(self, phase: str) -> list[etree._Element]:
        """Return the phase that is active, none where all patterns are."""
        name = self._schema.get("defaultPhase", "#ALL") if phase == "#DEFAULT" else phase
        if name == "#ALL":
            return []
        phases = [*self._schema.iter(f"{SCH}phase")]
        found = [each for each in phases if each.get("id") == name]
        if not found:
            known = ", ".join(each.get("id", "") for each in phases) or "none"
            fail(self._schema, f"there is no phase {name}; there are: {known}")
        _require_supported(found[0])
        return found[:1]

    def _active(self, phase: str) -> list[etree._Element]:
        patterns = [each for each in self._schema.iter(*PATTERNS) if not _is_abstract(each)]
        for active in self._phases(phase):
            names = {each.get("pattern") for each in active.iterchildren(f"{SCH}active")}
            if unknown := names - {each.get("id") for each in patterns}:
                fail(active, f"there is no pattern {', '.join(sorted(map(str, unknown)))}")
            patterns = [each for each in patterns if each.get("id") in names]
        return patterns

    def _write_globals(self, above: list[etree._Element], patterns: list[etree._Element]) -> None:
        """Write variables and foreign declarations; a name of a pattern that is taken gets another."""
        taken: set[str] = set()
        for number, holder in enumerate([*above, *patterns]):
            names = {each.get("name", "") for each in holder.iterchildren(_LET)}
            if holder in patterns and (clashes := names & taken):
                _rename(holder, {name: f"{name}.{number}" for name in clashes})
            taken |= names
            for part in holder.iterchildren("*"):
                if part.tag == _LET:
                    self._write_let(self.root, part)
                elif part.tag in _NOT_COPIED:
                    fail(part, f"{etree.QName(part).localname} is not allowed in rules")
                elif str(part.tag).startswith(XSL):
                    self._copy(self.root, part)

    # --- patterns and rules

    def _write_entry(self, patterns: list[etree._Element], runs: list[list[_Run]]) -> None:
        entry = self._add(self.root, f"{XSL}template", self._schema, match="/")
        # The mark is of no use here but that its namespace need not be declared at each failure.
        output = self._add(entry, f"{SVRL}schematron-output", self._schema, **{SEEN: "yes"})
        for pattern, of_pattern in zip(patterns, runs, strict=True):
            stated = {name: _literal(pattern.get(name)) for name in ("id", "role") if name in pattern.attrib}
            self._add(output, f"{SVRL}active-pattern", pattern, **stated)
            call = self._add(output, f"{XSL}call-template", pattern, name="amtsbote:report")
            failures = self._add(call, f"{XSL}with-param", pattern, name="failures")
            for run in of_pattern:
                self._add(failures, f"{XSL}apply-templates", pattern, select=run.nodes.select, mode=run.mode)
        self._write_report()

    def _write_report(self) -> None:
        """Write what reports of each rule as many failures as may be shown, and the number of the rest."""
        schema = self._schema
        report = self._add(self.root, f"{XSL}template", schema, name="amtsbote:report")
        self._add(report, f"{XSL}param", schema, name="failures")
        failures = " | ".join(f"$failures//Q{each}" for each in FAILURES)
        kind = {"composite": "yes", "group-by": "string(@id), string(@role), string(@flag), string(@*:seen)"}
        kinds = self._add(report, f"{XSL}for-each-group", schema, select=failures, **kind)
        shown = f"current-group()[position() le {MAX_FINDINGS}]"
        self._add(kinds, f"{XSL}sequence", schema, select=shown)
        rest = self._add(kinds, f"{XSL}if", schema, test=f"count(current-group()) gt {MAX_FINDINGS}")
        more = self._add(rest, MORE, schema, count=f"{{count(current-group()) - {MAX_FINDINGS}}}")
        # Its prefix may stand for something else in this schema.
        self._add(more, f"{XSL}sequence", schema, select="@id, @role, @flag, @*:seen")

    def _write_pattern(self, pattern: etree._Element, mode: str) -> list[_Run]:
        """Write a pattern's rules, and return how they are to be run."""
        _require_supported(pattern)
        self._check_parts(pattern, {f"{SCH}rule", f"{SCH}param", _LET})
        rules = [each for each in pattern.iterchildren(f"{SCH}rule") if not _is_abstract(each)]
        runs = [[rule] for rule in rules] if pattern.tag == f"{SCH}group" else [rules]
        modes: list[_Run] = []
        for number, run in enumerate(runs):
            name, nodes = f"{mode}.{number}", _nodes([rule.get("context", "") for rule in run])
            modes.append(_Run(name, nodes))
            self._add(self.root, f"{XSL}mode", pattern, name=name, **{"on-no-match": "deep-skip"})
            for rank, rule in enumerate(reversed(run), start=1):
                self._write_rule(rule, name, rank, nodes)
        return modes

    def _write_rule(self, rule: etree._Element, mode: str, rank: int, nodes: _Nodes) -> None:
        _require_supported(rule)
        context = _required(rule, "context")
        template = self._add(self.root, f"{XSL}template", rule, match=context, mode=mode, priority=str(rank))
        for part in self._parts(rule, ()):
            if part.tag in {_ASSERT, _REPORT}:
                self._write_check(template, part, rule, nodes)
            elif part.tag == _LET:
                self._write_let(template, part)
            elif str(part.tag).startswith(XSL):
                self._copy(template, part)

    def _parts(self, rule: etree._Element, above: tuple[etree._Element, ...]) -> Iterator[etree._Element]:
        """Yield what a rule consists of, with that of the abstract rules that it extends in their place."""
        self._check_parts(rule, {_ASSERT, _REPORT, _EXTENDS, _LET})
        for part in rule.iterchildren("*"):
            if part.tag != _EXTENDS:
                yield part
                continue
            name = part.get("rule")
            beside = rule.getparent().iterchildren(f"{SCH}rule")  # type: ignore[union-attr]
            near = (each for each in beside if _is_abstract(each) and each.get("id") == name)
            model = next(near, self._rules.get(name))
            if model is None:
                fail(part, f"there is no abstract rule {name}")
            if model in above:
                fail(part, f"the rule {name} extends itself")
            yield from self._parts(model, (*above, rule))

    def _write_check(
        self, template: etree._Element, check: etree._Element, rule: etree._Element, nodes: _Nodes
    ) -> None:
        test = _required(check, "test")
        fails, name = (
            (f"not({test})", "failed-assert") if check.tag == _ASSERT else (test, "successful-report")
        )
        branch = self._add(template, f"{XSL}if", check, test=fails)
        failure = self._add(branch, f"{SVRL}{name}", check, location=_location(check, rule, nodes))
        has_level = any(check.get(each) for each in ("role", "flag", "severity"))
        for attribute in ("id", "role", "flag"):
            value = check.get(attribute)
            if attribute == "role" and not value:
                value = check.get("severity")
            if attribute != "id" and not has_level:
                value = rule.get(attribute)
            if value:
                failure.set(attribute, _literal(value))
        for named in check.get("diagnostics", "").split():
            if (diagnostic := self._diagnostics.get(named)) is None:
                fail(check, f"there is no diagnostic {named}")
            holder = self._add(failure, f"{SVRL}diagnostic-reference", check, diagnostic=_literal(named))
            self._write_text(self._add(holder, f"{SVRL}text", diagnostic), diagnostic)
        self._write_text(self._add(failure, f"{SVRL}text", check), check)

    # --- texts

    def _write_text(self, holder: etree._Element, source: etree._Element) -> None:
        """Write mixed content; `silence` decides which of its values stay."""
        self._write_string(holder, source, source.text)
        for part in source:
            if part.tag == f"{SCH}name":
                self._add(holder, f"{XSL}value-of", part, select=part.get("path") or "name(.)")
            elif part.tag == f"{SCH}value-of":
                self._add(holder, f"{XSL}value-of", part, select=_required(part, "select"))
            elif str(part.tag).startswith(XSL):
                self._copy(holder, part)
            elif isinstance(part.tag, str):
                self._write_text(holder, part)
            self._write_string(holder, source, part.tail)

    def _write_string(self, holder: etree._Element, source: etree._Element, text: str | None) -> None:
        self._growth.add_text(source, len(text or ""))
        if text:  # white space by itself would be stripped
            self._add(holder, f"{XSL}text", source).text = text

    # --- elements of the stylesheet

    def _write_let(self, holder: etree._Element, let: etree._Element) -> None:
        variable = self._add(holder, f"{XSL}variable", let, name=_required(let, "name"))
        if "as" in let.attrib:
            variable.set("as", let.get("as", ""))
        if "value" in let.attrib:
            variable.set("select", let.get("value", ""))
        for part in let.iterchildren("*") if "value" not in let.attrib else ():
            self._copy(variable, part)

    def _copy(self, holder: etree._Element, part: etree._Element) -> None:
        self._growth.add(part)
        copied = deepcopy(part)
        copied.tail = "\n"
        holder.append(copied)
        self.files[copied] = file_of(part)

    def _add(self, holder: etree._Element, tag: str, source: etree._Element, **stated: str) -> etree._Element:
        """Append an element that comes from one of the schema, on a line of its own."""
        self._growth.add_text(source, sum(map(len, stated.values()), CHARACTERS))
        element = etree.SubElement(holder, tag, stated)
        element.sourceline = source.sourceline
        in_text = holder.tag in {f"{SVRL}text", f"{SVRL}diagnostic-reference"}
        element.tail = None if in_text else "\n"
        self.files[element] = file_of(source)
        return element

    def _check_parts(self, holder: etree._Element, known: set[str]) -> None:
        """Refuse what nobody here knows: a misspelt rule would never fire."""
        for part in holder.iterchildren(f"{SCH}*"):
            if part.tag not in known | _IGNORED:
                name, place = etree.QName(part).localname, etree.QName(holder).localname
                fail(part, f"{name} is not known in {place}")


def _is_abstract(element: etree._Element) -> bool:
    return element.get("abstract") == "true"


def _required(element: etree._Element, attribute: str) -> str:
    value = element.get(attribute, "").strip()
    if not value:
        fail(element, f"{etree.QName(element).localname} has no {attribute}")
    return value


def _require_supported(element: etree._Element) -> None:
    for attribute, reason in _UNSUPPORTED.items():
        if attribute in element.attrib:
            fail(element, f"{attribute} of a {etree.QName(element).localname}: {reason}")


def _literal(text: str | None) -> str:
    """Write a text so that a value template gives it as it is."""
    return (text or "").replace("{", "{{").replace("}", "}}")


def _location(check: etree._Element, rule: etree._Element, nodes: _Nodes) -> str:
    """Point to the node that the rule is said to be about, where it names one."""
    subject = check.get("subject") or rule.get("subject")
    return f"{{(({subject})[. instance of node()], .)[1]!path(.)}}" if subject else nodes.location


def _nodes(contexts: Iterable[str]) -> _Nodes:
    """Select what is to be tried: what the contexts surely do not match need not be looked at."""
    branches = {branch for context in contexts for branch in _branches(context)}
    if any(not _ELEMENTS_ONLY.fullmatch(branch) or branch == "." for branch in branches):
        return _ALL
    return _ELEMENTS_AND_ROOT if "/" in branches else _ELEMENTS


def _branches(context: str) -> list[str]:
    """Return the alternatives of a context without their predicates."""
    while (shorter := _PREDICATE.sub("", context)) != context:
        context = shorter
    return [branch.strip() for branch in context.split("|")]


def _rename(pattern: etree._Element, names: dict[str, str]) -> None:
    """Call variables of a pattern by other names, in everything that is an expression."""

    def renamed(found: re.Match[str]) -> str:
        return found[0] if found[1] else f"${names.get(found[2], found[2])}"

    for element in pattern.iter("*"):
        if element.tag == _LET and element.getparent() is pattern:
            element.set("name", names.get(element.get("name", ""), element.get("name", "")))
        for attribute, value in element.items():
            element.set(attribute, _VARIABLE.sub(renamed, str(value)))
