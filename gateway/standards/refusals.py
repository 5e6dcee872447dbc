"""What is said of a message that is of no type served here, or whose header contradicts it."""

import datetime
import re
from collections.abc import Collection, Iterable

from lxml import etree

from gateway.contract.codes import RejectCode
from gateway.contract.findings import Bilingual, Finding, Findings, Severity
from gateway.errors import (
    AttachmentMismatch,
    CodeListViolation,
    CodeViolation,
    MetadataMismatch,
    Problem,
    RuleViolation,
    SchemaViolation,
    UnknownMessageType,
    VersionNotServed,
)
from gateway.standards.standard import MessageType, Standard
from gateway.xml.near import nearest
from gateway.xml.paths import Names
from gateway.xml.positions import locate
from gateway.xml.words import Option, listed, local_of, meant, possible, say, together

_VERSION_NUMBER = re.compile(r"\d+(?:[._]\d+)*")


def family(namespace: str) -> str:
    """Namespaces of one standard differ in their version numbers only."""
    return _VERSION_NUMBER.sub("#", namespace)


def version_problem(
    root: etree._Element,
    body: bytes,
    relatives: Iterable[Standard],
    today: datetime.date | None,
    message: Bilingual | None = None,
    own: Collection[Standard] = (),
) -> Problem:
    """Return the refusal of a version that is not served: which are, since and until when.

    Args:
        relatives: the versions of the same standard, without the message's own where that is taken.
        message: what is wrong, where it is something else.
        own: the versions that the message is of, where they are known; none of them is served on that day.
    """
    dated = [item for item in relatives if item.message_types and item.serves(None)]
    served = [item for item in dated if item.serves(today)]
    german, english = _validities(served, "seit", "bis"), _validities(served, "since", "until")
    none = ("keine andere", "no other") if message else ("keine", "none")
    hint = say(f"Bedient werden heute: {german or none[0]}", f"Served today: {english or none[1]}")
    if dated and not served:
        german, english = _validities(dated, "ab", "bis"), _validities(dated, "from", "until")
        hint = say(f"{hint.de}; zu anderer Zeit: {german}", f"{hint.en}; at other times: {english}")
    elif its_own := [item for item in dated if item in own]:
        german = "; ".join(_days(item, "ab", "bis") for item in its_own)
        english = "; ".join(_days(item, "from", "until") for item in its_own)
        hint = say(f"{hint.de}; diese Version: {german}", f"{hint.en}; this version: {english}")
    return at_root(VersionNotServed, root, body, message or _OTHER_VERSION, hint)


def outdated(
    standard: Standard,
    relatives: Iterable[Standard],
    root: etree._Element,
    body: bytes,
    today: datetime.date,
) -> Findings:
    """Warn of a version that is taken for a period of grace only."""
    manifest = standard.manifest
    message = Bilingual(
        de=f"Diese Version galt bis {manifest.valid_until} und wird nur noch bis {manifest.grace_until} "
        "angenommen.",
        en=f"This version was valid until {manifest.valid_until} and is only taken until "
        f"{manifest.grace_until}.",
    )
    others = [each for each in relatives if each is not standard]
    problem = version_problem(root, body, others, today, message)
    return Findings.of(each.model_copy(update={"severity": Severity.WARNING}) for each in problem.findings)


def _validities(standards: Iterable[Standard], since: str, until: str) -> str:
    return "; ".join(f"{each} ({_days(each, since, until)})" for each in standards)


def _days(standard: Standard, since: str, until: str) -> str:
    manifest = standard.manifest
    last = f", {until} {manifest.valid_until}" if manifest.valid_until else ""
    if last and manifest.grace_until:
        last += f", {_WARNED[until]} {manifest.grace_until}"
    return f"{since} {manifest.valid_from}{last}"


_WARNED = {"bis": "mit Warnung bis", "until": "with a warning until"}


def unmatched_problem(root: etree._Element, body: bytes, message_types: Iterable[MessageType]) -> Problem:
    """Return the refusal of a message that has the right root element, but not what its types ask for."""
    matches = [(each.id, each.match.xpath) for each in message_types if each.match]
    return at_root(VersionNotServed, root, body, _UNMATCHED, possible(Option(*each) for each in matches))


def unknown_root_problem(
    root: etree._Element,
    body: bytes,
    standards: Iterable[Standard],
    in_namespace: Iterable[Standard],
    today: datetime.date | None,
) -> Problem:
    """Return the refusal of a message whose root element no standard knows, and what was perhaps meant.

    Args:
        standards: all that there are.
        in_namespace: those of them that have the root element's namespace.
    """
    name, known = local_of(root), [*standards]
    message = say(_UNKNOWN_ROOT.de.format(name), _UNKNOWN_ROOT.en.format(name))
    hint = _other_root(name, known, in_namespace) or _served_hint(root, known, today)
    return at_root(UnknownMessageType, root, body, message, hint)


def _other_root(
    name: str, standards: Iterable[Standard], in_namespace: Iterable[Standard]
) -> Bilingual | None:
    """Say what was meant: the same name elsewhere, a near name, or one of those there are."""
    roots = [etree.QName(each.root) for standard in standards for each in standard.message_types]
    if elsewhere := sorted({each.namespace or "" for each in roots if each.localname == name}):
        german, english = " oder ".join(elsewhere), " or ".join(elsewhere)
        return say(
            f"»{name}« gehört in den Namensraum {german}", f"“{name}” belongs in the namespace {english}"
        )
    known = [item.name for standard in in_namespace for item in standard.message_types]
    near = nearest(name, known)
    return meant(f"»{near}«") if near else possible(known) if known else None


def _served_hint(
    root: etree._Element, standards: Iterable[Standard], today: datetime.date | None
) -> Bilingual:
    """Say which namespace was meant, if any is near, and what is served today."""
    served = [each.manifest for each in standards if each.message_types and each.serves(today)]
    there = [f"{each.standard} {each.version} ({each.namespace})" for each in served]
    hint = listed("Bedient werden heute", "Served today", there) if there else _NOTHING_SERVED
    near = nearest(etree.QName(root).namespace or "", [each.namespace for each in served])
    return together([meant(near), hint]) or hint if near else hint


def at_root(
    kind: type[Problem],
    root: etree._Element,
    body: bytes,
    message: Bilingual,
    hint: Bilingual | None,
) -> Problem:
    """Return a problem with one finding, at the root element."""
    position = locate(body, root, [root])[root]
    names = Names(root)
    path = names.path(root)
    finding = Finding(
        code=str(kind.code or RejectCode.OTHER),
        path=path,
        namespaces=names.namespaces(path),
        line=position.line,
        column=position.column,
        message=message,
        hint=hint,
    )
    return kind(findings=[finding])


# In the order in which a message is looked at: the first that finds an error gives the problem its name.
_PROBLEMS: dict[RejectCode, type[Problem]] = {
    RejectCode.SCHEMA: SchemaViolation,
    RejectCode.CODE_LIST: CodeListViolation,
    RejectCode.CODE: CodeViolation,
    RejectCode.RULE: RuleViolation,
    RejectCode.ATTACHMENT: AttachmentMismatch,
    RejectCode.OTHER: MetadataMismatch,
}


def require_no_errors(findings: Findings) -> None:
    """Raise the problem that the first look with an error gives its name to, with all findings."""
    if errors := findings.errors:
        kind = next(problem for code, problem in _PROBLEMS.items() if code in errors)
        raise kind(findings=findings.shown, more_findings=findings.more)


_UNKNOWN_ROOT = Bilingual(
    de="Kein Standard dieser Installation kennt das Wurzelelement »{}« in seinem Namensraum.",
    en="No standard of this installation knows the root element “{}” in its namespace.",
)
_UNMATCHED = Bilingual(
    de="Von den Nachrichtentypen mit diesem Wurzelelement ist keiner für eine Nachricht dieses Inhalts.",
    en="Of the message types with this root element none is for a message of this content.",
)
_NOTHING_SERVED = say("Bedient wird heute nichts", "Nothing is served today")
_OTHER_VERSION = Bilingual(
    de="Der Standard ist bekannt, diese Version wird heute aber nicht bedient.",
    en="The standard is known, but this version is not served today.",
)
