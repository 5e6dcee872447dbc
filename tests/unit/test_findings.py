"""Which findings are shown where there are too many."""

from collections.abc import Callable

import pytest

from gateway.contract.findings import MAX_FINDINGS, Bilingual, Finding, Findings, Severity

SAID = Bilingual(de="falsch", en="wrong")


def at(lines: range, code: str, severity: Severity = Severity.ERROR) -> Findings:
    """Return what one look has found: one finding in each of these lines."""
    shown = [
        Finding(code=code, severity=severity, path=f"/a/{code}[{line}]", line=line, column=1, message=SAID)
        for line in lines
    ]
    return Findings.of(shown)


@pytest.mark.parametrize("put_together", [Findings.joined, Findings.followed_by], ids=["joined", "followed"])
def test_first_ones_of_the_document_are_shown_whichever_look_has_found_them(
    put_together: Callable[[Findings, Findings], Findings],
) -> None:
    found = put_together(at(range(2, 602, 2), "X001"), at(range(1, 601, 2), "S011"))
    assert [(each.line, each.code) for each in found.shown] == [
        (line, "X001" if line % 2 == 0 else "S011") for line in range(1, MAX_FINDINGS + 1)
    ]
    assert found.more == 400


def test_warnings_are_left_out_before_errors() -> None:
    warnings = at(range(1, 150), "X002", Severity.WARNING)
    found = warnings.followed_by(at(range(1000, 1100), "X001"))
    assert [each.code for each in found.shown] == ["X002"] * (MAX_FINDINGS - 100) + ["X001"] * 100
    assert found.more == 49
