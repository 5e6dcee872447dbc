"""What libxml2's codes for text that is not well-formed mean, in words of ours.

Its own sentences quote the message and are in English only. A code that is not in the table gets the
general sentence; line and column stand beside it.
Source: libxml2, include/libxml/xmlerror.h (xmlParserErrors)
"""

import re

from gateway.contract.findings import Bilingual

LIMIT_ERRORS = frozenset({110, 114})
"""XML_ERR_NAME_TOO_LONG, XML_ERR_RESOURCE_LIMIT: a name, a text or the nesting is beyond libxml2's limits."""

NODE_TOO_LARGE = Bilingual(
    de="An dieser Stelle ist ein Name, ein Text oder die Schachtelung größer, als angenommen wird.",
    en="A name, a text or the nesting at this place is larger than is taken.",
)

_GENERAL = Bilingual(
    de="Ab dieser Stelle ist die Nachricht kein wohlgeformtes XML.",
    en="From this place on the message is not well-formed XML.",
)

_START = (
    "Die Nachricht ist leer oder beginnt nicht mit einem XML-Element.",
    "The message is empty or does not begin with an XML element.",
)
_AFTER_END = (
    "Nach dem Ende des Wurzelelements folgt weiterer Inhalt; eine Nachricht hat genau ein Wurzelelement.",
    "There is more content after the end of the root element; a message has exactly one root element.",
)
_CHARACTER = (
    "An dieser Stelle steht ein Zeichen, das in XML nicht erlaubt ist, etwa ein Steuerzeichen.",
    "There is a character at this place that XML does not allow, such as a control character.",
)
_REFERENCE = (
    "An dieser Stelle steht eine fehlerhafte Zeichen- oder Entitätsreferenz; ein kaufmännisches Und wird als "
    "&amp; geschrieben.",
    "There is a faulty character or entity reference at this place; an ampersand is written as &amp;.",
)
_ENTITY = (
    "Die Entität ist nicht definiert; verfügbar sind nur &amp; &lt; &gt; &quot; und &apos;.",
    "The entity is not defined; only &amp; &lt; &gt; &quot; and &apos; are available.",
)
_ATTRIBUTE = (
    'Ein Attribut ist fehlerhaft geschrieben; richtig ist name="wert" mit Leerzeichen zwischen Attributen.',
    'An attribute is not written correctly; right is name="value" with a space between attributes.',
)
_TWICE = (
    "Das Element hat das Attribut{de} zweimal.",
    "The element has the attribute{en} twice.",
)
_LESS_THAN = (
    "Ein Attributwert enthält ein <, das als &lt; geschrieben wird; oder ihm fehlt das schließende "
    "Anführungszeichen.",
    "An attribute value contains a <, which is written as &lt;; or its closing quotation mark is missing.",
)
_COMMENT = (
    "Ein Kommentar ist nicht beendet oder enthält zwei Bindestriche hintereinander.",
    "A comment is not ended or contains two hyphens in a row.",
)
_CDATA = (
    "Ein CDATA-Abschnitt ist nicht beendet oder enthält ein unzulässiges Zeichen.",
    "A CDATA section is not ended or contains a character that is not allowed.",
)
_CDATA_END = (
    "Die Zeichenfolge ]]> ist im Text nicht erlaubt; das > wird als &gt; geschrieben.",
    "The characters ]]> are not allowed in text; the > is written as &gt;.",
)
_DECLARATION = (
    "Die XML-Deklaration ist fehlerhaft oder steht nicht am Anfang der Nachricht.",
    "The XML declaration is faulty or does not stand at the start of the message.",
)
_NAME = (
    "An dieser Stelle wird ein Name erwartet; im Text wird < als &lt; und & als &amp; geschrieben.",
    "A name is expected at this place; in text < is written as &lt; and & as &amp;.",
)
_TAG_END = (
    "Ein Start- oder End-Tag ist nicht mit > abgeschlossen.",
    "A start or end tag is not closed by a >.",
)
_MISMATCH = (
    "Das End-Tag an dieser Stelle passt nicht zum zuletzt geöffneten Element.",
    "The end tag at this place does not match the element opened last.",
)
_TRUNCATED = (
    "Die Nachricht endet, bevor alle Elemente geschlossen sind; vermutlich ist sie abgeschnitten.",
    "The message ends before all elements are closed; it was probably cut off.",
)
_NAMESPACE = (
    "Eine Namensraum-Deklaration ist fehlerhaft.",
    "A namespace declaration is faulty.",
)
_PREFIX = (
    'Das Präfix{de} im Tag vor dieser Stelle ist keinem Namensraum zugeordnet; es fehlt xmlns:präfix="…".',
    'The prefix{en} in the tag before this place is bound to no namespace; xmlns:prefix="…" is missing.',
)

_SENTENCES: dict[int, tuple[str, str]] = {
    4: _START,
    5: _AFTER_END,
    6: _REFERENCE,
    7: _REFERENCE,
    8: _REFERENCE,
    9: _CHARACTER,
    23: _REFERENCE,
    26: _ENTITY,
    27: _ENTITY,
    38: _LESS_THAN,
    39: _ATTRIBUTE,
    40: _ATTRIBUTE,
    41: _ATTRIBUTE,
    42: _TWICE,
    45: _COMMENT,
    56: _DECLARATION,
    57: _DECLARATION,
    62: _CDATA_END,
    63: _CDATA,
    64: _DECLARATION,
    65: _ATTRIBUTE,
    68: _NAME,
    73: _TAG_END,
    74: _TAG_END,
    75: _ATTRIBUTE,
    76: _MISMATCH,
    77: _TRUNCATED,
    78: _DECLARATION,
    80: _COMMENT,
    96: _DECLARATION,
    99: _NAMESPACE,
    200: _NAMESPACE,
    201: _PREFIX,
    202: _NAME,
    203: _TWICE,
}

_NAMED = re.compile(r"(?:prefix|[Aa]ttribute) ([^\W\d][\w.-]{0,63}) ")
_OPEN_ELEMENT = re.compile(r"(?:mismatch:|in tag) \S+ line (\d+)")


def sentence(code: int, said: str) -> Bilingual:
    """Return the sentence for one of libxml2's parser errors, with the name that is in its own, `said`."""
    if code not in _SENTENCES:
        return _GENERAL
    german, english = _SENTENCES[code]
    name = _NAMED.search(said)
    quoted = {"de": f" »{name[1]}«", "en": f" “{name[1]}”"} if name else {"de": "", "en": ""}
    return Bilingual(de=german.format(**quoted), en=english.format(**quoted))


def hint(code: int, said: str, body: bytes, *, at_end: bool) -> Bilingual | None:
    """Say what is still open, or that the message ends there.

    Args:
        said: libxml2's sentence, which may have the line of an element.
        at_end: whether it gave up at the end of the message.
    """
    if found := _OPEN_ELEMENT.search(said):
        return Bilingual(
            de=f"Offen ist noch das Element, das in Zeile {found[1]} beginnt.",
            en=f"Still open is the element that begins in line {found[1]}.",
        )
    if code == _UNFINISHED_COMMENT:
        line = body.count(b"\n", 0, body.rfind(b"<!--")) + 1
        return Bilingual(
            de=f"Offen ist noch der Kommentar, der in Zeile {line} beginnt.",
            en=f"Still open is the comment that begins in line {line}.",
        )
    return ENDS_HERE if at_end and code not in _WITHOUT_ROOT else None


ENDS_HERE = Bilingual(
    de="Hier endet die Nachricht; vermutlich ist sie abgeschnitten.",
    en="The message ends here; it was probably cut off.",
)
_UNFINISHED_COMMENT = 45
_WITHOUT_ROOT = frozenset({4, 5})
