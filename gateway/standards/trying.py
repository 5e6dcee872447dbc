"""Try a release on its own sample messages, which say more of a standard than its schemas and lists."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from gateway.contract.findings import Severity
from gateway.errors import Problem, Unavailable
from gateway.standards.codelists import used_codes
from gateway.standards.manifest import Manifest
from gateway.standards.roots import matching
from gateway.standards.standard import MessageType, Standard
from gateway.standards.survey import Survey
from gateway.xml.parse import parse
from gateway.xml.reference import write_reference

_NOT_CHECKED = "not checked: the rules run into their limits of time or memory, so such messages are put off"


@dataclass(frozen=True)
class Sample:
    """A published message, and whether this installation would take it; `reason` says why not."""

    path: Path
    valid: bool
    reason: str | None = None


def with_open_lists(standard: Standard, found: Survey) -> tuple[Manifest, list[tuple[str, str]]]:
    """Declare those lists open that the release's own messages contradict: they do not name all codes."""
    manifest = standard.manifest
    lists = {(known.uri, known.version): known.codes for known, _ in standard.code_list_files}
    opened = {
        key
        for root in _sample_trees(found, standard)
        if not standard.schema.find(root, write_reference(root)).errors
        for key, code in used_codes(root)
        if key in lists and code not in lists[key]
    }
    entries = [
        entry.model_copy(update={"closed": (known.uri, known.version) not in opened})
        for entry, (known, _) in zip(manifest.code_lists, standard.code_list_files, strict=True)
    ]
    return manifest.model_copy(update={"code_lists": entries}), sorted(opened)


def _samples(found: Survey, standard: Standard) -> Iterator[Path]:
    roots = {each.root for each in standard.message_types}
    yield from (each.path for each in found.instances if each.tag in roots)


def _sample_trees(found: Survey, standard: Standard) -> Iterator[etree._Element]:
    for path in _samples(found, standard):
        with suppress(Problem):
            yield parse((found.folder / path).read_bytes())


def try_samples(found: Survey, standard: Standard) -> Iterator[Sample]:
    """Judge each sample message as the gateway would; what is none of its messages is left out."""
    for path in _samples(found, standard):
        body = (found.folder / path).read_bytes()
        try:
            root = parse(body)
            types = [(each, standard) for each in standard.message_types if each.root == root.tag]
            fitting = matching(types, root)
        except Unavailable:
            yield Sample(path, False, _NOT_CHECKED)
        except Problem as problem:
            yield Sample(path, False, problem.detail)
        else:
            # Where a type wants more than a root element, a document without it is of another standard.
            for message_type, _ in fitting[:1]:
                yield Sample(path, *_verdict(standard, root, body, message_type))


def _verdict(
    standard: Standard, root: etree._Element, body: bytes, message_type: MessageType
) -> tuple[bool, str | None]:
    try:
        findings = standard.find(root, body, message_type)
    except Unavailable:
        return False, _NOT_CHECKED
    except Problem as problem:
        return False, problem.detail
    if findings.errors:
        first, *others = (each for each in findings.shown if each.severity is Severity.ERROR)
        more = len(others) + findings.more
        what = f"{first.rule or first.code} {first.path} {first.message.en}"
        return False, what + (f" (+{more})" if more else "")
    agrees = standard.schema.xmlschema.is_valid(root)
    return agrees, None if agrees else "libxml2 accepts it, xmlschema does not"
