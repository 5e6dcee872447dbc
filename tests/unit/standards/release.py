"""The made-up releases among the fixtures, and what a test changes in them."""

from pathlib import Path

from gateway.settings import data_folder

_RELEASES = data_folder("fixtures") / "releases"
PARTS = "xsd/xhund-bausteine.xsd"
MAIN = "xsd/xhund.xsd"
LIST = "codelisten/hunderasse_1.xml"


def files() -> dict[str, str]:
    """Return the files of the release by their paths; its shared types are delivered apart."""
    return _files("xhund-2.3") | {"Spezifikation.pdf": "%PDF-"}


def shared_files() -> dict[str, str]:
    """Return the release of the shared types."""
    return _files("gemeinsames-1.0")


def message(race: str = "dackel") -> str:
    """Return a message of the standard, about a dog of that race."""
    return files()["beispiele/dackel.xml"].replace("<code>dackel<", f"<code>{race}<")


def write(folder: Path, contents: dict[str, str]) -> Path:
    """Write files below a folder and return it."""
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
    return folder


def _files(name: str) -> dict[str, str]:
    folder = _RELEASES / name
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in paths}
