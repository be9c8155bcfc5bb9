"""Every strategy as one list of steps."""

from math import ceil

from rollout.models.spec import Bake, Canary, Step, Strategy


def compile_steps(strategy: Strategy) -> tuple[Step, ...]:
    """The strategy's steps, each with a name and a weight, the last of them at 100 %.

    `blueGreen` is two of them: full size without traffic, then all of it.
    """
    if strategy.canary is not None:
        return _canary(strategy.canary)
    assert strategy.blue_green is not None, "the model has exactly one strategy"
    return (
        Step(name="preview", weight=0, replicas="100%", hold=strategy.blue_green.preview),
        Step(name="switch", weight=100),
    )


def bake_of(strategy: Strategy) -> Bake | None:
    """How long the old version stays warm after 100 %, if at all."""
    chosen = strategy.canary or strategy.blue_green
    return chosen.bake if chosen else None


def pods(step: Step, replicas: int) -> int:
    """How many pods the canary has in this step, when the stable version has `replicas`.

    What the step says, otherwise the weight's share of them rounded up, and at least one: a canary that cannot
    answer cannot be judged.
    """
    if isinstance(step.replicas, int):
        return step.replicas
    if isinstance(step.replicas, str):
        return ceil(replicas * int(step.replicas.rstrip("%")) / 100)
    return max(min(1, replicas), ceil(replicas * (step.weight or 0) / 100))


def _canary(canary: Canary) -> tuple[Step, ...]:
    weight, steps = 0.0, []
    for index, step in enumerate(canary.steps):
        weight = weight if step.weight is None else step.weight
        steps.append(step.model_copy(update={"name": step.name or f"step-{index + 1}", "weight": weight}))
    if weight != 100:
        steps.append(Step(name="full", weight=100))
    return tuple(steps)
