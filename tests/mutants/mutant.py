"""One place in which the code is broken, and who has to notice."""

from dataclasses import dataclass

SIMULATION = "tests/simulation -k a_day_breaks"
"""The days with names, in pytest's words."""


@dataclass(frozen=True)
class Mutant:
    """The first `before` in a file becomes `after`."""

    file: str
    before: str
    after: str
    tests: str = SIMULATION  # the suite that has to notice, in pytest's words
    sin: str = ""  # what it is a guard against

    @property
    def told(self) -> str:
        """The first line of what is broken."""
        return self.before.strip().splitlines()[0][:80]

    @property
    def suite(self) -> str:
        """The suite in one word: the folder of the tests, or `guards` for a guard wherever its tests are."""
        return "guards" if self.sin else self.tests.split("/")[1].split()[0]

    def mentions(self, word: str) -> bool:
        """Whether a word of a caller means this one."""
        return word in " ".join((self.file, self.before, self.after, self.sin, self.tests))
