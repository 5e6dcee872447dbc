"""`python -m chaos.launch MUTATION serve`: the command line of the product, with one fault put into it."""

import sys

from chaos.mutations import MUTATIONS
from gateway.cli import main

if __name__ == "__main__":
    MUTATIONS[sys.argv.pop(1)]()
    main()
