"""`python -m controlplane`: build the programs of the control plane, and say where they are."""

import sys

from controlplane.binaries import NotBuilt, build


def main() -> int:
    """0 when everything is built."""
    try:
        built = build()
    except NotBuilt as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"The control plane's programs are in {built.apiserver.parent.parent}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
