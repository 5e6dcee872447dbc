"""Akte/Vorgang/Dokument on disk. A Dokument appears whole and durable, or not at all, and never twice."""

import json
import os
import re
import shutil
from dataclasses import dataclass
from errno import EEXIST, ENOENT, ENOTEMPTY
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

from gateway.contract.delivery import Delivery
from gateway.contract.ids import new_id

_SAFE = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")


def safe_name(text: str) -> str:
    """Return text where it is a harmless name, otherwise a name made of its digest."""
    if _SAFE.fullmatch(text):
        return text
    return "x" + sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Place:
    """Where one message belongs; every name derives from ids."""

    record: Path
    case: Path
    document: Path
    described: dict[str, str]

    @classmethod
    def of(cls, root: Path, delivery: Delivery) -> Self:
        """Return the place of a delivery below the root."""
        record = root / f"{safe_name(delivery.tenant)}-{safe_name(delivery.service)}"
        case = record / safe_name(delivery.case_id)
        described = {
            "tenant": delivery.tenant,
            "service": delivery.service,
            "authority": delivery.authority,
            "case_id": delivery.case_id,
        }
        return cls(record, case, case / safe_name(delivery.submission_id), described)

    @property
    def name(self) -> str:
        """Akte/Vorgang/Dokument: the DMS's own id of the message."""
        return f"{self.record.name}/{self.case.name}/{self.document.name}"

    def is_filed(self) -> bool:
        """Say whether the Dokument is there; a crash may have come before its name was durable."""
        filed = self.document.is_dir()
        if filed:
            _sync(self.case)
        return filed


class Draft:
    """A Dokument in the making, in a hidden folder beside its place."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._folder = place.case / f".{place.document.name}.{new_id()}.tmp"

    @classmethod
    def begin(cls, place: Place) -> Self:
        """Make Akte and Vorgang where they are missing, and an empty draft."""
        draft = cls(place)
        record = {name: place.described[name] for name in ("tenant", "service")}
        _make_level(place.record, {"akte": place.record.name} | record)
        _make_level(place.case, {"vorgang": place.case.name} | place.described)
        draft._folder.mkdir(mode=0o700)
        return draft

    def write(self, name: str, data: bytes) -> None:
        """Write one file durably; `name` may have one folder before it."""
        path = self._folder / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        _write(path, data)

    def write_json(self, name: str, content: dict[str, Any]) -> None:
        """Write one JSON file durably."""
        self.write(name, _json(content))

    def publish(self) -> None:
        """Give the draft its name, durably; where the Dokument is there already, it stays as it is."""
        for folder in (*(path for path in self._folder.iterdir() if path.is_dir()), self._folder):
            _sync(folder)
        try:
            self._folder.rename(self._place.document)
        except OSError as error:
            filed_meanwhile = error.errno in {EEXIST, ENOTEMPTY, ENOENT} and self._place.document.is_dir()
            if not filed_meanwhile:
                raise
        _sync(self._place.case)

    def discard(self) -> None:
        """Remove the draft, and those of this Dokument that a crash left behind."""
        for draft in self._place.case.glob(f".{self._place.document.name}.*.tmp"):
            shutil.rmtree(draft, ignore_errors=True)


def _make_level(folder: Path, metadata: dict[str, str]) -> None:
    """Make one level with its metadata file; the folders above it must not be lost either."""
    if (folder / "metadata.json").exists():
        return
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = folder / f".{new_id()}.tmp"
    _write(draft, _json(metadata))
    draft.rename(folder / "metadata.json")
    _sync(folder)
    for each in missing:
        _sync(each.parent)


def _json(content: dict[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False, indent=2).encode(errors="backslashreplace") + b"\n"


def _write(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def _sync(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
