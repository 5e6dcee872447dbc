"""Examples: a message with made-up content of any message type, from its schema alone."""

from gateway.standards.examples.writer import Example, Examples

__all__ = ["Example", "Examples"]
