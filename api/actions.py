"""What can be asked of a Rollout now, each with what it leads to, in the words of a button and of its dialog."""

from collections.abc import Iterator, Sequence

from pydantic import Field

from api.view import View
from rollout.intents import check
from rollout.models.spec import Step
from rollout.models.status import Command, RevisionStatus, RolloutStatus, Stage, Verb


class ActionView(View):
    """One thing that can be asked now."""

    verb: Verb = Field(description="The command.")
    to: str | None = Field(None, description="Its `to`: `end` for a promotion past all steps.")
    label: str = Field(description="What it leads to, in a few words.")
    consequence: str = Field(description="What happens then, in a sentence or two.")


def actions(status: RolloutStatus, steps: Sequence[Step], runs: Sequence[int] | None = None) -> tuple[ActionView, ...]:
    """Everything that makes sense now; `steps` are those of the run, `runs` the numbers of the recorded ones."""
    found = (*_going_on(status, steps), *_at_rest(status))
    return tuple(each for each in found if check(_command(each), status, runs=runs) is None)


def _command(action: ActionView) -> Command:
    return Command(id="-", verb=action.verb, to=action.to)


def _going_on(status: RolloutStatus, steps: Sequence[Step]) -> Iterator[ActionView]:
    canary, stable = _names(status)
    yield _promote(status, steps)
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


def _promote(status: RolloutStatus, steps: Sequence[Step]) -> ActionView:
    canary, stable = _names(status)
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
    return ActionView(verb=Verb.PROMOTE, label=label, consequence=consequence)


def _at_rest(status: RolloutStatus) -> Iterator[ActionView]:
    canary, stable = _names(status)
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


def _names(status: RolloutStatus) -> tuple[str, str]:
    """What people call the version of the run and the one that serves."""
    revisions, run = status.revisions, status.run
    stable = revisions.stable if revisions is not None else None
    canary = revisions.canary if revisions is not None else None
    names = _called(canary), _called(stable)
    if canary is None or names[0] == names[1]:
        names = (run.revision if run is not None else None), names[1] if canary is None else _revision(stable)
    return names[0] or "the new version", names[1] or "the stable version"


def _called(revision: RevisionStatus | None) -> str | None:
    if revision is None:
        return None
    return revision.images[0].rpartition("/")[2] if revision.images else revision.name


def _revision(revision: RevisionStatus | None) -> str | None:
    return revision.name if revision is not None else None
