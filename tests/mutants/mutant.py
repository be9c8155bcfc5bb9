"""One place in which the code is broken, and who has to notice."""

from dataclasses import dataclass

_DAY = "tests/simulation/test_simulation.py::test_a_day_breaks_no_promise[{day}]"


@dataclass(frozen=True)
class Mutant:
    """The first `before` in a file becomes `after`; who has to notice is either a day or tests."""

    file: str
    before: str
    after: str
    day: str = ""  # of the simulation, by its name
    tests: str = ""  # in pytest's words
    sin: str = ""  # what it is a guard against

    @property
    def told(self) -> str:
        """The first line of what is broken."""
        return self.before.strip().splitlines()[0][:80]

    @property
    def asked(self) -> str:
        """Who has to notice, as arguments of pytest."""
        return f"'{_DAY.format(day=self.day)}'" if self.day else self.tests

    @property
    def suite(self) -> str:
        """The suite in short: `guards` is about the table, wherever the tests are; else the folder of the tests."""
        return "guards" if self.sin else self.asked.removeprefix("'").split("/")[1].split()[0]

    def mentions(self, word: str) -> bool:
        """Whether a word of a caller means this one."""
        return word in " ".join((self.file, self.before, self.after, self.sin, self.asked))
