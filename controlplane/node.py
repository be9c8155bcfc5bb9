"""`python -m controlplane.node KUBECONFIG`: what a cluster has beside its control plane, played until told to end."""

import asyncio
import json
import sys
from pathlib import Path

from controlplane import kubelet
from controlplane.api import Object, connected
from controlplane.gateway import Gateway


async def play(kubeconfig: Object) -> None:
    """Play kubelet and Gateway for the cluster of a kubeconfig's content until cancelled."""
    async with connected(kubeconfig) as api, asyncio.TaskGroup() as group:
        group.create_task(kubelet.run(api))
        group.create_task(Gateway(api).run())
        sys.stdout.write("playing\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(play(json.loads(Path(sys.argv[1]).read_text())))
