"""Which of some known words a wrong one was probably meant to be."""

from collections.abc import Iterable

_MAX_LENGTH = 64
_MAX_COMPARED = 300
"""Two hundred findings, each about thousands of codes, are to be explained within a second or two."""
_MAX_DISTANCE = 3


def nearest(wrong: str, known: Iterable[str]) -> str | None:
    """Return the known word that is nearest to a wrong one; None where nothing is near.

    Upper and lower case, leading zeros of numbers and a third of the letters, at most three, may differ. A
    number is near to no other: every one of them is meant somewhere. One end is right, and of very many
    words that could be near only some hundred are looked at. Of a long one, such as an address, only what
    comes after the last slash, colon or hash may be wrong.
    """
    wrong = " ".join(wrong.split())
    if len(wrong) > _MAX_LENGTH:
        begin = wrong[: 1 + max(map(wrong.rfind, "/:#"))]
        ends = (word.removeprefix(begin) for word in known if word.startswith(begin))
        end = nearest(wrong.removeprefix(begin), ends) if begin else None
        return end and begin + end
    if not wrong:
        return None
    best, least, compared = None, _MAX_DISTANCE + 1, 0
    folded = wrong.casefold()
    for word in known:
        other = word.casefold()
        if abs(len(other) - len(folded)) >= least or not _may_be_near(folded, other):
            continue
        distance = _distance(folded, other, least)
        if distance < least and word != wrong:
            best, least = word, distance
        compared += 1
        if compared == _MAX_COMPARED:
            break
    return best


def _may_be_near(first: str, second: str) -> bool:
    """Whoever misspells a word rarely does so at both ends: this spares nearly all comparisons."""
    return second[:1] == first[0] or second[-1:] == first[-1] or first.lstrip("0") == second.lstrip("0")


def _distance(first: str, second: str, limit: int) -> int:
    """Count the letters by which two words differ, as far as `limit`."""
    if first == second:
        return 0
    if first.isdecimal() or second.isdecimal():
        return 0 if first.isdecimal() and first.lstrip("0") == second.lstrip("0") else limit
    allowed = min(max(len(first), len(second)) // 3, limit - 1)
    if allowed < 1 or abs(len(first) - len(second)) > allowed:
        return limit
    counted = _edits(first, second, allowed)
    return counted if counted <= allowed else limit


def _edits(first: str, second: str, allowed: int) -> int:
    """Count insertions, deletions, replacements and swaps of neighbours (optimal string alignment).

    Only what can come to `allowed` is looked at; beyond, the count is any larger number.
    """
    beyond, width = allowed + 1, len(second)
    before: list[int] = []
    above = list(range(width + 1))
    for row, letter in enumerate(first, start=1):
        line = [row] + [beyond] * width
        for column in range(max(1, row - allowed), min(width, row + allowed) + 1):
            other = second[column - 1]
            cost = min(above[column] + 1, line[column - 1] + 1, above[column - 1] + (letter != other))
            if row > 1 and column > 1 and letter == second[column - 2] and other == first[row - 2]:
                cost = min(cost, before[column - 2] + 1)
            line[column] = cost
        if min(line) > allowed:
            return beyond
        before, above = above, line
    return above[-1]
