"""Short ways through a message by local names: the office reads every version of a standard alike."""

from lxml import etree

Element = etree._Element


def find(node: Element, path: str) -> Element | None:
    """Return the first element at `a/b/c` below the node, whatever its namespace."""
    return node.find(_any_namespace(path))


def find_all(node: Element, path: str) -> list[Element]:
    """Return every element at `a/b/c` below the node, in document order."""
    return node.findall(_any_namespace(path))


def text(node: Element, path: str) -> str:
    """Return the stripped text at `a/b/c` below the node; empty where there is none."""
    return (node.findtext(_any_namespace(path)) or "").strip()


def local_name(node: Element) -> str:
    """Return the name of an element without its namespace."""
    return etree.QName(node).localname


def _any_namespace(path: str) -> str:
    return "/".join(f"{{*}}{name}" for name in path.split("/"))
