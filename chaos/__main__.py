"""`python -m chaos`: see `--help`."""

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from chaos.mutations import MUTATIONS
from chaos.plan import LONG, SHORT, Plan, provoke
from chaos.restore import Restore, restore_plan
from chaos.run import run
from chaos.servers import Servers


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--seed", type=int, help="of messages, mishaps and faults; printed when left out")
    parser.add_argument("--short", action="store_true", help="a minute and a half, not a quarter of an hour")
    parser.add_argument("--applications", type=int)
    parser.add_argument("--faults", type=int)
    parser.add_argument("--nodes", type=int, help="RabbitMQ nodes")
    parser.add_argument(
        "--mutation", choices=sorted(MUTATIONS), help="a mutation of the product that must be reported"
    )
    parser.add_argument(
        "--scenario", choices=["restore"], help="instead: restore PostgreSQL to an earlier point"
    )
    parser.add_argument("--keep", action="store_true", help="keep the folder also when all is well")
    return parser.parse_args()


def _seed(arguments: argparse.Namespace) -> int:
    return random.SystemRandom().randrange(10**6) if arguments.seed is None else int(arguments.seed)


def _plan(arguments: argparse.Namespace) -> Plan:
    form = SHORT if arguments.short else LONG
    given = {name: getattr(arguments, name) for name in ("applications", "faults", "nodes")}
    form = replace(form, **{name: value for name, value in given.items() if value is not None})
    if arguments.mutation:
        return provoke(arguments.mutation, _seed(arguments))
    return Plan(_seed(arguments), form)


async def _main(arguments: argparse.Namespace) -> int:
    plan = restore_plan(_seed(arguments)) if arguments.scenario else _plan(arguments)
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:6.1f}] {text}", flush=True)

    print(f"seed {plan.seed}: {plan.form.applications} applications, {len(plan.faults)} faults")
    print(plan.describe())
    folder = Path(tempfile.mkdtemp(prefix="amtsbote-chaos-"))
    servers = Servers(plan.form.nodes)
    try:
        await servers.start()
        if arguments.scenario:
            violations = await Restore(plan, folder, servers, say).run()
            print("\n".join(map(str, violations)))
        else:
            verdict = await run(plan, folder, servers, mutation=arguments.mutation, say=say)
            violations = verdict.violations
            print(verdict.text)
    finally:
        await servers.close()
    if violations or arguments.keep:
        print(f"everything is kept in {folder}; repeat with --seed {plan.seed}")
    else:
        shutil.rmtree(folder)
    if violations:
        return 1
    print("all that was lost is named" if arguments.scenario else "nothing was lost, nothing came twice")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_main(_arguments())))
