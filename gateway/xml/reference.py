"""Read and write the files that operators install with a standard: schemas, code lists and rules."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from lxml import etree

from gateway.errors import ConfigurationError

_SCHEMA = "{http://www.w3.org/2001/XMLSchema}schema"
_PARSER = etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True, collect_ids=False)
_DOCTYPE_OF_NO_SCHEMA = (
    "has a DOCTYPE, which only schemas may have; take it out, and write out what its entities stand for"
)


def parse_reference(body: bytes) -> etree._Element:
    """Parse a schema, code list or rule file that an operator installed; never a message.

    Published ones may have another encoding, and schemas a DOCTYPE. Nothing outside of `body` is read.

    Raises:
        lxml.etree.XMLSyntaxError: it is not well-formed, or has a DOCTYPE and is no schema.
    """
    root = etree.fromstring(body, _PARSER)
    if root.tag != _SCHEMA and root.getroottree().docinfo.internalDTD is not None:
        raise etree.XMLSyntaxError(_DOCTYPE_OF_NO_SCHEMA, 0, 1, 1)  # type: ignore[call-arg, arg-type]
    return root


def write_reference(root: etree._Element) -> bytes:
    """Write such a file, changed or not, so that it can be parsed again.

    In ASCII, which is lxml's own choice, a name with an umlaut becomes a reference, and that is none.
    """
    return etree.tostring(root, encoding="utf-8")


def read_reference(path: Path) -> etree._Element:
    """Read and parse such a file.

    Raises:
        ConfigurationError: it cannot be read, is not well-formed, or has a DOCTYPE and is no schema.
    """
    try:
        return parse_reference(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from error
    except etree.XMLSyntaxError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.msg}") from error


def count_nodes(body: bytes, most: int) -> int:
    """Count elements, attributes, namespaces and notes that a tree of `body` would hold, and build none.

    Whichever way it is written: bytes that look like tags tell nothing of what is encoded as UTF-7. A file
    with a DOCTYPE is not read any further and counts as if all of it were tags.

    Args:
        most: counting ends when there are more.

    Raises:
        lxml.etree.XMLSyntaxError: it is not well-formed.
    """
    counter = _Counter(body, most)
    parser = etree.XMLParser(
        target=counter,  # type: ignore[arg-type]  # it does not care for texts and ends
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
    )
    with suppress(_Counted):
        etree.fromstring(body, parser)
    return counter.nodes


class _Counted(Exception):  # no error
    """Nothing more needs to be counted."""


class _Counter:
    """What lxml calls while it reads."""

    def __init__(self, body: bytes, most: int) -> None:
        self.nodes = 0
        self._as_tags, self._most = len(body) // len(b"<a/>"), most

    def start(self, _: str | bytes, attributes: Mapping[str | bytes, str | bytes]) -> None:
        self._add(1 + len(attributes))

    def start_ns(self, *_: str | bytes) -> None:
        self._add(1)

    def comment(self, *_: str | bytes) -> None:
        self._add(1)

    def pi(self, *_: str | bytes | None) -> None:
        self._add(1)

    def doctype(self, *_: str | bytes | None) -> None:
        self.nodes = self._as_tags
        raise _Counted

    def close(self) -> None:
        pass

    def _add(self, count: int) -> None:
        self.nodes += count
        if self.nodes > self._most:
            raise _Counted
