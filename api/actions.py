"""What can be asked of a Rollout now, each with what it leads to, in the words of a button and of its dialog."""

from collections.abc import Iterator, Mapping, Sequence

from pydantic import Field

from analysis.results import State
from api.view import View
from rollout.intents import check
from rollout.models.spec import Step
from rollout.models.status import Command, RolloutStatus, Stage, Verb

_LONGEST = 32  # characters of a version's name on a button
_DOUBTS: Mapping[str, str] = {
    State.REGRESS: "is worse than on the stable version",
    State.NOT_ENOUGH_DATA: "has too little data yet",
    State.NO_DATA: "has no data",
    State.PROVIDER_DOWN: "is not measured, since its source is down",
}


class ActionView(View):
    """One thing that can be asked now."""

    verb: Verb = Field(description="The command.")
    to: str | None = Field(None, description="Its `to`: `end` for a promotion past all steps.")
    label: str = Field(description="What it leads to, in a few words.")
    consequence: str = Field(description="What happens then, in a sentence or two.")


def actions(
    status: RolloutStatus, steps: Sequence[Step], *, images: Sequence[str] = (), runs: Sequence[int] | None = None
) -> tuple[ActionView, ...]:
    """Everything that makes sense now.

    `steps` are those of the run and `images` those that it releases, `runs` the numbers of the recorded ones.
    """
    names = _names(status, images)
    found = (*_going_on(status, steps, *names), *_at_rest(status, *names))
    return tuple(each for each in found if check(_command(each), status, runs=runs) is None)


def _command(action: ActionView) -> Command:
    return Command(id="-", verb=action.verb, to=action.to)


def _going_on(status: RolloutStatus, steps: Sequence[Step], canary: str, stable: str) -> Iterator[ActionView]:
    yield _promote(status, steps, canary, stable)
    if status.step is not None and status.step.index + 1 < status.step.count:
        yield ActionView(
            verb=Verb.PROMOTE,
            to="end",
            label=f"Send all traffic to {canary}",
            consequence=f"The steps that are left are passed over, and {canary} becomes the stable version."
            f" It is still judged, and taken back if it does harm.",
        )
    yield ActionView(
        verb=Verb.ABORT,
        label=f"Take {canary} back",
        consequence=f"All traffic goes back to {stable} at once, and the pods of {canary} are removed.",
    )


def _promote(status: RolloutStatus, steps: Sequence[Step], canary: str, stable: str) -> ActionView:
    index = status.step.index + 1 if status.step is not None else len(steps)
    if status.run is not None and status.run.stage is Stage.BAKING:
        label = "End the bake now"
        consequence = f"{canary} becomes the stable version, and {stable} is removed: going back is a new release then."
    elif index < len(steps):
        weight = f"{steps[index].weight or 0:g} %"
        label = f"Send {weight} to {canary}"
        consequence = f"Step {steps[index].name} begins: {weight} of the traffic goes to {canary} once it is ready."
    elif status.step is not None and index < status.step.count:
        label = "Leave this step"
        consequence = f"The release goes on to step {index + 1} of {status.step.count}."
    else:
        label = f"Make {canary} the stable version"
        consequence = f"The last step ends, and the Services follow to {canary}."
    return ActionView(verb=Verb.PROMOTE, label=label, consequence=f"{consequence}{_unanswered(status)}")


def _unanswered(status: RolloutStatus) -> str:
    """Which check says no `pass`; without a number, since a dialog whose words change cannot be confirmed."""
    doubt = next((each for each in status.analysis or () if each.state != State.PASS), None)
    said = _DOUBTS.get(doubt.state) if doubt is not None else None
    return f" Nothing says that this is safe: {doubt.name} {said}." if doubt is not None and said else ""


def _at_rest(status: RolloutStatus, canary: str, stable: str) -> Iterator[ActionView]:
    moving = status.run is not None and status.run.stage is not Stage.DONE
    share = f" at {status.traffic.desired:g} %" if moving and status.traffic is not None else ""
    stays = (
        f"The release of {canary} stays{share} until it is resumed. It is still judged, and taken back if it does harm."
    )
    next_ = "The next version is not released until somebody resumes."
    yield ActionView(
        verb=Verb.PAUSE,
        label=f"Stay{share}" if moving else "Hold the next version",
        consequence=stays if moving else next_,
    )
    goes_on = f"The release of {canary} goes on with its steps."
    yield ActionView(
        verb=Verb.RESUME,
        label="Go on",
        consequence=goes_on if moving else "A changed template is released again as soon as it is seen.",
    )
    yield ActionView(
        verb=Verb.RETRY,
        label=f"Try {canary} once more",
        consequence=f"{canary} is released again from the first step.",
    )
    yield ActionView(
        verb=Verb.UNDO,
        label="Go back to the version before",
        consequence=f"The version before {stable} is released again, with the same steps and checks.",
    )
    yield ActionView(
        verb=Verb.RESTART,
        label=f"Restart {stable}",
        consequence=f"{stable} gets new pods, a few at a time. Nothing is released.",
    )


def _names(status: RolloutStatus, images: Sequence[str]) -> tuple[str, str]:
    """What people call the version of the run and the one that serves: by image where that tells them apart."""
    revisions, run = status.revisions, status.run
    stable = revisions.stable if revisions is not None else None
    canary = revisions.canary if revisions is not None else None
    serving = _short(stable.images[0]) if stable is not None and stable.images else None
    shown = canary.images if canary is not None else images
    new = _short(shown[0]) if shown and (run is None or stable is None or run.revision != stable.name) else None
    if new is None or new == serving:
        new = run.revision if run is not None else None
        serving = stable.name if stable is not None and shown and canary is not None else serving
    return new or "the new version", serving or (stable.name if stable is not None else "the stable version")


def _short(image: str) -> str:
    """The end of an image's name, with as much of a digest or of a long tag as people compare."""
    name = image.rpartition("/")[2]
    name, _, digest = name.partition("@")
    if digest:
        return f"{name}@{digest.rpartition(':')[2][:7]}"
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
