"""Which message type a root element is of: what tells the versions of standards apart, or which day does."""

import datetime
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from lxml import etree

from gateway.domain import calendar
from gateway.errors import ConfigurationError
from gateway.standards.condition import all_held
from gateway.standards.manifest import FILE_NAME
from gateway.standards.refusals import family
from gateway.standards.standard import MessageType, Standard

Typed: TypeAlias = tuple[MessageType, Standard]


def by_root(standards: Iterable[Standard]) -> dict[str, list[Typed]]:
    """Group message types by root element; what cannot be told apart must not be in one catalogue."""
    found: dict[str, list[Typed]] = {}
    for standard in standards:
        enter(found, standard)
    return found


def enter(found: dict[str, list[Typed]], standard: Standard) -> None:
    """Add the message types of one more standard, all or none.

    Raises:
        ConfigurationError: its messages could be taken for those of another.
    """
    new: dict[str, list[Typed]] = {}
    for message_type in standard.message_types:
        own = new.setdefault(message_type.root, [])
        for known in (*found.get(message_type.root, ()), *own):
            if fault := _confusion((message_type, standard), known):
                raise ConfigurationError(f"{standard.folder / FILE_NAME}: {fault}")
        own.append((message_type, standard))
    for root, types in new.items():
        found.setdefault(root, []).extend(types)


def require_told_apart(standard: Standard, others: Iterable[Standard]) -> None:
    """Make sure that messages of a standard cannot be taken for those of the others.

    Raises:
        ConfigurationError: they can; without this one, the others are as good as they were.
    """
    enter(by_root(others), standard)


def _confusion(new: Typed, known: Typed) -> str | None:
    """Say why messages of one type could be taken for those of another; None: they cannot.

    Releases of one standard may look the same, as those of a configuration do that only has new rules: then
    the later first day decides. A release without one is not served, so that it can wait beside the other.
    """
    (this, standard), (that, owner) = new, known
    if this.match != that.match:
        return None
    if standard.manifest.stated_version != owner.manifest.stated_version:
        return None
    if standard is owner or this.standard != that.standard:
        same = "root element" if this.match is None else "root element and the same match"
        return f"{this.id} and {that.id} have the same {same}, and nothing tells their messages apart"
    first = standard.manifest.valid_from
    if first is None or first != owner.manifest.valid_from:
        return None
    return (
        f"valid_from: {first} is the first day of {owner} as well, and nothing else tells messages of "
        f"{this.id} and {that.id} apart; give one of the two another first day, and the later takes over on "
        "its own"
    )


class Roots:
    """Message types by root element, once all are known."""

    def __init__(self, standards: Iterable[Standard]) -> None:
        self._known = by_root(standards)
        self._alone = {tag: known[0] for tag, known in self._known.items() if _is_alone(tag, known)}
        self._asking = {
            tag
            for tag, known in self._known.items()
            if any(each.match is not None and each.match.takes_time for each, _ in known)
        }

    def of(self, root: etree._Element) -> Sequence[Typed]:
        """Return the types that a message with this root element may be of."""
        return self._known.get(str(root.tag), ())

    def alone(self, root: etree._Element) -> Typed | None:
        """Return the only type that a message with this root element may be of, whatever else it says."""
        return self._alone.get(str(root.tag))

    def asks_worker(self, root: etree._Element) -> bool:
        """Say whether telling the types of a root element apart may wait for a worker process."""
        return str(root.tag) in self._asking


def _is_alone(tag: str, known: Sequence[Typed]) -> bool:
    """Say whether a root element is of one version by its namespace, which has that version's number.

    A header that names another is a contradiction then, and said as one.
    """
    namespace = etree.QName(tag).namespace or ""
    return len(known) == 1 and known[0][0].match is None and family(namespace) != namespace


def matching(known: Sequence[Typed], root: etree._Element) -> list[Typed]:
    """Return those types of a root element whose `match` holds of a message.

    Raises:
        Unavailable: what tells them apart is asked of a worker, and none could answer.
    """
    asked = {each.match for each, _ in known if each.match is not None}
    try:
        held = all_held(asked, root)
    except ConfigurationError:  # one of them is no XPath: it is put off as it is asked alone
        return [each for each in known if each[1].matches(each[0], root)]
    return [each for each in known if each[0].match is None or each[0].match in held]


def newest(served: Iterable[Typed], today: datetime.date | None) -> Typed | None:
    """Choose among types that a message fits and that are served: the first of the version that came last."""
    day = today or calendar.today()  # on no particular day, none that is yet to come before one in force

    def age(typed: Typed) -> tuple[bool, datetime.date]:
        first = typed[1].manifest.valid_from or datetime.date.min
        return first <= day, first

    return max(served, key=age, default=None)
