"""Fuzzing: hostile and half-right input by the ten thousand, and an oracle for all that is promised of it.

`python -m fuzz messages --seconds 600 --seed 7` is one part of `make fuzz`. Nothing here is part of the
product. What breaks a promise is written to `var/fuzz` as the input that did it, as small as hypothesis could
make it.
"""
