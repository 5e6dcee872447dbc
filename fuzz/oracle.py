"""What is promised of every message, whatever it is like, and whether it was kept.

A refusal is a `Problem` with a status below 500, within two seconds; its findings lead to their places, in
document order, at most 200, and repeat no value, nor does a log or standard error; none is put less well
because something failed. libxml2 and xmlschema agree, but for known reasons. HTTP and command line say the
same.
"""

import json
import re
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers.expat import ExpatError

from lxml import etree
from structlog.testing import capture_logs

from fuzz import engines, reasons
from fuzz.campaign import Violation
from fuzz.memory import Peak
from fuzz.overheard import Overheard
from fuzz.places import Places
from fuzz.strategies import Mutant
from fuzz.surface import Surface
from fuzz.values import CANARY, NUMBER_CANARY, without_sizes
from gateway.contract.codes import RejectCode
from gateway.contract.findings import MAX_FINDINGS, Finding, Severity
from gateway.domain.calendar import today
from gateway.errors import Problem
from gateway.standards import Catalogue, Incoming, Standard
from gateway.xml.parse import parse

MAX_S, MAX_EXTRA_MIB = 2.0, 64
_MAX_TAGS = 2000
_LINE = re.compile(r"(?:Zeile|line) \d+")
_MARK, _PIECES = "\ue0f2", b"<!-- --><![CDATA[]]><?x ?>"
_FAILURES = {"faults_not_refined", "fault_not_described"}
_ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Outcome:
    """What became of a message: `incoming` or `problem`, or an error that was not to be."""

    incoming: Incoming | None
    problem: Problem | None
    error: Exception | None
    seconds: float
    extra_mib: float

    @property
    def name(self) -> str:
        """One word for the table."""
        return (
            "accepted" if self.incoming else self.problem.type if self.problem else type(self.error).__name__
        )

    @property
    def findings(self) -> list[Finding]:
        """What was found, also where it only warns."""
        return (
            self.problem.findings
            if self.problem
            else [*self.incoming.warnings.shown]
            if self.incoming
            else []
        )


@dataclass
class Oracle:
    """Checks messages; counts what became of them and where the engines disagreed."""

    catalogue: Catalogue
    overheard: Overheard
    surface: Surface | None = None
    outcomes: Counter[str] = field(default_factory=Counter)
    disagreements: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0

    @property
    def account(self) -> str:
        """Say what became of the messages, and why the engines disagreed how often."""
        outcomes = ", ".join(f"{count} {name}" for name, count in self.outcomes.most_common())
        lines = [f"  {outcomes}; the slowest took {self.slowest_s:.2f} s"]
        for reason, many in sorted(self.disagreements.items(), key=lambda each: -each[1]):
            lines.append(f"  engines disagree {many} times: {reason}")
        return "\n".join(lines)

    def check(self, mutant: Mutant) -> list[Violation]:
        """Return the promises that a message breaks."""
        with capture_logs() as logs:
            violations = self._check(mutant)
        failed = (f"{each['event']}: {each.get('error')}" for each in logs if each["event"] in _FAILURES)
        return [
            *violations,
            *(
                Violation(each, "an error was made good, but findings say less than they should")
                for each in failed
            ),
            *_of_what_is_said(f"{logs} {self.overheard.since_last()}", "a log or standard error"),
        ]

    def _check(self, mutant: Mutant) -> list[Violation]:
        outcome = read(self.catalogue, mutant.body)
        self.outcomes[outcome.name] += 1
        violations = violations_of(outcome, mutant.body)
        if outcome.error:
            return violations
        if outcome.seconds > MAX_S:  # this machine may have been busy with something else
            seconds = min(outcome.seconds, read(self.catalogue, mutant.body).seconds)
            self.slowest_s = max(self.slowest_s, seconds)
            if seconds > MAX_S:
                violations.append(Violation("takes more than two seconds", f"{seconds:.1f} s"))
        else:
            self.slowest_s = max(self.slowest_s, outcome.seconds)
        violations += self._of_engines(outcome, mutant)
        violations += self._of_writing(outcome, mutant.body)
        if self.surface:
            violations += [Violation(*each) for each in self.surface.check(mutant.body, outcome.problem)]
        return violations

    def _of_engines(self, outcome: Outcome, mutant: Mutant) -> Iterator[Violation]:
        standard = _standard(self.catalogue, mutant.body)
        if standard is None:
            return
        verdicts = engines.judge(standard.schema, mutant.body)
        refused = any(
            each.code == RejectCode.SCHEMA and each.severity is Severity.ERROR for each in outcome.findings
        )
        wrong = bool(verdicts.libxml2) and not reasons.padding_only(verdicts)
        if refused != wrong and not (refused and reasons.identity_only(verdicts)):
            yield Violation(
                "the verdict is not libxml2's", f"{outcome.name}, libxml2: {verdicts.libxml2[:1]}"
            )
        if not verdicts.agree:
            reason = reasons.find(verdicts)
            self.disagreements[reason or verdicts.summary] += 1
            if reason is None:
                yield Violation(f"the engines disagree: {verdicts.summary}", str(verdicts)[:2000])

    def _of_writing(self, outcome: Outcome, body: bytes) -> Iterator[Violation]:
        """Write the same values in pieces: what is said of them has to stay the same."""
        if outcome.problem is None or body.count(b"<") > _MAX_TAGS:
            return
        try:
            pieces = _in_pieces(body)
        except Problem:
            return
        other = read(self.catalogue, pieces)
        if _said(other) != _said(outcome):
            yield Violation("says something else of values in pieces", f"{_said(outcome)}\n{_said(other)}")


def _in_pieces(body: bytes) -> bytes:
    root = parse(body)
    for element in root.iter("*"):
        if element.text and len(element) == 0:
            middle = len(element.text) // 2
            element.text = f"{element.text[:middle]}{_MARK}{element.text[middle:]}"
    return etree.tostring(root, encoding="utf-8").replace(_MARK.encode(), _PIECES)


def _said(outcome: Outcome) -> tuple[str, list[tuple[object, ...]]]:
    """Return what is said and where, but for lines: writing a message anew moves them."""
    return outcome.name, [
        (each.code, each.path, each.message, _LINE.sub("", str(each.hint))) for each in outcome.findings
    ]


def read(catalogue: Catalogue, body: bytes) -> Outcome:
    """Read a message as the gateway does."""
    incoming, problem, error = None, None, None
    began = time.perf_counter()
    with Peak() as peak:
        try:
            incoming = catalogue.read(body, today=today(), sent=(), stated={})  # as one that is sent
        except Problem as caught:
            problem = caught.with_traceback(None)  # or it would keep the tree
        except Exception as caught:  # that is what is looked for
            error = caught
    return Outcome(incoming, problem, error, time.perf_counter() - began, peak.extra_mib)


def violations_of(outcome: Outcome, body: bytes) -> list[Violation]:
    """Return what is wrong with an outcome by itself."""
    return [*_of_outcome(outcome), *(_of_findings(outcome, body) if not outcome.error else ())]


def _of_outcome(outcome: Outcome) -> Iterator[Violation]:
    if outcome.error:
        yield Violation(f"raises {raised(outcome.error)}", "".join(traceback.format_exception(outcome.error)))
    elif outcome.problem and outcome.problem.status >= 500:
        yield Violation(f"is answered by {outcome.problem.status}", outcome.problem.detail)
    if outcome.extra_mib > MAX_EXTRA_MIB:
        yield Violation("takes too much memory", f"{outcome.extra_mib:.0f} MiB on top")
    document = [each.model_dump(mode="json") for each in outcome.findings]
    detail = outcome.problem.explanation.model_dump() if outcome.problem else {}
    yield from _of_what_is_said(json.dumps([document, detail], ensure_ascii=False), "a finding")


def _of_what_is_said(text: str, where: str) -> Iterator[Violation]:
    text = without_sizes(text)
    for canary in (CANARY, NUMBER_CANARY):
        if (place := text.find(canary)) >= 0:
            yield Violation(f"{where} repeats a value of the message", text[max(0, place - 300) : place + 50])


def _of_findings(outcome: Outcome, body: bytes) -> Iterator[Violation]:
    findings = outcome.findings
    if len(findings) > MAX_FINDINGS or (outcome.problem and outcome.problem.more_findings < 0):
        yield Violation("there are too many findings", str(len(findings)))
    if outcome.problem and not any(each.severity is Severity.ERROR for each in findings):
        yield Violation("is refused without an error", outcome.name)
    order = [(each.line or 0, each.column or 0) for each in findings]
    if order != sorted(order):
        yield Violation("findings are not in document order", str(order[:20]))
    located = [each for each in findings if each.path != "/"]
    if not located:
        if (
            findings
            and body.strip()
            and not any((each.line or 1) <= body.count(b"\n") + 1 for each in findings)
        ):
            yield Violation("a place is outside of the message", str(order))
        return
    try:
        places = Places(body)
    except (Problem, ExpatError):  # only the product says where
        return
    for finding in located:
        if fault := places.fault(finding):
            yield Violation(f"{finding.code} {fault}", f"{finding!r}")


def _standard(catalogue: Catalogue, body: bytes) -> Standard | None:
    try:
        return catalogue.open(body, today=today()).standard
    except Problem:
        return None


def raised(error: BaseException) -> str:
    """Say which exception came from which line of the product, or of what it uses."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if str(_ROOT / "gateway") in frame.filename
    ]
    place = f"{Path(frames[-1].filename).relative_to(_ROOT)}:{frames[-1].lineno}" if frames else "elsewhere"
    return f"{type(error).__name__} in {place}"
