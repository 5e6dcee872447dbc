"""What is said where the catalogue has no such standard, version, message type or file: which there are."""

from collections.abc import Iterable

from gateway.contract.findings import Bilingual
from gateway.errors import NotFound
from gateway.standards import Catalogue, Standard
from gateway.standards.description import schema_files
from gateway.xml.near import nearest
from gateway.xml.words import meant, possible, say, together

_STANDARD = say("Diesen Standard gibt es hier nicht.", "There is no such standard here.")
_VERSION = say(
    "In dieser Version gibt es den Standard hier nicht.", "There is no such version of the standard here."
)
_MESSAGE_TYPE = say(
    "Einen Nachrichtentyp dieses Namens hat der Standard nicht.",
    "The standard has no message type of that name.",
)
_SCHEMA_FILE = say(
    "Eine Schemadatei dieses Namens gibt der Standard nicht heraus.",
    "The standard hands out no schema file of that name.",
)
_CODE_LIST = say("Diese Codeliste hat der Standard nicht.", "The standard has no such code list.")
_LIST_VERSION = say(
    "In dieser Version hat der Standard die Codeliste nicht.",
    "The standard does not have the code list in this version.",
)


def no_standard(catalogue: Catalogue, name: str) -> NotFound:
    """Describe a version of a standard that is not there, or a standard."""
    there = [each.manifest for each in catalogue.standards]
    if versions := [each.version for each in there if each.standard == name]:
        return NotFound(_VERSION, hint=possible(versions))
    near = _near(name, [each.standard for each in there])
    return NotFound(_STANDARD, hint=_there(near, (f"{each.standard} {each.version}" for each in there)))


def no_message_type(standard: Standard, name: str) -> NotFound:
    """Describe a message type that a standard does not have."""
    return _not_found(_MESSAGE_TYPE, name, (each.name for each in standard.message_types))


def no_schema_file(catalogue: Catalogue, standard: Standard, name: str) -> NotFound:
    """Describe a schema file that a standard does not hand out; another may."""
    own = {"standard": standard.manifest.standard, "version": standard.manifest.version}
    files = schema_files(catalogue, standard)
    return _not_found(_SCHEMA_FILE, name, (each["file"] for each in files if own.items() <= each.items()))


def no_code_list(standard: Standard, uri: str) -> NotFound:
    """Describe a code list that a standard does not have, or not in this version."""
    there = [code_list for code_list, _ in standard.code_list_files]
    if versions := [each.version for each in there if each.uri == uri]:
        return NotFound(_LIST_VERSION, hint=possible(versions))
    return _not_found(_CODE_LIST, uri, (each.uri for each in there))


def _not_found(reason: Bilingual, wanted: str, there: Iterable[str]) -> NotFound:
    known = list(dict.fromkeys(there))
    return NotFound(reason, hint=_there(_near(wanted, known), known))


def _near(wanted: str, known: list[str]) -> str | None:
    """Return what was probably meant: a name that is nearly so, or the only one with these letters in it."""
    with_it = [each for each in known if wanted in each]
    return nearest(wanted, known) or (with_it[0] if len(with_it) == 1 else None)


def _there(near: str | None, known: Iterable[str]) -> Bilingual | None:
    listed = list(known)
    return together([meant(near) if near else None, possible(listed) if listed else None])
