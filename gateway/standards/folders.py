"""The manifests in the folders of standards, whether one has changed, and who may change one."""

import fcntl
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from gateway.errors import ConfigurationError
from gateway.standards.manifest import FILE_NAME

Stamp: TypeAlias = tuple[int, int, int]
"""What changes when a file does: time, size and inode."""


def stamps(folders: Iterable[Path]) -> dict[Path, Stamp]:
    """Return every manifest in the folders and at most two levels below.

    Raises:
        ConfigurationError: a folder is missing.
    """
    return {path: stamp for folder in folders for path in _manifests(folder) if (stamp := _stamp(path))}


def _manifests(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        raise ConfigurationError(f"{folder}: is no folder of standards")
    for depth in ("", "*/", "*/*/"):
        for path in sorted(folder.glob(depth + FILE_NAME)):
            if not any(part.startswith(".") for part in path.relative_to(folder).parts):
                yield path  # in a hidden folder a standard is still arriving, or already leaving


def _stamp(path: Path) -> Stamp | None:
    try:
        found = path.stat()
    except FileNotFoundError:  # removed at this moment
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


@contextmanager
def alone_in(target: Path) -> Iterator[Path]:
    """Wait until nobody else changes the folder: two that look at the same time both find room.

    Yields:
        A hidden folder for what arrives or leaves, which is not there yet; what stays in it is removed, also
        where whoever left it there was killed.
    """
    moving = target / ".moving"
    with (target / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # let go when the file is closed
        shutil.rmtree(moving, ignore_errors=True)
        try:
            yield moving
        finally:
            shutil.rmtree(moving, ignore_errors=True)
