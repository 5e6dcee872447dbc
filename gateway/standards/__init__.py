"""The standards that this installation serves: which there are, and what one of their messages says."""

from gateway.standards.catalogue import Catalogue, Incoming, MessageType, Standard
from gateway.standards.profiles import Header

__all__ = ["Catalogue", "Header", "Incoming", "MessageType", "Standard"]
