"""`python -m rollout.cli.showcase.story`: releases good and bad versions in turn, on a sandbox that runs elsewhere."""

import argparse
import asyncio
import re
import sys
from collections.abc import Sequence
from typing import Any

import aiohttp

from rollout.cli.showcase import manifests, stage
from rollout.cli.showcase.api import Person, Refused
from rollout.models.kinds import ROLLOUTS
from rollout.models.status import Phase

_LOOK = 1.0  # seconds between two looks at the Rollout


def main(arguments: Sequence[str] | None = None) -> None:
    """Tell the story until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m rollout.cli.showcase.story", description=__doc__)
    parser.add_argument("--server", required=True, help="address of the sandbox's API server")
    parser.add_argument("--every", type=float, default=60.0, help="seconds of rest between two releases (default: 60)")
    options = parser.parse_args(arguments)
    asyncio.run(tell(options.server, every=options.every))


async def tell(server: str, *, every: float) -> None:
    """Release one version after the other; begins anew by itself where the sandbox does."""
    async with aiohttp.ClientSession() as session:
        person = Person(session, server)
        while True:
            try:
                await _go_on(person, every=every)
            except (aiohttp.ClientError, Refused) as error:
                _say(f"waiting for the sandbox: {error}")
            await asyncio.sleep(_LOOK)


async def _go_on(person: Person, *, every: float) -> None:
    """One look: put up what is missing, and release the next version where the one before is done with."""
    await stage.install(person)
    await stage.build(person)
    rollout = await person.get(ROLLOUTS, manifests.NAMESPACE, "shop")
    if is_over(rollout):
        await asyncio.sleep(every)
        version = next_version(_image(rollout))
        await stage.release(person, version)
        _say(f"shop:{version} is released: {'it fails 5 % of its requests' if is_bad(version) else 'it is fine'}.")


def is_over(rollout: dict[str, Any]) -> bool:
    """Whether the controller has seen the template and is done with it, one way or the other."""
    status = rollout.get("status") or {}
    seen = status.get("observedGeneration") == rollout["metadata"]["generation"]
    return seen and status.get("phase") in (Phase.HEALTHY, Phase.ABORTED)


def next_version(image: str) -> str:
    """The version after that of an image: v2 is good, v3-bad is bad, v4 is good, and so on."""
    number = int(re.findall(r":v([0-9]+)", image)[0]) + 1
    return f"v{number}-bad" if number % 2 else f"v{number}"


def is_bad(version: str) -> bool:
    """Whether the shop fails requests at this version."""
    return version.endswith("-bad")


def _image(rollout: dict[str, Any]) -> str:
    return str(rollout["spec"]["template"]["spec"]["containers"][0]["image"])


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
