"""The report of a load: a JSON line per request in a file, and counts of everything so far."""

import json
from collections import Counter
from typing import TextIO

from sandbox.load.answers import Result, Verdict


class Report:
    """Counts requests, and writes each finished one to `lines`."""

    def __init__(self, lines: TextIO) -> None:
        self._lines = lines
        self._sent: Counter[str] = Counter()
        self._ends: Counter[tuple[str, str, Verdict]] = Counter()  # client, version, verdict

    def sent(self, client: str) -> None:
        """Count a request that has begun."""
        self._sent[client] += 1

    def ended(self, result: Result) -> None:
        """Count and write a request that has ended."""
        version = result.answer.version if result.answer else ""
        self._ends[result.client, version, result.verdict] += 1
        self._lines.write(json.dumps(result.line) + "\n")

    def summary(self, at: float) -> dict[str, object]:
        """Return the counts: in all, bad answers and good ones by version, and all of it by client."""
        return {
            "at": round(at, 3),
            "sent": self._sent.total(),
            "ok": self._count(Verdict.OK),
            "failed": self._by_version(Verdict.FAILED),
            "lost": self._count(Verdict.LOST),
            "answered": self._by_version(Verdict.OK, Verdict.FAILED),
            "by_client": {client: self._of_client(client) for client in sorted(self._sent)},
        }

    def _count(self, verdict: Verdict, client: str | None = None) -> int:
        return sum(n for (c, _, v), n in self._ends.items() if v is verdict and client in (None, c))

    def _by_version(self, *verdicts: Verdict) -> dict[str, int]:
        found: Counter[str] = Counter()
        for (_, version, verdict), number in self._ends.items():
            if verdict in verdicts:
                found[version] += number
        return dict(sorted(found.items()))

    def _of_client(self, client: str) -> dict[str, int]:
        ends = {verdict.value: self._count(verdict, client) for verdict in Verdict}
        return {"sent": self._sent[client], **ends}
