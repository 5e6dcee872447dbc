"""A published release as it is delivered, a folder or a ZIP: its files that may matter, in a folder of ours.

Archives are hostile until proven otherwise: names that lead out of the folder, links, encrypted entries and
more bytes than a release can have are refused before anything is written where the catalogue looks.
"""

import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path, PurePath, PurePosixPath
from typing import IO

from gateway.errors import ConfigurationError

KEPT = frozenset({".xsd", ".xml", ".sch", ".xsl", ".xslt", ".gc"})
"""What schemas, code lists, rules, conversions and sample messages are called."""
_OF_FINDER, _ITS_FOLDER = "._", "__MACOSX"
"""What a Mac adds to archives and to disks of other systems: notes on files, with the suffixes of these."""
MAX_FILES = 20_000
MAX_FILE_BYTES = 16 * 1024 * 1024
"""The largest of nine thousand published files has three, and is in memory as a whole when it is read."""
MAX_BYTES = 512 * 1024 * 1024
_MAX_NAME = 200
_START = b"PK\x03\x04"
_NESTED_ONCE = 1
"""XRepository and KoSIT deliver archives that hold archives; none holds a third layer."""
_CHUNK = 1024 * 1024
_DAMAGED = (
    zipfile.BadZipFile,
    NotImplementedError,
    EOFError,
    OSError,
    ValueError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
)
"""What reading an archive raises that is cut off, altered, or packed in a way that is not known."""


class _Budget:
    """How much may still be written."""

    def __init__(self) -> None:
        self._files, self._bytes = MAX_FILES, MAX_BYTES

    def take_file(self, name: str) -> None:
        self._files -= 1
        if self._files < 0:
            raise ConfigurationError(f"{name}: more than {MAX_FILES} files; no release has so many")

    def take_bytes(self, name: str, count: int, of_file: int) -> None:
        self._bytes -= count
        if self._bytes < 0 or of_file > MAX_FILE_BYTES:
            raise ConfigurationError(
                f"{name}: unpacks to more than is taken ({MAX_FILE_BYTES >> 20} MiB a file, "
                f"{MAX_BYTES >> 20} MiB in all)"
            )


def unpack(source: Path, target: Path) -> None:
    """Copy the files of a release that may matter into `target`, with their paths.

    Raises:
        ConfigurationError: it is neither a folder nor a ZIP, or something in it is not as it should be.
    """
    if source.is_dir():
        try:
            _copy(source, target, _Budget())
        except OSError as error:
            where = error.filename or source
            raise ConfigurationError(f"{where}: cannot be copied: {error.strerror}") from error
    else:
        with source.open("rb") as file:
            _extract(file, source.name, target, _Budget(), depth=0)
    if not any(path.is_file() for path in target.rglob("*")):
        if not source.is_dir() and _is_empty(source):
            raise ConfigurationError(f"{source}: is empty; fetch it anew")
        raise ConfigurationError(
            f"{source}: has no file of a standard: none is called {', '.join(sorted(KEPT))}; give the folder "
            "or ZIP that has them"
        )


def _is_empty(archive: Path) -> bool:
    with zipfile.ZipFile(archive) as opened:
        return not opened.infolist()


def _copy(source: Path, target: Path, budget: _Budget) -> None:
    for path in sorted(source.rglob("*")):
        name = path.relative_to(source)
        if _is_of_a_mac(name):
            continue
        if path.is_symlink():
            raise ConfigurationError(f"{path}: is a link; copy what it leads to into the folder")
        if path.is_file() and path.suffix.lower() == ".zip":
            with path.open("rb") as file:
                _extract(file, path.name, _unpacked(target / name), budget, depth=_NESTED_ONCE)
        elif path.is_file() and path.suffix.lower() in KEPT:
            budget.take_file(str(path))
            with path.open("rb") as file:
                _write(file, str(path), target / name, budget)


def _extract(file: IO[bytes], archive: str, target: Path, budget: _Budget, *, depth: int) -> None:
    _require_whole(file, archive)
    where = archive
    try:
        with zipfile.ZipFile(file) as opened:
            for entry in opened.infolist():
                name = _safe_name(entry, archive)
                where = f"{archive}: {_shown(str(name))}"
                if not (entry.is_dir() or _is_of_a_mac(name)):
                    budget.take_file(f"{archive}: {name}")
                    _extract_entry(opened, entry, archive, target / name, budget, depth=depth)
    except _DAMAGED as error:
        raise ConfigurationError(
            f"{where}: cannot be unpacked: {error}; fetch it anew, or unpack it and add the folder"
        ) from error


def _is_of_a_mac(name: PurePath) -> bool:
    return _ITS_FOLDER in name.parts or name.name.startswith(_OF_FINDER)


def _require_whole(file: IO[bytes], archive: str) -> None:
    """Refuse what is no archive, and one without its end, where the list of its entries is."""
    if zipfile.is_zipfile(file):
        return
    file.seek(0)
    start = file.read(len(_START))
    if not start:
        raise ConfigurationError(f"{archive}: is empty; fetch it anew")
    if start == _START:
        raise ConfigurationError(
            f"{archive}: is an incomplete ZIP archive, its end is missing; fetch it anew"
        )
    raise ConfigurationError(f"{archive}: is neither a folder nor a ZIP archive")


def _extract_entry(
    opened: zipfile.ZipFile,
    entry: zipfile.ZipInfo,
    archive: str,
    path: Path,
    budget: _Budget,
    *,
    depth: int,
) -> None:
    suffix = path.suffix.lower()
    if suffix == ".zip" and depth < _NESTED_ONCE:
        with opened.open(entry) as file:
            inner = b"".join(_bounded(file, entry.filename, budget))
        _extract(BytesIO(inner), f"{archive}/{entry.filename}", _unpacked(path), budget, depth=depth + 1)
    elif suffix in KEPT:
        with opened.open(entry) as file:
            _write(file, f"{archive}: {entry.filename}", path, budget)


def _unpacked(archive: Path) -> Path:
    """Return the folder into which an archive within the release is unpacked: its name without the ending."""
    if archive.stem in {".", ".."}:
        raise ConfigurationError(f"{_shown(archive.name)} is no usable name of an archive")
    return archive.with_suffix("")


def _safe_name(entry: zipfile.ZipInfo, archive: str) -> PurePosixPath:
    """Return an entry's path below the folder; `orig_filename` is what stands in the archive."""
    written = entry.orig_filename
    path = PurePosixPath(written.replace("\\", "/"))
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if path.is_absolute() or ".." in path.parts or ":" in written or "\0" in written:
        raise ConfigurationError(f"{archive}: an entry leads out of the archive ({_shown(written)})")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise ConfigurationError(f"{archive}: {_shown(written)} is a link or a device")
    if entry.flag_bits & 0x1:
        raise ConfigurationError(f"{archive}: {_shown(written)} is encrypted")
    if any(len(part.encode()) > _MAX_NAME for part in path.parts) or not path.parts:
        raise ConfigurationError(f"{archive}: {_shown(written)} is no usable file name")
    return path


def _shown(name: str) -> str:
    return ascii(name[:80])


def _write(file: IO[bytes], name: str, path: Path, budget: _Budget) -> None:
    if path.exists():
        raise ConfigurationError(f"{name}: is there twice")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as target:
        for chunk in _bounded(file, name, budget):
            target.write(chunk)


def _bounded(file: IO[bytes], name: str, budget: _Budget) -> Iterator[bytes]:
    """Read what is there, not what the archive says is there."""
    read = 0
    while chunk := file.read(_CHUNK):
        read += len(chunk)
        budget.take_bytes(name, len(chunk), read)
        yield chunk
