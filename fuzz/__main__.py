"""`python -m fuzz`: see `--help`."""

import argparse
import random
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from fuzz import raw, releases
from fuzz.campaign import Campaign
from fuzz.memory import MAX_GROWTH_MIB
from fuzz.oracle import Oracle
from fuzz.overheard import Overheard
from fuzz.releases import ReleaseOracle
from fuzz.seeds import catalogue, published_standards, starts
from fuzz.strategies import Mutant, mutants
from fuzz.surface import Surface

RESULTS = Path("var") / "fuzz"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("campaign", choices=sorted(_CAMPAIGNS))
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, help="of everything that is random; printed when left out")
    return parser.parse_args()


def _messages(seconds: float, seed: int) -> bool:
    """Fuzz validation with messages that were changed by their schema."""
    with ExitStack() as stack:
        loaded = stack.enter_context(catalogue(published_standards()))
        overheard = stack.enter_context(Overheard())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="amtsbote-fuzz-")))
        oracle = Oracle(loaded, overheard, stack.enter_context(Surface(loaded, folder)))
        campaign = Campaign[Mutant]("messages", RESULTS, oracle.check, lambda mutant: mutant.body)
        campaign.run(mutants(starts(loaded)), seconds=seconds, first_seed=seed)
        print(f"{campaign.verdict}\n{oracle.account}")
    return _is_clean(campaign)


def _bytes(seconds: float, seed: int) -> bool:
    """Fuzz parser and validation with bytes, guided by what of the product's code they reach."""
    return raw.run(seconds=seconds, seed=seed, folder=RESULTS)


def _releases(seconds: float, seed: int) -> bool:
    """Fuzz `amtsbote standards add` with releases and archives that were changed."""
    with tempfile.TemporaryDirectory(prefix="amtsbote-fuzz-") as folder:
        oracle = ReleaseOracle(Path(folder))
        campaign = Campaign("releases", RESULTS, oracle.check, lambda release: release.archive)
        campaign.run(releases.changed(), seconds=seconds, first_seed=seed)
        print(f"{campaign.verdict}\n{oracle.account}")
    return _is_clean(campaign)


def _is_clean(campaign: Campaign) -> bool:
    leaks = campaign.curve.growth_mib > MAX_GROWTH_MIB
    if leaks:
        print(f"  memory has grown by {campaign.curve.growth_mib:.0f} MiB after it was warm")
    return not campaign.found and not leaks


_CAMPAIGNS = {"messages": _messages, "bytes": _bytes, "releases": _releases}


def main() -> int:
    """Run one campaign; 1 means that something was broken."""
    arguments = _arguments()
    seed = random.SystemRandom().randrange(10**6) if arguments.seed is None else arguments.seed
    print(f"{arguments.campaign}: {arguments.seconds:.0f} s, seed {seed}", flush=True)
    return 0 if _CAMPAIGNS[arguments.campaign](arguments.seconds, seed) else 1


if __name__ == "__main__":
    sys.exit(main())
