"""What was asked of the API server, and what a test may do to a request."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})


@dataclass(frozen=True, kw_only=True)
class RequestRecord:
    """One request for a resource. `verb` is Kubernetes': list, watch, get, create, update, patch, delete ..."""

    user_agent: str
    user: str
    verb: str
    group: str
    version: str
    plural: str
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    number: int | None = None  # of writes: their running number since the server started, from 1
    content_type: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def write(self) -> bool:
        """Whether it asks for a change."""
        return self.verb in WRITES

    @property
    def target(self) -> str:
        """`namespace/name`, as far as they are given."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What happens to a request instead of its answer: an error, silence until the client gives up, or a cut."""

    status: int = 500
    reason: str = "InternalError"
    message: str = "injected fault"
    retry_after: int | None = None  # seconds
    hang: bool = False
    cut: bool = False


HANG = Fault(hang=True)
CUT = Fault(cut=True)


class Requests:
    """The latest requests, oldest first; bodies are remembered for the last `bodies` of them only."""

    def __init__(self, kept: int = 100_000, bodies: int = 1_000) -> None:
        self._records: deque[RequestRecord] = deque(maxlen=kept)
        self._bodies = bodies

    def append(self, record: RequestRecord) -> None:
        """Remember one."""
        self._records.append(record)
        if len(self._records) > self._bodies:
            oldest = -self._bodies - 1
            self._records[oldest] = replace(self._records[oldest], body=b"")

    def clear(self) -> None:
        """Forget them; the numbers of writes go on."""
        self._records.clear()

    def __iter__(self) -> Iterator[RequestRecord]:
        """Return an iterator over a copy, so that requests may arrive meanwhile."""
        return iter(tuple(self._records))

    def __len__(self) -> int:
        """Return how many are remembered."""
        return len(self._records)

    def matching(self, **fields: str | None) -> tuple[RequestRecord, ...]:
        """Return those whose fields have these values; `user_agent` is matched by its beginning."""
        agent = fields.pop("user_agent", None) or ""
        return tuple(
            record
            for record in self
            if record.user_agent.startswith(agent) and all(getattr(record, k) == v for k, v in fields.items())
        )

    def count(self, **fields: str | None) -> int:
        """Return how many match, as in `matching`."""
        return len(self.matching(**fields))

    @property
    def writes(self) -> tuple[RequestRecord, ...]:
        """Those that ask for a change."""
        return tuple(record for record in self if record.write)

    @property
    def reads(self) -> tuple[RequestRecord, ...]:
        """Those that do not."""
        return tuple(record for record in self if not record.write)
