"""Examples: a valid message with made-up content of any message type, from its schema alone."""

from gateway.standards.examples.writer import Examples

__all__ = ["Examples"]
