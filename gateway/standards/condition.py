"""A question that a standard asks of a document as an XPath, and that is answered with yes or no.

libxml2 answers at once what XPath 1.0 and later versions take for the same, but that of several values it
takes the first where Saxon fails. Saxon answers the rest in a worker process, as configurations of the KoSIT
validator may ask for it.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property

from lxml import etree

from gateway.errors import ConfigurationError
from gateway.xml.declarations import XML_NAMESPACE, XSD_NAMESPACE
from gateway.xml.stylesheet import XSL, Stylesheet
from gateway.xml.workers import shared_workers

# What is no name: a literal, a comment, a namespace in full.
_OTHER = re.compile(r""""[^"]*"|'[^']*'|\(:.*?:\)|Q\{[^}]*\}""", re.DOTALL)
_PREFIX = re.compile(r"(?<![\w.-])([^\W\d][\w.-]*+)\s*:(?![:=])")
# XPath 2 has functions for what XPath 1 converts.
_EXISTS, _EMPTY = re.compile(r"\bexists\s*\("), re.compile(r"\bempty\s*\(")
# XPath 1.0 makes numbers of texts that it puts in order; libxml2 misses a function or variable only on use.
_BEYOND, _CALL = re.compile(r"[<>$]"), re.compile(r"(?<![\w:.-])([\w:.-]++)\s*\(")
_PLAIN_CALL = re.compile(
    r"exists|empty|last|position|count|(local-)?name|namespace-uri|string(-length)?|concat|starts-with|contains"
    r"|substring(-before|-after)?|normalize-space|translate|boolean|not|true|false|number|sum|floor|ceiling|round"
    r"|text|node|comment|processing-instruction|and|or|div|mod"
)
# What Saxon says of an expression, behind what it says of the stylesheet around it.
_COMPLAINT = re.compile(r"\bX[A-Z]{3}\d{4}\b.*")
_MAX_LENGTH = 5_000
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_KNOWN = {"xs": XSD_NAMESPACE, "xml": XML_NAMESPACE}


class Condition:
    """A condition; equal to others that ask the same.

    Args:
        xpath: XPath 3.1, of which libxml2 answers what it can.
        namespaces: what prefixes stand for; of `xs` and `xml` it is known.

    Raises:
        ConfigurationError: one of its prefixes stands for nothing.
    """

    def __init__(self, xpath: str, namespaces: Mapping[str, str]) -> None:
        if len(xpath) > _MAX_LENGTH or _CONTROL.search(xpath):
            raise ConfigurationError(
                f"{xpath[:50]!r}…: has more than {_MAX_LENGTH} characters, or some that no XML has"
            )
        known = {**_KNOWN, **namespaces}
        expression = _OTHER.sub(" ", xpath)
        used = set(_PREFIX.findall(expression))
        if unknown := used - set(known):
            raise ConfigurationError(
                f"{xpath!r}: the prefix {min(unknown)} stands for no namespace; add it to `namespaces`"
            )
        self.xpath = xpath
        self.namespaces = {prefix: known[prefix] for prefix in sorted(used)}
        calls = map(_PLAIN_CALL.fullmatch, _CALL.findall(expression))
        is_plain = all(calls) and not _BEYOND.search(expression)
        self._at_once = _in_xpath_1(xpath, self.namespaces) if is_plain else None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Condition):
            return NotImplemented
        return (self.xpath, self.namespaces) == (other.xpath, other.namespaces)

    def __hash__(self) -> int:
        return hash(self.xpath)

    def holds(self, root: etree._Element) -> bool:
        """Say whether a document fulfils it; one on which it fails does not.

        Raises:
            ConfigurationError: it is no XPath.
            Unavailable: no worker could answer.
        """
        if self._at_once is not None:
            try:
                return bool(self._at_once(root))
            except etree.XPathError:
                return False
        with self._told_in_words():
            return shared_workers().transform(self._stylesheet, root) == b"true"

    @property
    def takes_time(self) -> bool:
        """Whether answering may wait for a worker process."""
        return self._at_once is None

    def check(self) -> None:
        """Compile it.

        Raises:
            ConfigurationError: it is no XPath.
            Unavailable: no worker could look at it.
        """
        if self._at_once is None:
            with self._told_in_words():
                shared_workers().compile(self._stylesheet)

    @contextmanager
    def _told_in_words(self) -> Iterator[None]:
        """Say of what cannot be compiled no more than what is wrong in the XPath."""
        try:
            yield
        except ConfigurationError as error:
            said = _COMPLAINT.search(error.detail)
            told = said[0] if said else error.detail
            raise ConfigurationError(f"{self.xpath!r} is no XPath: {told}") from error

    @cached_property
    def _stylesheet(self) -> Stylesheet:
        prefix = max(["xsl", *self.namespaces], key=len) + "-"  # one that stands for nothing else
        prefixes = {prefix: XSL[1:-1], **self.namespaces}
        prefixes.pop("xml", None)
        root = etree.Element(f"{XSL}stylesheet", nsmap=prefixes, version="3.0")
        etree.SubElement(root, f"{XSL}output", method="text")
        template = etree.SubElement(root, f"{XSL}template", match="/")
        # The KoSIT validator takes a match that fails for one that does not hold.
        attempt = etree.SubElement(template, f"{XSL}try", select=f"string(boolean({self.xpath}))")
        etree.SubElement(attempt, f"{XSL}catch", select="'false'")
        return Stylesheet(self.xpath, root)


def _in_xpath_1(xpath: str, namespaces: dict[str, str]) -> etree.XPath | None:
    """Compile it for libxml2; None if it is more than XPath 1.0 and what is written anew here."""
    plain = _EMPTY.sub("not(", _EXISTS.sub("boolean(", xpath))
    try:
        found = etree.XPath(f"boolean({plain})", namespaces=namespaces, regexp=False)
        found(etree.Element("any"))  # arguments are not counted before
    except etree.XPathError:
        return None
    return found
