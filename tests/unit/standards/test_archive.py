"""Releases as folders and ZIPs: what is taken out of them, and what is refused."""

import stat
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from gateway.errors import ConfigurationError
from gateway.standards import archive
from gateway.standards.archive import unpack

XSD = b"<xs:schema/>"


def zipped(entries: dict[str, bytes]) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in entries.items():
            file.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "unpacked"
    folder.mkdir()
    return folder


def write(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "release.zip"
    path.write_bytes(content)
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_archive_gives_schemas_lists_and_rules_only(tmp_path: Path, target: Path) -> None:
    entries = {"a/x.xsd": XSD, "b/l.XML": b"<l/>", "r.sch": b"<s/>", "c.xslt": b"<x/>", "doc.pdf": b"%PDF"}
    unpack(write(tmp_path, zipped(entries)), target)
    assert names(target) == ["a/x.xsd", "b/l.XML", "c.xslt", "r.sch"]
    assert (target / "a" / "x.xsd").read_bytes() == XSD


def test_archive_within_an_archive_is_unpacked_once(tmp_path: Path, target: Path) -> None:
    innermost = zipped({"z.xsd": XSD})
    inner = zipped({"y.xsd": XSD, "innermost.zip": innermost})
    unpack(write(tmp_path, zipped({"x.xsd": XSD, "parts/inner.zip": inner})), target)
    assert names(target) == ["parts/inner/y.xsd", "x.xsd"]


def test_folder_is_copied_with_the_archives_in_it(tmp_path: Path, target: Path) -> None:
    source = tmp_path / "release"
    (source / "deep").mkdir(parents=True)
    (source / "deep" / "x.xsd").write_bytes(XSD)
    (source / "lists.zip").write_bytes(zipped({"l.xml": b"<l/>"}))
    unpack(source, target)
    assert names(target) == ["deep/x.xsd", "lists/l.xml"]


MAC = {
    "xsd/x.xsd": XSD,
    "xsd/._x.xsd": b"\0\5\x16\7",
    "xsd/.DS_Store": b"\0\0\0\1Bud1",
    "__MACOSX/xsd/._x.xsd": b"\0\5\x16\7",
    "__MACOSX/._lists.zip": b"\0\5\x16\7",
    "teil/__MACOSX/y.xml": b"",
}


def test_what_a_mac_adds_is_left_out_of_an_archive(tmp_path: Path, target: Path) -> None:
    unpack(write(tmp_path, zipped(MAC | {"lists.zip": zipped(MAC)})), target)
    assert names(target) == ["lists/xsd/x.xsd", "xsd/x.xsd"]


def test_what_a_mac_adds_is_left_out_of_a_folder(tmp_path: Path, target: Path) -> None:
    source = tmp_path / "release"
    for name, content in MAC.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(content)
    unpack(source, target)
    assert names(target) == ["xsd/x.xsd"]


@pytest.mark.parametrize("name", ["...zip", "..ZIP", "a/...zip"])
@pytest.mark.parametrize("in_folder", [False, True])
def test_archive_within_is_refused_when_its_name_leads_elsewhere(
    tmp_path: Path, target: Path, name: str, in_folder: bool
) -> None:
    inner = zipped({"evil.xsd": XSD})
    source = tmp_path / "release"
    if in_folder:
        (source / name).parent.mkdir(parents=True)
        (source / name).write_bytes(inner)
    else:
        source = write(tmp_path, zipped({name: inner}))
    with pytest.raises(ConfigurationError, match="no usable name of an archive"):
        unpack(source, target)
    assert names(tmp_path / "unpacked") == []


def test_archive_is_refused_when_a_name_that_is_left_out_leads_elsewhere(
    tmp_path: Path, target: Path
) -> None:
    with pytest.raises(ConfigurationError, match="leads out of the archive"):
        unpack(write(tmp_path, zipped({"x.xsd": XSD, "__MACOSX/../../._x.xsd": b""})), target)


@pytest.mark.parametrize(
    "name",
    [
        "../evil.xsd",
        "a/../../evil.xsd",
        "/etc/evil.xsd",
        "C:/evil.xsd",
        "..\\evil.xsd",
        "a/b\0.xsd",
        "x" * 300,
    ],
)
def test_archive_is_refused_when_a_name_leads_elsewhere(tmp_path: Path, target: Path, name: str) -> None:
    stand_in = name.replace("\0", "N")  # zipfile would cut the name off
    raw = zipped({"good.xsd": XSD, stand_in: XSD}).replace(stand_in.encode(), name.encode())
    with pytest.raises(ConfigurationError, match=r"release\.zip"):
        unpack(write(tmp_path, raw), target)
    assert not list(tmp_path.rglob("*evil*"))


def test_archive_is_refused_when_it_holds_a_link(tmp_path: Path, target: Path) -> None:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        link = zipfile.ZipInfo("link.xsd")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(link, "/etc/passwd")
    with pytest.raises(ConfigurationError, match="link"):
        unpack(write(tmp_path, buffer.getvalue()), target)


def test_folder_is_refused_when_it_holds_a_link(tmp_path: Path, target: Path) -> None:
    source = tmp_path / "release"
    source.mkdir()
    (source / "x.xsd").symlink_to("/etc/hostname")
    with pytest.raises(ConfigurationError, match="link"):
        unpack(source, target)


def test_archive_is_refused_when_encrypted(tmp_path: Path, target: Path) -> None:
    raw = bytearray(zipped({"x.xsd": XSD}))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.index(mark) + offset] |= 0x1
    with pytest.raises(ConfigurationError, match="encrypted"):
        unpack(write(tmp_path, bytes(raw)), target)


def test_archive_is_refused_when_it_unpacks_to_too_much(
    tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MAX_FILE_BYTES", 1 << 20)
    monkeypatch.setattr(archive, "MAX_BYTES", 3 << 20)
    with pytest.raises(ConfigurationError, match="unpacks to more"):
        unpack(write(tmp_path, zipped({"bomb.xsd": bytes(2 << 20)})), target)
    many = {f"{number}.xsd": bytes(1 << 20) for number in range(4)}
    with pytest.raises(ConfigurationError, match="unpacks to more"):
        unpack(write(tmp_path, zipped({"deep.zip": zipped(many)})), target)


def test_archive_is_refused_when_it_holds_too_many_files(
    tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MAX_FILES", 3)
    with pytest.raises(ConfigurationError, match="more than 3 files"):
        unpack(write(tmp_path, zipped({f"{number}.pdf": b"" for number in range(4)})), target)


def test_archive_is_refused_when_one_file_is_in_it_twice(tmp_path: Path, target: Path) -> None:
    raw = zipped({"x.xsd": XSD, "y.xsd": XSD}).replace(b"y.xsd", b"x.xsd")
    with pytest.raises(ConfigurationError, match="twice"):
        unpack(write(tmp_path, raw), target)


@pytest.mark.parametrize("content", [b"", zipped({})], ids=["no byte", "no entry"])
def test_archive_with_nothing_in_it_is_said_to_be_empty(tmp_path: Path, target: Path, content: bytes) -> None:
    with pytest.raises(ConfigurationError, match=r"release.zip: is empty; fetch it anew"):
        unpack(write(tmp_path, content), target)


@pytest.mark.parametrize("content", [b"PK\x05\x06 no archive", XSD])
def test_file_that_is_no_archive_is_refused(tmp_path: Path, target: Path, content: bytes) -> None:
    with pytest.raises(ConfigurationError, match="neither a folder nor a ZIP"):
        unpack(write(tmp_path, content), target)


@pytest.mark.parametrize("within", [False, True])
def test_archive_that_is_cut_off_is_said_to_be_incomplete(tmp_path: Path, target: Path, within: bool) -> None:
    cut_off = zipped({"x.xsd": XSD * 1000})[:-30]
    raw = zipped({"parts/inner.zip": cut_off}) if within else cut_off
    name = "inner.zip" if within else "release.zip"
    with pytest.raises(ConfigurationError, match=f"{name}: is an incomplete ZIP archive.*fetch it anew"):
        unpack(write(tmp_path, raw), target)


@pytest.mark.parametrize("content", [[], ["liesmich.txt"]])
def test_folder_with_nothing_of_a_standard_is_named(tmp_path: Path, target: Path, content: list[str]) -> None:
    source = tmp_path / "leer"
    source.mkdir()
    for name in content:
        (source / name).write_text("x", "utf-8")
    with pytest.raises(ConfigurationError, match=rf"{source}: has no file of a standard.*\.xsd"):
        unpack(source, target)


def test_damaged_archive_is_refused(tmp_path: Path, target: Path) -> None:
    raw = bytearray(zipped({"x.xsd": XSD * 1000}))
    start = raw.index(b"x.xsd") + len(b"x.xsd")
    raw[start : start + 20] = b"\xff" * 20
    with pytest.raises(ConfigurationError, match="cannot be unpacked"):
        unpack(write(tmp_path, bytes(raw)), target)


def test_damaged_entry_is_refused_by_its_name_however_it_is_packed(tmp_path: Path, target: Path) -> None:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_LZMA) as file:
        file.writestr("a/x.xsd", XSD * 1000)
    content = bytearray(buffer.getvalue())
    at = content.index(b"x.xsd") + len("x.xsd") + 4  # the header of the entry's own compression
    content[at : at + 20] = b"\xff" * 20
    with pytest.raises(ConfigurationError, match=r"a/x\.xsd.*cannot be unpacked.*fetch it anew"):
        unpack(write(tmp_path, bytes(content)), target)


def test_file_that_cannot_be_read_is_named(
    tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "release"
    source.mkdir()
    (source / "x.xsd").write_bytes(XSD)

    def refuse(self: Path, *_: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ConfigurationError, match=r"x\.xsd: cannot be copied: Permission denied"):
        unpack(source, target)
