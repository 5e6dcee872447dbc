"""A question that a standard asks of a document as an XPath, and that is answered with yes or no.

libxml2 answers at once what it takes for the same as Saxon does, which answers the rest in a worker process:
configurations of the KoSIT validator may ask for it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property

from lxml import etree

from gateway.errors import ConfigurationError
from gateway.standards.outside import require_message_alone
from gateway.xml.declarations import XML_NAMESPACE, XSD_NAMESPACE
from gateway.xml.stylesheet import XSL, Stylesheet
from gateway.xml.workers import shared_workers
from gateway.xml.xpath import in_xpath_1, prefixes, tokens

# What Saxon says of an expression, behind what it says of the stylesheet around it.
_COMPLAINT = re.compile(r"\bX[A-Z]{3}\d{4}\b.*")
_MAX_LENGTH = 5_000
_OF_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_KNOWN = {"xs": XSD_NAMESPACE, "xml": XML_NAMESPACE}


class Condition:
    """A condition; equal to others that ask the same.

    Args:
        xpath: XPath 3.1, of which libxml2 answers what it can.
        namespaces: what prefixes stand for; of `xs` and `xml` it is known.

    Raises:
        ConfigurationError: it is empty or too long, or one of its prefixes stands for nothing.
    """

    def __init__(self, xpath: str, namespaces: Mapping[str, str]) -> None:
        if len(xpath) > _MAX_LENGTH:
            raise ConfigurationError(f"{xpath[:50]!r}…: has more than {_MAX_LENGTH} characters")
        if _OF_NO_XML.search(xpath):
            raise ConfigurationError(f"{xpath!r}: has a character that no XML has")
        known = {**_KNOWN, **namespaces}
        written = tokens(xpath)
        used = prefixes(written)
        if unknown := used - set(known):
            raise ConfigurationError(
                f"{xpath!r}: the prefix {min(unknown)} stands for no namespace; add it to `namespaces`"
            )
        if not written:
            raise ConfigurationError(f"{xpath!r} is no XPath: it is empty")
        self.xpath = xpath
        self.namespaces = {prefix: known[prefix] for prefix in sorted(used)}
        self._at_once = _compiled(in_xpath_1(written), self.namespaces)

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
            return bool(self._at_once(root))
        with self._told_in_words():
            return shared_workers().transform(self.stylesheet, root) == b"true"

    @property
    def takes_time(self) -> bool:
        """Whether answering may wait for a worker process."""
        return self._at_once is None

    def check(self) -> None:
        """Compile it.

        Raises:
            ConfigurationError: it is no XPath, or asks for a file.
            Unavailable: no worker could look at it.
        """
        if self._at_once is not None:
            return
        with self._told_in_words():
            shared_workers().compile(self.stylesheet)
        try:
            require_message_alone(self.stylesheet)
        except ConfigurationError:
            raise ConfigurationError(
                f"{self.xpath!r} asks for another file, and only the document itself can be seen"
            ) from None

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
    def stylesheet(self) -> Stylesheet:
        """What says `true` of a document that fulfils it, and `false` of others."""
        prefix = max(["xsl", *self.namespaces], key=len) + "-"  # one that stands for nothing else
        prefixes = {prefix: XSL[1:-1], **self.namespaces}
        prefixes.pop("xml", None)
        root = etree.Element(f"{XSL}stylesheet", nsmap=prefixes, version="3.0")
        etree.SubElement(root, f"{XSL}output", method="text")
        template = etree.SubElement(root, f"{XSL}template", match="/")
        # The KoSIT validator takes a match that fails for one that does not hold.
        attempt = etree.SubElement(template, f"{XSL}try")
        etree.SubElement(attempt, f"{XSL}variable", name="found", select=self.xpath)
        etree.SubElement(attempt, f"{XSL}sequence", select="string(boolean($found))")
        etree.SubElement(attempt, f"{XSL}catch", select="'false'")
        return Stylesheet(self.xpath, root)


def _compiled(xpath: str | None, namespaces: dict[str, str]) -> etree.XPath | None:
    if xpath is None:
        return None
    try:
        return etree.XPath(f"boolean({xpath})", namespaces=namespaces, regexp=False)
    except etree.XPathError:
        return None  # to be told by Saxon what is wrong


def all_held(conditions: Iterable[Condition], root: etree._Element) -> set[Condition]:
    """Return those that hold of a document: what takes a worker is asked of it all at once, in its time.

    Raises:
        ConfigurationError: one of them is no XPath.
        Unavailable: no worker could answer.
    """
    asked = {*conditions}
    waiting = [each for each in asked if each.takes_time]
    found = {each for each in asked if not each.takes_time and each.holds(root)}
    if waiting:
        answers = shared_workers().run([each.stylesheet for each in waiting], root)
        found.update(each for each, answer in zip(waiting, answers, strict=True) if answer == b"true")
    return found
