"""Which of some known words a wrong one was probably meant to be."""

from collections.abc import Iterable

_MAX_LENGTH = 64
_MAX_CANDIDATES = 5000
_MAX_DISTANCE = 3


def nearest(wrong: str, known: Iterable[str]) -> str | None:
    """Return the known word that is nearest to a wrong one; None where nothing is near.

    Upper and lower case, leading zeros of numbers and a third of the letters, at most three, may differ. A
    number is near to no other: every one of them is meant somewhere.
    """
    wrong = " ".join(wrong.split())
    if not wrong or len(wrong) > _MAX_LENGTH:
        return None
    best, least = None, _MAX_DISTANCE + 1
    for number, word in enumerate(known):
        if number >= _MAX_CANDIDATES:
            break
        distance = _distance(wrong, word, least)
        if distance < least and word != wrong:
            best, least = word, distance
    return best


def _distance(wrong: str, word: str, limit: int) -> int:
    """Count the letters by which two words differ, as far as `limit`."""
    first, second = wrong.casefold(), word.casefold()
    if first == second:
        return 0
    if first.isdecimal() or second.isdecimal():
        return 0 if first.isdecimal() and first.lstrip("0") == second.lstrip("0") else limit
    allowed = min(max(len(first), len(second)) // 3, limit - 1)
    if allowed < 1 or abs(len(first) - len(second)) > allowed:
        return limit
    counted = _edits(first, second)
    return counted if counted <= allowed else limit


def _edits(first: str, second: str) -> int:
    """Count insertions, deletions, replacements and swaps of neighbours (optimal string alignment)."""
    before: list[int] = []
    above = list(range(len(second) + 1))
    for row, letter in enumerate(first, start=1):
        line = [row]
        for column, other in enumerate(second, start=1):
            cost = min(above[column] + 1, line[-1] + 1, above[column - 1] + (letter != other))
            if row > 1 and column > 1 and letter == second[column - 2] and other == first[row - 2]:
                cost = min(cost, before[column - 2] + 1)
            line.append(cost)
        before, above = above, line
    return above[-1]
