"""How much may be tried to find the reason of faults in a message."""

from dataclasses import dataclass

_OF_A_TRIAL = 10
"""As much time as for so many children is taken by a trial itself."""


@dataclass
class Budget:
    """So many children may still be looked at in all trials: 20,000 take a tenth of a second."""

    left: int

    def take(self, count: int) -> bool:
        """Say whether there is enough left for a trial with so many children."""
        self.left -= _OF_A_TRIAL + count
        return self.left >= 0
