"""Say from when to when a standard is served, and take one away; a running gateway notices both."""

import os
import re
import shutil
from contextlib import suppress
from datetime import date
from pathlib import Path
from uuid import uuid4

from gateway.errors import ConfigurationError, NotPossible
from gateway.settings import data_folder
from gateway.standards.catalogue import Catalogue
from gateway.standards.folders import alone_in
from gateway.standards.manifest import FILE_NAME, Manifest, read_manifest
from gateway.standards.roots import require_told_apart
from gateway.standards.sources import SchemaFiles
from gateway.standards.standard import Standard


def enable(standard: Standard, *, since: date, until: date | None, grace_until: date | None) -> None:
    """Write from when to when a standard is served; everything else in its manifest stays as it is.

    Raises:
        ConfigurationError: its schemas do not compile, the days contradict each other, another release that
            looks the same has the same first day, or the file cannot be written; nothing has changed.
    """
    standard.schema.compile()
    path = standard.folder / FILE_NAME
    text = path.read_text(encoding="utf-8")
    for name, day in (("valid_from", since), ("valid_until", until), ("grace_until", grace_until)):
        text = _with_day(text, name, day)
    new = path.with_name(f".{FILE_NAME}.{uuid4()}")
    try:
        new.write_text(text, encoding="utf-8")
        _require_told_apart(standard, _read(new, path))
        shutil.copymode(path, new)
        os.replace(new, path)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        new.unlink(missing_ok=True)


def _read(new: Path, path: Path) -> Manifest:
    """Read what was written, and report on it as on the file that it shall replace: it is gone then."""
    try:
        return read_manifest(new)
    except ConfigurationError as error:
        raise ConfigurationError(error.detail.replace(str(new), str(path))) from error


def _require_told_apart(standard: Standard, manifest: Manifest) -> None:
    """Look at the versions that lie beside it: no gateway would start with two of the same first day."""
    beside = Catalogue.load_usable([standard.folder.parent]).standards
    name, version = manifest.standard, manifest.version
    others = [each for each in beside if each.manifest.standard == name and each.manifest.version != version]
    require_told_apart(Standard(manifest, standard.folder, SchemaFiles([])), others)


def _with_day(text: str, name: str, day: date | None) -> str:
    """Set one line; it is added after `valid_from`, without which no day is read."""
    line = f"{name}: {day.isoformat() if day else 'null'}"
    changed, count = re.subn(rf"^{name}:.*$", line, text, flags=re.MULTILINE)
    if count or day is None:
        return changed
    anchor = "valid_from" if name != "valid_from" else "version"
    return re.sub(rf"^({anchor}:.*)$", rf"\1\n{line}", text, count=1, flags=re.MULTILINE)


def require_added(home: Path, target: Path) -> None:
    """Make sure that the folder of a standard was added to `target`, where no others lie in it.

    Raises:
        NotPossible: it was not.
    """
    if home.resolve().parent.parent == target.resolve():
        return
    if home.resolve().is_relative_to(data_folder("schemas").resolve()):
        raise NotPossible(
            f"{home.parent.name} {home.name} comes with Amtsbote and is not removed; to do without "
            "what comes with it, name your own folders in AMTSBOTE_STANDARDS"
        )
    raise NotPossible(
        f"{home}: was not added to {target}; take it away yourself, or out of AMTSBOTE_STANDARDS"
    )


def remove(home: Path, target: Path) -> None:
    """Take the folder of a standard away that was added to `target`, usable or not.

    Raises:
        NotPossible: it lies elsewhere.
        ConfigurationError: it cannot be removed.
    """
    require_added(home, target)
    try:
        with alone_in(target) as leaving:
            home.rename(leaving)
            shutil.rmtree(leaving)
            with suppress(OSError):  # other versions may be in it
                home.parent.rmdir()
    except OSError as error:
        raise ConfigurationError(f"{home}: cannot be removed: {error.strerror}") from error
