"""The calls of the API, one module a noun. Their answers are described in `answers`."""
