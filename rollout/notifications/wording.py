"""The words of a notice: a title, and a text that a person on call can act on."""

from urllib.parse import quote

from rollout.notifications.notice import Kind, Notice

_HAPPENED = {
    Kind.STARTED: "the release of {version} started",
    Kind.HELD: "the release of {version} is held",
    Kind.NEEDS_APPROVAL: "{version} needs approval",
    Kind.ABORTED: "{version} was taken back",
    Kind.PROMOTED: "{version} was promoted",
    Kind.STALLED: "stalled",
    Kind.TEST: "a test",
}


def title(notice: Notice) -> str:
    """Who, and what happened, in one line."""
    happened = _HAPPENED[notice.kind].format(version=_version(notice))
    return f"{notice.subject.namespace}/{notice.subject.name}: {happened}"


def text(notice: Notice, *, cluster: str, link: str | None) -> str:
    """The sentence of the status, then the facts, one on each line."""
    facts = (notice.sentence, *_facts(notice), f"Cluster: {cluster}", link)
    return "\n".join(fact for fact in facts if fact)


def link(notice: Notice, dashboard: str | None) -> str | None:
    """The Rollout's page on the dashboard, where there is one."""
    if dashboard is None:
        return None
    namespace, name = quote(notice.subject.namespace), quote(notice.subject.name)
    return f"{dashboard.rstrip('/')}/rollouts/{namespace}/{name}"


def _version(notice: Notice) -> str:
    run = notice.status.run
    return next(iter(notice.images), run.revision if run is not None else "the version")


def _facts(notice: Notice) -> tuple[str, ...]:
    run, step = notice.status.run, notice.status.step
    if run is None:
        return ()
    place = f", step {step.progress} ({step.name})" if step is not None else ""
    images = f" ({', '.join(notice.images)})" if notice.images else ""
    replaced = f", replacing {run.stable}" if run.stable else ""
    return (f"Run {run.number}{place}: revision {run.revision}{images}{replaced}",)
