"""Who may speak to a control plane: users with tokens, kubeconfigs for them, and the keys of the servers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True, kw_only=True)
class User:
    """What the API server takes the bearer of a token for."""

    name: str
    groups: tuple[str, ...] = ()


_NAMESPACE = "progressive-delivery"
USERS: Mapping[str, User] = {
    "admin": User(name="admin", groups=("system:masters",)),
    "node": User(name="node", groups=("system:masters",)),  # plays kubelet and Gateway; told apart in the audit log
    "controller-manager": User(name="system:kube-controller-manager", groups=("system:masters",)),
    # The service account that deploy/rbac binds, as the API server would know it by a token of its own.
    "controller": User(
        name=f"system:serviceaccount:{_NAMESPACE}:progressive-delivery",
        groups=("system:serviceaccounts", f"system:serviceaccounts:{_NAMESPACE}"),
    ),
    "nobody": User(name="nobody"),
}


def token(user: str) -> str:
    """The bearer token of a user; no secret, since the server exists for a test and on loopback only."""
    return f"token-of-{user}"


def write_tokens(path: Path) -> None:
    """Write the API server's table of tokens."""
    rows = (f'{token(key)},{user.name},{key},"{",".join(user.groups)}"' for key, user in USERS.items())
    path.write_text("\n".join(rows) + "\n")


def write_kubeconfig(path: Path, *, url: str, ca: Path, user: str) -> None:
    """Write a kubeconfig for one user (JSON, which is YAML)."""
    cluster = {"server": url, "certificate-authority": str(ca)}
    named = {
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": user, "user": {"token": token(user)}}],
        "contexts": [{"name": user, "context": {"cluster": "test", "user": user}}],
    }
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", "current-context": user, **named}))


@dataclass(frozen=True, kw_only=True)
class Keys:
    """Files with the authority, the API server's certificate and key, and the key that signs service accounts."""

    ca: Path
    certificate: Path
    key: Path
    signing: Path


def write_keys(directory: Path, *, address: str) -> Keys:
    """Make an authority and what it signs, for a server at an address."""
    keys = Keys(
        ca=directory / "ca.pem",
        certificate=directory / "apiserver.pem",
        key=directory / "apiserver-key.pem",
        signing=directory / "service-accounts-key.pem",
    )
    authority = trustme.CA()
    server = authority.issue_cert(address, "localhost")
    authority.cert_pem.write_to_path(str(keys.ca))
    server.cert_chain_pems[0].write_to_path(str(keys.certificate))
    server.private_key_pem.write_to_path(str(keys.key))
    trustme.CA().private_key_pem.write_to_path(str(keys.signing))
    return keys
