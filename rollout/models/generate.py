"""`python -m rollout.models.generate` writes `crds/` and `docs/reference.md`; with `--check` it only compares them."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from rollout.models.definitions import DEFINITIONS, manifest
from rollout.models.reference import reference

HEADER = "# Generated from rollout/models by `make crds`. Do not edit.\n"


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the library's signature
        """Nothing is written as an alias: a reader sees every value where it counts."""
        return True


def files() -> Mapping[str, str]:
    """What is generated: the text of each file by its path in the repository."""
    crds = {f"crds/{definition.resource.plural}.yaml": manifest(definition) for definition in DEFINITIONS}
    return {path: HEADER + as_yaml(crd) for path, crd in crds.items()} | {"docs/reference.md": reference(DEFINITIONS)}


def write(generated: Mapping[str, str], arguments: Sequence[str], *, about: str, command: str) -> int:
    """Write the files; with `--check` name those that differ, and what mends that. The exit code: 1 for any such."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when a file differs")
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[2], help="the repository")
    options = parser.parse_args(arguments)
    differing = {path: text for path, text in generated.items() if _read(options.root / path) != text}
    if options.check:
        sys.stderr.writelines(f"{path} is not what it is made from: run `{command}`\n" for path in differing)
        return 1 if differing else 0
    for path, text in differing.items():
        _write(options.root / path, text)
        sys.stdout.write(f"{path}\n")
    return 0


def main(arguments: Sequence[str]) -> int:
    """Write or check the CRDs and their reference."""
    return write(files(), arguments, about=__doc__ or "", command="make crds")


def as_yaml(value: Any) -> str:
    """YAML as it is committed: in the order of the value, and without aliases."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, default_flow_style=False, allow_unicode=True, width=110)


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
