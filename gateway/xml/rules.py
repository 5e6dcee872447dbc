"""Business rules of a standard: Schematron, or the XSLT that was compiled from it, and what they find."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import structlog
from lxml import etree

from gateway.contract.codes import RejectCode
from gateway.contract.findings import MAX_FINDINGS, Bilingual, Finding, Findings, Severity
from gateway.errors import ConfigurationError, Unavailable
from gateway.xml import svrl
from gateway.xml.paths import Names
from gateway.xml.positions import find_places
from gateway.xml.reference import read_reference
from gateway.xml.schematron import compile_schematron
from gateway.xml.stylesheet import XSL, Stylesheet, require_stylesheet
from gateway.xml.svrl import Failure
from gateway.xml.workers import Workers, shared_workers

_log = structlog.get_logger()

# Also information: a finding that asks for nothing is still one that its author wanted to be seen.
_WARNINGS = frozenset({"warn", "warning", "info", "information"})


@dataclass(frozen=True)
class RuleFile:
    """One file of rules, Schematron or XSLT, whatever it is called.

    `within` is the folder it may include from, `phase` one of Schematron's phases, `severity` what rules
    weigh here, by their ids, whatever the file says. `known` has the stylesheets of all that share it.
    """

    path: Path
    within: Path
    phase: str | None = None
    severity: Mapping[str, Severity] = field(default_factory=dict)
    known: dict[tuple[Path, str | None], Stylesheet] = field(default_factory=dict)

    def stylesheet(self) -> Stylesheet:
        """Return the XSLT that reports on a message without repeating its values.

        Raises:
            ConfigurationError: the file cannot be read, or is wrong.
        """
        key = self.path, self.phase
        if key not in self.known:
            self.known[key] = self._read()
        return self.known[key]

    def _read(self) -> Stylesheet:
        root = read_reference(self.path)
        if not str(root.tag).startswith(XSL):
            return compile_schematron(self.path, self.within, self.phase)
        if self.phase:
            raise ConfigurationError(
                f"{self.path}: is XSLT, of which no phase can be chosen any more; take {self.phase} out of "
                "standard.yaml"
            )
        require_stylesheet(root, self.path)
        if not svrl.writes_svrl(root):
            raise ConfigurationError(f"{self.path}: writes no SVRL, so nothing would be heard of its rules")
        svrl.silence(root)
        return Stylesheet(str(self.path), root)

    def weigh(self, rule: str | None, level: str) -> Severity:
        """Say whether a rule that is broken refuses the message; `level` is what the file says of it."""
        stated = Severity.WARNING if level in _WARNINGS else Severity.ERROR
        return self.severity.get(rule or "", stated)


class Rules:
    """All rules of one standard, compiled on first use.

    Args:
        files: each is run on every message.
        prefixes: for paths, where a message has none of its own.
        workers: where they are run.
    """

    def __init__(
        self,
        files: Sequence[RuleFile],
        prefixes: Mapping[str, str],
        workers: Callable[[], Workers] = shared_workers,
    ) -> None:
        self._files = files
        self._prefixes = prefixes
        self._workers = workers

    @cached_property
    def _stylesheets(self) -> list[Stylesheet]:
        return [each.stylesheet() for each in self._files]

    def compile(self) -> None:
        """Compile all files as for a message.

        Raises:
            ConfigurationError: one is wrong; with file and line.
        """
        for each in self._stylesheets:
            self._workers().compile(each)

    def find(self, root: etree._Element, body: bytes) -> Findings:
        """Return what the rules object to in a message, and what they warn of.

        Raises:
            Unavailable: they could not be run to their end.
        """
        if not self._files:
            return Findings()
        reports = self._workers().run(self._stylesheets, root)
        count = _Count()
        broken: list[tuple[Severity, Failure]] = []
        for rules in self._files:
            broken += _first(rules, reports.pop(0), count)
        broken.sort(key=lambda each: each[0] is not Severity.ERROR)
        del broken[MAX_FINDINGS:]
        if count.of[Severity.ERROR] and broken[0][0] is not Severity.ERROR:
            raise Unavailable  # a report that counts errors and shows none is not to be believed
        places = find_places(body, root, svrl.resolve(root, [failure for _, failure in broken]))
        names = Names(root, self._prefixes)
        findings = []
        for (severity, failure), place in zip(broken, places, strict=True):
            path = names.path(place.element, place.attribute)
            finding = Finding(
                code=str(RejectCode.RULE),
                severity=severity,
                path=path,
                namespaces=names.namespaces(path),
                line=place.position.line,
                column=place.position.column,
                message=_sentence(failure),
                hint=_hint(failure),
                rule=failure.rule,
            )
            findings.append(finding)
        known = frozenset(count.rules) if count.is_complete else None
        return Findings.of(findings, count.of.total() - len(findings), known)


@dataclass
class _Count:
    """How much is broken of each weight, by which rules; not complete where a report was cut off."""

    of: Counter[Severity] = field(default_factory=Counter)
    rules: set[tuple[str, Severity]] = field(default_factory=set)
    is_complete: bool = True


def _first(rules: RuleFile, report: bytearray, count: _Count) -> list[tuple[Severity, Failure]]:
    """Return as many failures of each weight as may be shown, and count all of them."""

    def wanted(rule: str | None, level: str, number: int) -> bool:
        severity = rules.weigh(rule, level)
        count.of[severity] += number
        count.rules.add((rule or str(RejectCode.RULE), severity))
        return count.of[severity] <= MAX_FINDINGS

    found: list[tuple[Severity, Failure]] = []
    try:
        for each in svrl.read(report, wanted):
            found.append((rules.weigh(each.rule, each.level), each))
    except ValueError as error:
        if not count.of[Severity.ERROR]:
            _log.error("rules_unavailable", reason=f"{rules.path.name}: {error}")
            raise Unavailable from error
        # A report that is cut off refuses with what it says up to there; that more is broken is known.
        count.of[Severity.ERROR] += 1
        count.is_complete = False
    return found


def _sentence(failure: Failure) -> Bilingual:
    """Say what the rule says; its own language is most often German, and there is but one."""
    german, english = f"Die Regel {failure.rule}", f"Rule {failure.rule}"
    if failure.rule is None:
        german, english = "Eine Regel des Standards", "A rule of the standard"
    is_broken, is_broken_en = "ist nicht erfüllt", "is not met"
    if failure.is_report:
        is_broken, is_broken_en = "beanstandet diese Stelle", "objects to this"
    if not failure.text:
        return Bilingual(de=f"{german} {is_broken}.", en=f"{english} {is_broken_en}.")
    return Bilingual(de=failure.text, en=f"{english} {is_broken_en}: {failure.text}")


def _hint(failure: Failure) -> Bilingual | None:
    return Bilingual(de=failure.diagnostics, en=failure.diagnostics) if failure.diagnostics else None
