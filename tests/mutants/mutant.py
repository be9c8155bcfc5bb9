"""One place in which the code is broken."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """The first `before` in a file becomes `after`."""

    file: str
    before: str
    after: str
    tests: str = ""  # who has to notice, in pytest's words; where nothing is named, the folder that mirrors the file's
    sin: str = ""  # what it is a guard against; the simulation is not asked then
    unseen: str = ""  # why nothing that the simulation can see depends on it

    @property
    def told(self) -> str:
        """The first line of what is broken."""
        return self.before.strip().splitlines()[0][:80]

    def mentions(self, word: str) -> bool:
        """Whether a word of a caller means this one."""
        return word in " ".join((self.file, self.before, self.after, self.sin, self.tests))
