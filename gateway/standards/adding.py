"""Add a published release to the catalogue: all of it or nothing, and a report of what was found.

Looked at, compiled by both engines and tried on its own sample messages in a folder of its own; only then
does it appear where the catalogue looks, by one rename. It is not served before an operator enables it.
"""

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lxml import etree
from pydantic import ValidationError

from gateway.errors import ConfigurationError, Unavailable
from gateway.standards.archive import unpack
from gateway.standards.catalogue import Catalogue
from gateway.standards.draft import Identity, identify
from gateway.standards.examining import NOT_COMPILED, Report, examine, within
from gateway.standards.folders import alone_in
from gateway.standards.manifest import (
    FILE_NAME,
    NAME,
    NAME_WORDS,
    VERSION,
    VERSION_WORDS,
    Manifest,
)
from gateway.standards.sources import SchemaFiles
from gateway.standards.standard import Standard
from gateway.standards.survey import survey
from gateway.yaml_text import sentences


class Misnamed(ConfigurationError):
    """A name or version that was given is none that a standard may have; both become folders and ids."""


def add(
    source: Path,
    catalogue: Catalogue,
    target: Path,
    *,
    name: str | None = None,
    version: str | None = None,
    dry_run: bool = False,
) -> Report:
    """Add the release in a folder or ZIP to the standards in the folder `target`.

    Args:
        catalogue: the standards that are there, whose shared types and code lists it may use.
        name, version: what to call it, where its files do not tell or not rightly.
        dry_run: find out everything and leave nothing.

    Raises:
        Misnamed: no standard can be called so.
        ConfigurationError: it cannot be used, or is there already; nothing was added.
    """
    _require_usable_names(name, version)
    with tempfile.TemporaryDirectory(prefix="amtsbote-") as scratch:
        # The temporary folder is for its owner alone; one within it has the mode of what others may read.
        folder = Path(scratch).resolve() / "release"
        folder.mkdir()
        unpack(source, folder)
        with _as_delivered(folder):
            found = survey(folder)
            identity = _named(identify(found, source.resolve().name), name, version)
            there = catalogue.fetch(identity.standard, identity.version)
            if there and dry_run:  # what shall take its place must not be removed to be looked at
                catalogue = Catalogue(each for each in catalogue.standards if each is not there)
            _require_new(identity, catalogue)
            report = examine(found, identity, catalogue)
        report.is_there = there is not None
        report.guessed = sorted(identity.guessed)
        if not dry_run:
            report.folder = _install(folder, identity, report.manifest, catalogue, target)
        return report


@contextmanager
def _as_delivered(folder: Path) -> Iterator[None]:
    """Say what is wrong with a release, of files as they are called in it: `folder` is gone by then."""
    try:
        if (folder / FILE_NAME).is_dir():
            raise ConfigurationError(
                f"{FILE_NAME}: is a folder of the release, and the description of a standard is called so; "
                "rename the folder"
            )
        yield
    except ValidationError as error:
        raise ConfigurationError(_unusable(error)) from error
    except Unavailable as error:
        raise ConfigurationError(NOT_COMPILED) from error
    except etree.XMLSyntaxError as error:  # so libxml2 says it: every file has been read before
        raise MemoryError from error
    except ConfigurationError as error:
        raise ConfigurationError(within(folder, error.detail)) from error


def _require_usable_names(name: str | None, version: str | None) -> None:
    if name is not None and not re.fullmatch(NAME, name):
        raise Misnamed(f"{name!r} is {NAME_WORDS}")
    if version is not None and not re.fullmatch(VERSION, version):
        raise Misnamed(f"{version!r} is {VERSION_WORDS}")


def _unusable(error: ValidationError) -> str:
    """Say what the files tell that no manifest can hold; names that are given are checked before."""
    faults = "; ".join(sentences(error, Manifest, "all of it"))
    return (
        f"what its files tell makes no usable {FILE_NAME} ({faults}); correct them, or give --name and "
        "--version"
    )


def _named(identity: Identity, name: str | None, version: str | None) -> Identity:
    return Identity(
        name or identity.standard,
        version or identity.version,
        identity.title,
        identity.identifier,
        identity.namespaces,
        identity.guessed - {word for word, given in (("name", name), ("version", version)) if given},
    )


def _require_new(identity: Identity, catalogue: Catalogue) -> None:
    if standard := catalogue.fetch(identity.standard, identity.version):
        raise ConfigurationError(
            f"{standard} is there already, in {standard.folder}; `amtsbote standards remove {standard}` first"
        )


def _install(
    folder: Path, identity: Identity, manifest: Manifest, catalogue: Catalogue, target: Path
) -> Path:
    """Let the release appear at once as a whole; hidden folders are no standards."""
    home = target / identity.standard / identity.version
    try:
        target.mkdir(parents=True, exist_ok=True)
        with alone_in(target) as arriving:
            _require_still_new(identity, Standard(manifest, folder, SchemaFiles([folder])), catalogue, target)
            if home.is_dir() and any(home.iterdir()):
                raise ConfigurationError(f"{home}: is no standard, but is not empty; take it away first")
            shutil.copytree(folder, arriving)
            home.parent.mkdir(exist_ok=True)
            arriving.rename(home)
    except OSError as error:
        raise ConfigurationError(f"{home}: cannot be written: {error.strerror}") from error
    return home


def _require_still_new(identity: Identity, tried: Standard, catalogue: Catalogue, target: Path) -> None:
    """Look again at what the folder holds by now: trying a release takes time, and others add too."""
    elsewhere = [
        each for each in catalogue.standards if not each.folder.resolve().is_relative_to(target.resolve())
    ]
    now = Catalogue([*elsewhere, *Catalogue.load([target]).standards])
    _require_new(identity, now)
    Catalogue([*now.standards, tried])
