"""What fuzzing starts from: valid messages of every type that there is."""

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.domain.calendar import today
from gateway.errors import ConfigurationError, NotPossible
from gateway.settings import data_folder
from gateway.standards import Catalogue, MessageType, Standard
from gateway.standards.adding import add
from gateway.standards.examples import Examples
from gateway.standards.serving import enable

PROBE = Path(__file__).parent / "probe"
_MAX_TYPES = 6
"""Of one published standard: their messages resemble each other."""


@dataclass(frozen=True)
class Start:
    """One valid message."""

    standard: Standard
    name: str
    body: bytes

    def __repr__(self) -> str:
        return f"Start({self.name})"


@contextmanager
def catalogue(published: Path | None = None) -> Iterator[Catalogue]:
    """Open the sample standards, the probe and, where a folder of them is given, published standards."""
    with tempfile.TemporaryDirectory(prefix="amtsbote-fuzz-") as folder:
        folders = [data_folder("schemas"), PROBE]
        if published:
            _add_all(sorted(each for each in published.iterdir() if each.is_dir()), Path(folder))
            folders.append(Path(folder))
        loaded = Catalogue.load(folders)
        loaded.check()
        yield loaded


def published_standards() -> Path | None:
    """Return the folder of published standards that AMTSBOTE_MATERIAL names, as for the tests."""
    folder = os.environ.get("AMTSBOTE_MATERIAL")
    return Path(folder, "standards") if folder else None


def _add_all(releases: Iterable[Path], target: Path) -> None:
    """Add releases, those that others build on first: what cannot be added yet waits for the others."""
    waiting, failed = list(releases), -1
    while waiting and len(waiting) != failed:
        failed = len(waiting)
        waiting = [each for each in waiting if not _added(each, target)]
    for standard in Catalogue.load([target]).standards:
        enable(standard, since=today(), until=None, grace_until=None)


def _added(release: Path, target: Path) -> bool:
    try:
        report = add(release, Catalogue.load([target]), target, dry_run=True)
        if report.unresolved:
            return False
        add(release, Catalogue.load([target]), target)
    except ConfigurationError:
        return False
    return True


def starts(loaded: Catalogue) -> list[Start]:
    """Return fixtures, and a minimal and a full example of every message type."""
    found = [_of_fixture(loaded, path) for path in sorted(data_folder("fixtures").glob("*/*/valid/*.xml"))]
    for standard in loaded.standards:
        writer = Examples(standard)
        types = standard.message_types
        for message_type in types[:: max(1, len(types) // _MAX_TYPES)]:
            found += _examples(writer, standard, message_type)
    return found


def _of_fixture(loaded: Catalogue, path: Path) -> Start:
    body = path.read_bytes()
    standard = loaded.read(body, today=today()).standard
    return Start(standard, "/".join(path.parts[-4:]), body)


def _examples(writer: Examples, standard: Standard, message_type: MessageType) -> Iterator[Start]:
    for full in (False, True):
        try:
            body = writer.write(message_type, full=full).body
        except NotPossible:  # a published schema may ask for what cannot be made up
            continue
        yield Start(standard, f"{message_type.id} {'full' if full else 'minimal'}", body)
