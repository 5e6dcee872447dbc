"""Fault injection: a town under load while everything in it fails, and a checker that looks from outside.

`python -m chaos --seed 7` is `make chaos SEED=7`. Nothing here is part of the product, and the product
knows nothing of it: the processes are those that an operator runs, on servers of their own.
"""
