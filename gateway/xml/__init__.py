"""XML: the one parser, validation against schemas, and what a refusal says.

Knows nothing of standards, of routing or of the store.
"""
