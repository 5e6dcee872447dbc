"""Header profiles: where in a message the record and the route stand, as XPaths from the root element.

Real standards differ; a manifest picks a preset and adds or replaces single XPaths. All of them are compiled
into one expression, so that reading a header costs one evaluation and not one for each field.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TypeAlias

from lxml import etree

from gateway.errors import ConfigurationError
from gateway.xml.xpath_faults import in_words

_TEXT_OF = re.compile(r"\s*(?:string|normalize-space)\((.*)\)\s*")
_G2G = "nachrichtenkopf.g2g/"
_MESSAGE = _G2G + "identifikation.nachricht/"

_XINNERES = "*[starts-with(local-name(), 'nachrichtenkopf')]"


def _prefixed_key(role: str) -> str:
    party = f"{_XINNERES}/*[local-name() = '{role}']"
    return f"concat({party}//*[local-name() = 'praefix'], ':', {party}//*[local-name() = 'kennung'])"


_ROOT_ATTRIBUTES = {
    "test": "boolean(@test)",
    "product": "@produkt",
    "standard": "@standard",
    "version": "@version",
}

PROFILES: dict[str, dict[str, str]] = {
    # XÖV Basisnachricht 1.1 with elements in no namespace
    "bn-1.1-unqualified": {
        **_ROOT_ATTRIBUTES,
        "message_id": _MESSAGE + "nachrichtenUUID",
        "message_type_code": _MESSAGE + "nachrichtentyp/code",
        "created_at": _MESSAGE + "erstellungszeitpunkt",
        "reader": _G2G + "leser/kennung",
        "author": _G2G + "autor/kennung",
    },
    # XÖV Basisnachricht 1.1 with elements in its namespaces
    "bn-1.1": {
        **_ROOT_ATTRIBUTES,
        "message_id": "g:nachrichtenkopf.g2g/g:identifikation.nachricht/g:nachrichtenUUID",
        "message_type_code": "g:nachrichtenkopf.g2g/g:identifikation.nachricht/g:nachrichtentyp/code",
        "created_at": "g:nachrichtenkopf.g2g/g:identifikation.nachricht/g:erstellungszeitpunkt",
        "reader": "g:nachrichtenkopf.g2g/g:leser/h:kennung",
        "author": "g:nachrichtenkopf.g2g/g:autor/h:kennung",
    },
    # XInneres: a header of the same names in the namespace of the single standard; a reader is prefix and key
    "xinneres": {
        **_ROOT_ATTRIBUTES,
        "message_id": f"{_XINNERES}//*[local-name() = 'nachrichtenUUID']",
        "message_type_code": f"{_XINNERES}//*[local-name() = 'nachrichtentyp']/*[local-name() = 'code']",
        "created_at": f"{_XINNERES}//*[local-name() = 'erstellungszeitpunkt']",
        "reader": _prefixed_key("leser"),
        "author": _prefixed_key("autor"),
    },
    # xdomea 2 and 3: no message id, but one of the process
    "xdomea": {
        "case_ref": "*[local-name() = 'Kopf']/*[local-name() = 'ProzessID']",
        "message_type_code": "*[local-name() = 'Kopf']/*[local-name() = 'Nachrichtentyp']/code",
        "created_at": "*[local-name() = 'Kopf']/*[local-name() = 'Erstellungszeitpunkt']",
        "reader": "*[local-name() = 'Kopf']/*[local-name() = 'Empfaenger']"
        "//*[local-name() = 'Behoerdenschluessel']/code",
        "author": "*[local-name() = 'Kopf']/*[local-name() = 'Absender']"
        "//*[local-name() = 'Behoerdenschluessel']/code",
    },
    "none": {},
}

NAMESPACES = {
    "g": "http://xoev.de/schemata/basisnachricht/g2g/1_1",
    "h": "http://xoev.de/schemata/basisnachricht/behoerde/1_1",
}


Place: TypeAlias = tuple[etree._Element, str | None]
"""An element, or an attribute of it by its expanded name."""


@dataclass(frozen=True)
class Header:
    """What a message says of itself; None where it says nothing, or nothing but white space.

    `test` is true when the attribute is there, whatever its value. `service` is a LeiKa key, `authority`,
    `reader` and `author` ids of a directory such as `psw:01003110`, `case_ref` an id of the case or of an
    earlier message.
    """

    test: bool = False
    message_id: str | None = None
    message_type_code: str | None = None
    created_at: str | None = None
    standard: str | None = None
    version: str | None = None
    product: str | None = None
    reader: str | None = None
    author: str | None = None
    service: str | None = None
    authority: str | None = None
    ars: str | None = None
    case_ref: str | None = None
    applied_on: str | None = None
    channel: str | None = None
    recorded_by: str | None = None


FIELDS = frozenset(field.name for field in fields(Header))


class HeaderReader:
    """The XPaths of one standard, compiled."""

    def __init__(self, profile: str, xpaths: Mapping[str, str], namespaces: Mapping[str, str]) -> None:
        self.xpaths = {**PROFILES[profile], **xpaths}
        prefixes = {**(NAMESPACES if profile == "bn-1.1" else {}), **namespaces}
        for name, xpath in self.xpaths.items():
            try:
                # Evaluated once, because an unknown prefix is not found before that.
                etree.XPath(f"normalize-space({xpath})", namespaces=prefixes)(etree.Element("any"))
            except etree.XPathError as error:
                raise ConfigurationError(f"header.xpaths.{name}: {xpath!r} {in_words(error)}") from error
        # normalize-space leaves no line break within a field, so a line break is a safe separator.
        parts = [f"normalize-space({xpath})" for xpath in self.xpaths.values()]
        joined = "concat(" + ", '\n', ".join([*parts, "''", "''"]) + ")"
        self._prefixes = prefixes
        self._read = etree.XPath(joined, namespaces=prefixes, smart_strings=False)

    def read(self, root: etree._Element) -> Header:
        """Return what the message under `root` says of itself."""
        values = dict(zip(self.xpaths, str(self._read(root)).split("\n"), strict=False))
        test = values.pop("test", "false") == "true"
        return Header(test=test, **{name: value.removeprefix(":") or None for name, value in values.items()})

    def places(self, root: etree._Element, name: str) -> list[Place]:
        """Return the elements and attributes that a field is read from.

        There are none where the profile computes the field from more than one of them.
        """
        xpath = self.xpaths.get(name, "()")
        wrapped = _TEXT_OF.fullmatch(xpath)
        try:
            found = root.xpath(wrapped[1] if wrapped else xpath, namespaces=self._prefixes)
        except etree.XPathError:
            return []
        nodes = found if isinstance(found, list) else []
        return [place for node in nodes if (place := _place(node))]


def _place(node: object) -> Place | None:
    """Return where a node of an XPath's result stands; lxml gives texts and attributes as strings."""
    if isinstance(node, etree._Element):
        return node, None
    if not isinstance(node, etree._ElementUnicodeResult) or (owner := node.getparent()) is None:
        return None
    if node.is_attribute:
        return owner, str(node.attrname)
    above = owner.getparent() if node.is_tail else owner
    return None if above is None else (above, None)
