"""The standards that this installation serves: which there are, and what one of their messages says."""

from gateway.standards.catalogue import Catalogue, Incoming
from gateway.standards.profiles import Header
from gateway.standards.standard import MessageType, Standard

__all__ = ["Catalogue", "Header", "Incoming", "MessageType", "Standard"]
