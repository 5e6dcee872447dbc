"""What is said of a message on a terminal: each finding with its line and a caret, and how many there are.

The same for a refusal by the gateway, by the command line itself, and for warnings about what is accepted.
"""

import shutil
from collections.abc import Iterator
from typing import Any

from rich.cells import cell_len
from rich.text import Text

from gateway.cli.source import Source, visible
from gateway.contract.findings import Severity

_WIDTH = 100
"""Where nobody says how wide the terminal is."""
_COLOURS = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow"}
_GUTTER = 9


def counted(findings: list[dict[str, Any]], more: int) -> tuple[str, str]:
    """Say in German and English how many errors and warnings there are, and how many more."""
    warnings = sum(each["severity"] == Severity.WARNING for each in findings)
    errors = len(findings) - warnings
    german = [
        f"{errors} Fehler" if errors or not warnings else "",
        f"{warnings} {'Warnung' if warnings == 1 else 'Warnungen'}" if warnings else "",
        f"{more} weitere, die hier nicht stehen" if more else "",
    ]
    english = [
        f"{errors} {'error' if errors == 1 else 'errors'}" if errors or not warnings else "",
        f"{warnings} {'warning' if warnings == 1 else 'warnings'}" if warnings else "",
        f"{more} more that are not shown" if more else "",
    ]
    return ", ".join(filter(None, german)), ", ".join(filter(None, english))


def problem_report(problem: dict[str, Any], source: Source | None = None) -> Text:
    """Say what is wrong: every finding, then the problem as a whole; `problem` as HTTP has it."""
    findings = problem.get("findings", [])
    title, detail = problem.get("title", ""), problem.get("detail", "")
    if not findings:
        german = _whole(problem.get("title_de", ""), problem.get("detail_de", ""))
        return Text("\n").join(Text(visible(each)) for each in (german, _whole(title, detail)) if each)
    whole = " / ".join(filter(None, [problem.get("title_de"), title]))
    code = f" ({problem['code']})" if problem.get("code") else ""
    name = f"{source.name}: " if source else ""
    head = Text(f"{name}abgewiesen / refused{code}: {visible(whole)}", _COLOURS[Severity.ERROR])
    return Text("\n").join([*_findings(findings, source), head, _count(problem)])


def _whole(title: str, detail: str) -> str:
    return detail if title in detail else f"{title} {detail}"


def findings_report(answer: dict[str, Any], source: Source | None = None) -> list[Text]:
    """Say what an accepted message is warned of; nothing where it is not."""
    findings = answer.get("findings", [])
    return [*_findings(findings, source), _count(answer)] if findings else []


def _count(answer: dict[str, Any]) -> Text:
    return Text(" / ".join(counted(answer["findings"], answer.get("findings_more") or 0)))


def _findings(findings: list[dict[str, Any]], source: Source | None) -> Iterator[Text]:
    for finding in findings:
        yield _head(finding, source)
        if source and finding["line"] is not None:
            yield from _excerpt(finding, source)
        yield from (Text(f"  {visible(said)}", style) for said, style in _said(finding))
        yield Text()


def _head(finding: dict[str, Any], source: Source | None) -> Text:
    """Write place and code as compilers do, so that editors find the place."""
    line, column = finding["line"], finding["column"]
    name = source.name if source else ""
    place = f"{name}:{line}:{column}: " if name and line is not None else f"{name}: " if name else ""
    if not name and line is not None:
        place = f"{line}:{column}: "
    severity = Severity(finding["severity"])
    head = Text.assemble((place, "bold"), (f"{severity} {visible(finding['code'])}", _COLOURS[severity]))
    if rule := finding.get("rule"):
        head.append(f" [{visible(rule)}]", _COLOURS[severity])
    return head.append(f" {visible(finding['path'])}", "dim")


def _excerpt(finding: dict[str, Any], source: Source) -> Iterator[Text]:
    width = max(40, shutil.get_terminal_size((_WIDTH, 24)).columns - _GUTTER)
    colour = _COLOURS[Severity(finding["severity"])]
    for line in source.excerpt(finding["line"], finding["column"], width=width):
        caret = "^".ljust(cell_len(line.marked), "~")
        yield Text.assemble((f"{line.number:6} │ ", "blue"), line.before, (line.marked, "bold"), line.after)
        yield Text.assemble((f"{'':6} │ ", "blue"), " " * cell_len(line.before), (caret, colour))


def _said(finding: dict[str, Any]) -> Iterator[tuple[str, str]]:
    message, hint = finding["message"], finding.get("hint")
    yield message["de"], ""
    yield message["en"], "italic"
    if hint:
        yield f"→ {hint['de']}", ""
        yield f"→ {hint['en']}", "italic"
    if words := finding.get("documentation"):
        yield f"Schema: {words}", "dim"
