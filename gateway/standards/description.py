"""What is told of a standard, on the terminal and over HTTP, and which of its files are handed out.

A file is handed out by the standard in whose folder it lies, under its path there; names are looked up among
those that exist and never joined to a path.
"""

import datetime
from pathlib import Path
from typing import Any

from lxml import etree

from gateway.standards.catalogue import Catalogue
from gateway.standards.sources import schema_paths
from gateway.standards.standard import MessageType, Standard


def summary(standard: Standard, today: datetime.date) -> dict[str, Any]:
    """Say in a few words what a standard is and whether it is served today."""
    manifest = standard.manifest
    return {
        "standard": manifest.standard,
        "version": manifest.version,
        "title": manifest.title.model_dump(),
        **{name: day and day.isoformat() for name, day in manifest.days.items()},
        "served": standard.serves(today),
        "message_count": len(standard.message_types),
    }


def description(catalogue: Catalogue, standard: Standard, today: datetime.date) -> dict[str, Any]:
    """Say what belongs to a standard: message types, schema files, code lists.

    Raises:
        ConfigurationError: a file of it cannot be read.
    """
    return summary(standard, today) | {
        "namespace": standard.manifest.namespace,
        "header_profile": standard.manifest.header.profile,
        "messages": [_message(each) for each in standard.message_types],
        "schemas": schema_files(catalogue, standard),
        "code_lists": [
            {"uri": each.uri, "version": each.version, "closed": each.closed}
            for each, _ in standard.code_list_files
        ],
    }


def schema_files(catalogue: Catalogue, standard: Standard) -> list[dict[str, str]]:
    """List the schema files that a standard needs, each with the standard that hands it out.

    Files that come with the program (schemas of the W3C) are not among them.
    """
    found = []
    for path in standard.schema_files:
        if owner := _owner(catalogue, path):
            manifest = owner.manifest
            name = path.relative_to(owner.folder.resolve()).as_posix()
            found.append({"standard": manifest.standard, "version": manifest.version, "file": name})
    return found


def fetch_schema_file(catalogue: Catalogue, standard: Standard, name: str) -> Path | None:
    """Return the schema file that a standard hands out under this name; None if there is none."""
    folder = standard.folder.resolve()
    paths = (path.resolve() for path in schema_paths(folder))
    own = {path.relative_to(folder).as_posix(): path for path in paths if path.is_relative_to(folder)}
    path = own.get(name)
    return path if path and _owner(catalogue, path) is standard else None


def _owner(catalogue: Catalogue, path: Path) -> Standard | None:
    """Return the standard in whose folder a file lies; the innermost, where one lies in another."""
    around = [each for each in catalogue.standards if path.is_relative_to(each.folder.resolve())]
    return max(around, key=lambda each: len(each.folder.resolve().parts), default=None)


def _message(message_type: MessageType) -> dict[str, Any]:
    return {
        "id": message_type.id,
        "name": message_type.name,
        "title": message_type.title.model_dump(),
        "direction": str(message_type.direction),
        "root": etree.QName(message_type.root).localname,
        "code": message_type.code,
    }
