"""The real kubectl as a person runs it in a shell, in a namespace of a cluster, and what it says."""

import asyncio
import json
import os
import re
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from controlplane.binaries import NotBuilt, binaries
from tests.backends import Backend

PATIENCE = 30.0  # seconds until what a command should say counts as never said


@dataclass(frozen=True, kw_only=True)
class Said:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def table(self) -> list[dict[str, str]]:
        """Rows of the printed table, by column; a column without a value is empty."""
        head, *rows = self.out.splitlines()
        columns = [(match[0].strip(), match.start(), match.end()) for match in re.finditer(r"\S+(?: \S+)*\s*", head)]
        ends = [end for _, _, end in columns[:-1]] + [None]
        return [
            {name: row[start:end].strip() for (name, start, _), end in zip(columns, ends, strict=True)} for row in rows
        ]


@dataclass(frozen=True, kw_only=True)
class Kubectl:
    """kubectl of one user in one namespace; `directory` is where its commands run, so that they find their files."""

    binary: Path
    directory: Path
    environment: Mapping[str, str]

    async def run(self, *arguments: str, given: Any = None, **environment: str) -> Said:
        """Run it to its end; `given` is a manifest for its standard input."""
        made = await asyncio.create_subprocess_exec(
            self.binary,
            *arguments,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            cwd=self.directory,
            env={**self.environment, **environment},
            start_new_session=True,
        )
        return await _ended(made, given if isinstance(given, str) else json.dumps(given))

    async def __call__(self, *arguments: str, given: Any = None, **environment: str) -> str:
        """What it prints; fails unless it succeeds without a warning."""
        said = await self.run(*arguments, given=given, **environment)
        assert (said.code, said.err) == (0, ""), said
        return said.out

    async def refused(self, *arguments: str, given: Any = None) -> str:
        """What it says against a command that must not succeed."""
        said = await self.run(*arguments, given=given)
        assert said.code == 1, said
        return said.err

    async def shell(self, line: str) -> Said:
        """Run a line as it stands in a page."""
        return await _ended(await self._shell(line), "")

    async def follow(self, line: str, *, until: str) -> str:
        """Run a line that has no end until it printed what matches `until`; what it printed so far."""
        made, printed = await self._shell(line), ""
        assert made.stdout is not None
        try:
            async with asyncio.timeout(PATIENCE):
                while not re.search(until, printed):
                    more = await made.stdout.read(4096)
                    assert more, f"ended after {printed}"
                    printed += more.decode()
        finally:
            await _end(made)
        return printed

    async def _shell(self, line: str) -> Process:
        return await asyncio.create_subprocess_shell(
            line,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            cwd=self.directory,
            env=dict(self.environment),
            start_new_session=True,
        )


def kubectl_for(backend: Backend, directory: Path, *, user: str = "admin") -> Kubectl:
    """kubectl with a kubeconfig whose context names the test's namespace; skips where it is not built."""
    try:
        binary = binaries().kubectl
    except NotBuilt as error:
        pytest.skip(str(error))
    directory.mkdir(parents=True, exist_ok=True)
    config = yaml.safe_load(backend.kubeconfig(user).read_text())
    config["contexts"][0]["context"]["namespace"] = backend.namespace
    kubeconfig = directory / f"{user}.kubeconfig"
    kubeconfig.write_text(json.dumps(config))
    environment = {
        "PATH": f"{binary.parent}:{os.environ['PATH']}",
        "HOME": str(directory),
        "KUBECONFIG": str(kubeconfig),
        "KUBECACHEDIR": str(backend.directory / "kubectl-cache"),  # what a cluster offers is the same for every test
    }
    return Kubectl(binary=binary, directory=directory, environment=environment)


async def _ended(made: Process, given: str) -> Said:
    try:
        async with asyncio.timeout(PATIENCE):
            out, err = await made.communicate(given.encode())
    except TimeoutError:
        await _end(made)
        raise
    assert made.returncode is not None
    return Said(code=made.returncode, out=out.decode(), err=err.decode())


async def _end(made: Process) -> None:
    """End it and what it started: a shell's child would keep the pipes open."""
    with suppress(ProcessLookupError):
        os.killpg(made.pid, signal.SIGTERM)
    await made.communicate()
