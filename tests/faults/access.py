"""Ways to a fault proxy: certificates good and wrong, and a kubeconfig that leads through it."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import trustme
import yaml


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """A server's certificate with its key in one PEM file, and the file of the authority that vouches for it."""

    pem: Path
    ca: Path
    authority: trustme.CA

    @classmethod
    def issued(cls, directory: Path, *names: str) -> Self:
        """A certificate for these names (by default 127.0.0.1) by a new authority; makes two files in `directory`."""
        return cls(pem=Path(), ca=Path(), authority=trustme.CA()).for_names(directory, *names)

    def for_names(self, directory: Path, *names: str) -> Self:
        """One more by the same authority."""
        directory.mkdir(parents=True, exist_ok=True)
        pem, ca = directory / "server.pem", directory / "ca.pem"
        self.authority.cert_pem.write_to_path(ca)
        self.authority.issue_cert(*(names or ("127.0.0.1",))).private_key_and_cert_chain_pem.write_to_path(pem)
        return replace(self, pem=pem, ca=ca)


def kubeconfig_through(url: str, like: Path, path: Path, *, ca: Path | None = None, token: str | None = None) -> Path:
    """Write a kubeconfig `like` another whose every cluster is at `url`, and return its path.

    Users are kept, unless a `token` stands for them; a client certificate would not reach past the proxy.
    """
    config = yaml.safe_load(like.read_text())
    for entry in config["clusters"]:
        entry["cluster"] = {"server": url, **({"certificate-authority": str(ca)} if ca else {})}
    for entry in config["users"] if token is not None else ():
        entry["user"] = {"token": token}
    path.write_text(json.dumps(config, indent=1))
    return path
