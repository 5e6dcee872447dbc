"""One compiled schema: whether it accepts a message, and if not, every finding.

libxml2 (lxml) decides; it is two orders of magnitude faster. Identifiers of XML Schema's own types, which it
leaves out, are looked at in `identity`. What a refusal says is put together in `explain`. A schema is a set
of documents held in memory that refer to each other by name; compiling sees a folder with these and nothing
else.
"""

import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from lxml import etree

from gateway.contract.findings import Findings
from gateway.errors import ConfigurationError
from gateway.xml import sentences
from gateway.xml.content import is_demanded
from gateway.xml.declarations import Declarations, Look, attributes_of
from gateway.xml.explain import explain
from gateway.xml.identity import Identifiers, find_identifiers
from gateway.xml.lxml_faults import MAX_ERRORS
from gateway.xml.padding import trim
from gateway.xml.parse import MAX_TREE_TAGS, has_more_tags
from gateway.xml.patterns import match_by_libxml2
from gateway.xml.reference import parse_reference, write_reference
from gateway.xml.repertoire import Repertoire, split
from gateway.xml.words import local

if TYPE_CHECKING:
    import xmlschema

_log = structlog.get_logger()
_CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True)
class Documents:
    """Schema documents by file name, each naming the others by these names; `entry` is read first.

    `origins` says which files they were, as an operator knows them.
    """

    entry: str
    files: Mapping[str, bytes]
    origins: Mapping[str, str] = field(default_factory=dict)

    def write(self, folder: str) -> str:
        """Write them all into `folder` and return the path of the entry."""
        for name, content in self.files.items():
            Path(folder, name).write_bytes(content)
        return str(Path(folder, self.entry))

    def localise(self, complaint: str, folder: str) -> str:
        """Return what an engine says of the documents in `folder` as said of the files that they were."""
        for name, origin in self.origins.items():
            for written in (f"file://{folder}/{name}", f"{folder}/{name}"):
                complaint = complaint.replace(written, origin)
        return complaint


class Schema:
    """A schema that is compiled on first use, by the second engine only on the first refusal."""

    def __init__(self, documents: Documents, prefixes: Mapping[str, str]) -> None:
        self.documents = documents
        self._prefixes = prefixes
        self._one_at_a_time = threading.Lock()

    def find(self, root: etree._Element, body: bytes) -> Findings:
        """Return all that is wrong with a message, as both engines see it; nothing lets it pass.

        `root` may gain attributes for which the schema states a default or fixed value, and lose white space
        around dates and times.
        """
        schema = self._for(body)
        doubtful = self.identifiers is not None and self.identifiers.may_be_wrong(root)
        if has_more_tags(body, MAX_TREE_TAGS):
            # libxml2 takes time by the square of the identifiers that occur twice.
            if doubtful and (found := self._explain(root, body, refused=False)):
                return found
            if not _accepts_stream(schema, body):
                return self._explain(root, body, refused=True)
        refused = not schema.validate(root)
        if refused and self.declarations and trim(root, Look(self.declarations)):
            refused = not schema.validate(root)
        return self._explain(root, body, refused=refused) if refused or doubtful else Findings()

    def accepts(self, root: etree._Element, body: bytes) -> bool:
        """Say whether `find` would find nothing; never slow, however much is wrong with the message."""
        schema = self._for(body)
        if has_more_tags(body, MAX_TREE_TAGS) and not _accepts_stream(schema, body):
            return False
        return schema.validate(root) and not (self.identifiers and self.identifiers.may_be_wrong(root))

    def _for(self, body: bytes) -> etree.XMLSchema:
        return self._quick if self._keeps_to_repertoire(body) else self.lxml

    def _keeps_to_repertoire(self, body: bytes) -> bool:
        return self._parts is not None and self._parts[1].covers(body)

    @property
    def is_compiled(self) -> bool:
        """Whether a message can be validated at once."""
        return all(name in vars(self) for name in ("lxml", "_quick", "identifiers"))

    def _explain(self, root: etree._Element, body: bytes, *, refused: bool) -> Findings:
        return explain(self, root, body, self._prefixes, refused=refused)

    def compile(self) -> None:
        """Compile what messages are validated with.

        Raises:
            ConfigurationError: the documents are no schema.
        """
        _ = self.lxml, self._quick, self.identifiers

    def stream_parser(self, body: bytes) -> etree.XMLParser:
        """Return a parser that validates what it is fed of a message that `parse` has accepted."""
        return _stream_parser(self._for(body))

    def tree_errors(self, root: etree._Element, body: bytes) -> list[etree._LogEntry]:
        """Return what libxml2 says of a tree of at most MAX_TREE_TAGS tags, with paths."""
        # A compiled schema keeps one log for all threads, so these are nobody else's.
        with self._one_at_a_time:
            schema = self._quick_explaining if self._keeps_to_repertoire(body) else self._explaining
            schema.validate(root)
            return [*schema.error_log][:MAX_ERRORS]  # type: ignore[misc]  # it is iterable

    def describe(self, element: etree._Element) -> str | None:
        """Return what the schema says of an element of a message, or of its type; slow on first use."""
        return sentences.describe(element, Look(self.declarations)) if self.declarations else None

    def demands(self, element: etree._Element, attribute: str | None = None) -> bool:
        """Say whether an element of a valid message, or an attribute (its local name), cannot be left out.

        Slow on first use.
        """
        if self.declarations is None:
            return False
        look = Look(self.declarations)
        if attribute is not None:
            declared = look.at(element)
            known = attributes_of(declared.type) if declared else {}
            return any(each.use == "required" for name, each in known.items() if local(name) == attribute)
        parent = element.getparent()
        model = look.model(parent) if parent is not None else None
        return parent is None or (model is not None and is_demanded(model, element))

    def fixing(self) -> Callable[[etree._Element, str], str | None]:
        """Return what says of elements of one message to which value the schema fixes an attribute of theirs.

        Slow on first use; where the second engine cannot read the schema it may fix whatever is stated.
        """
        known: list[Look] = []

        def fixed(element: etree._Element, attribute: str) -> str | None:
            if self.declarations is None:
                return element.get(attribute)
            if not known:
                known.append(Look(self.declarations))
            declared = known[0].attribute(element, attribute)
            return None if declared is None else declared.fixed

        return fixed

    @cached_property
    def lxml(self) -> etree.XMLSchema:
        """The schema as libxml2 compiled it.

        Raises:
            ConfigurationError: the documents are no schema.
        """
        return _compile(self.documents)

    @cached_property
    def _explaining(self) -> etree.XMLSchema:
        return _compile(self.documents)

    @cached_property
    def _parts(self) -> tuple[Documents, Repertoire] | None:
        """The documents for messages of a repertoire, and that; None if no pattern states one."""
        if not (parts := split(self.documents.files)):
            return None
        return replace(self.documents, files=parts[0]), parts[1]

    @cached_property
    def _quick(self) -> etree.XMLSchema:
        """The schema for messages of the repertoire, which says the same of these as the whole one."""
        return _compile(self._parts[0]) if self._parts else self.lxml

    @cached_property
    def _quick_explaining(self) -> etree.XMLSchema:
        return _compile(self._parts[0]) if self._parts else self._explaining

    @cached_property
    def identifiers(self) -> Identifiers | None:
        """Where messages may have identifiers, which libxml2 does not check; None if nowhere."""
        return find_identifiers(self.documents.files)

    @cached_property
    def declarations(self) -> Declarations | None:
        """What the schema declares, with its documentation; as slow as `xmlschema` on first use.

        None where the second engine cannot read the schema that libxml2 has compiled: findings say less then.
        """
        try:
            return Declarations(self.xmlschema)
        except Exception as error:  # whatever it objects to
            _log.warning("schema_not_described", error=type(error).__name__)
            return None

    @cached_property
    def xmlschema(self) -> "xmlschema.XMLSchema":
        """The schema as xmlschema compiled it: takes seconds for a large standard.

        Loads from the folder of its own documents only, and nothing later: hints in a message are ignored.

        Raises:
            ConfigurationError: the documents are no schema.
        """
        import xmlschema  # an adapter does without it

        with tempfile.TemporaryDirectory(prefix="amtsbote-") as folder:
            entry = self.documents.write(folder)
            try:
                schema = xmlschema.XMLSchema(
                    entry, base_url=folder, allow="sandbox", use_fallback=False, use_location_hints=False
                )
            except (xmlschema.XMLSchemaException, ValueError) as error:
                told = self.documents.localise(str(error), folder)
                raise ConfigurationError(f"xmlschema cannot compile the schema: {told}") from error
        match_by_libxml2(schema)
        return schema


def _compile(documents: Documents) -> etree.XMLSchema:
    files = {name: _without_values_at_references(content) for name, content in documents.files.items()}
    with tempfile.TemporaryDirectory(prefix="amtsbote-") as folder:
        try:
            entry = replace(documents, files=files).write(folder)
            return etree.XMLSchema(file=entry, attribute_defaults=True)  # type: ignore[call-arg]
        except etree.XMLSchemaParseError as error:
            # Not its line, which is that of a document that was written anew.
            told = error.error_log.last_error
            where = documents.localise(told.filename, folder) if told else ""
            what = told.message if told else error
            if where in {"", "<string>"}:  # it names no file
                origins = sorted(documents.origins.values())
                where = " to ".join(dict.fromkeys([*origins[:1], *origins[-1:]]))
            if told and told.type_name == "SCHEMAP_INTERNAL":
                what = _NOT_TOGETHER
            raise ConfigurationError(f"{where}: the schema cannot be compiled: {what}") from error


_NOT_TOGETHER = "libxml2 fails on all of them together; add the folder of each standard among them by itself"


def _without_values_at_references(content: bytes) -> bytes:
    """Take out default and fixed values that stand beside a reference (`ref`) to an attribute.

    libxml2 does not look at them, and ends with an internal error where it is to write one into a message, as
    with every schema that uses GML.
    """
    root = parse_reference(content)
    for use in root.iter("{http://www.w3.org/2001/XMLSchema}attribute"):
        if use.get("ref") is not None:
            etree.strip_attributes(use, "default", "fixed")
    return write_reference(root)


class _NoTree:
    """Has lxml build no second tree beside that of the message, which takes thrice as long and 80 MiB."""

    def close(self) -> None:
        pass


class _StreamParser(etree.XMLParser):
    """A parser that is closed however its use ends: lxml never gives back what an open one was fed."""

    def __del__(self) -> None:
        with suppress(etree.XMLSyntaxError):  # it was closed before, or not fed to the end
            self.close()


def _stream_parser(schema: etree.XMLSchema) -> etree.XMLParser:
    return _StreamParser(
        target=_NoTree(),  # type: ignore[arg-type]  # it cares for nothing but the verdict
        schema=schema,
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        # Or libxml2 complains of ids on standard error and quotes the message there.
        collect_ids=False,
    )


def _accepts_stream(schema: etree.XMLSchema, body: bytes) -> bool:
    parser = _stream_parser(schema)
    for start in range(0, len(body), _CHUNK_BYTES):
        parser.feed(body[start : start + _CHUNK_BYTES])
        if len(parser.feed_error_log):
            return False
    try:
        parser.close()
    except etree.XMLSyntaxError:
        return False
    return True
