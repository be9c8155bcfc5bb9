"""From the checks that were declared to the ones that are asked: templates resolved, arguments filled in."""

from collections.abc import Callable, Mapping
from typing import TypedDict

from analysis import checks as asked
from rollout.models.analysis import Analysis, AnalysisTemplateSpec, TemplateKind, TemplateRef
from rollout.models.checks import Argument, Check, Usage
from rollout.models.rollout import Invalid

_MOST = 20  # as the schema of a RolloutRun says

Lookup = Callable[[TemplateKind, str], AnalysisTemplateSpec | None]


def resolve(analysis: Analysis | None, lookup: Lookup) -> tuple[Check, ...]:
    """The Rollout's own checks and those of its templates, with `{{args.NAME}}` filled in.

    `lookup` gives a template by kind and name, None where there is none. Raises Invalid for a template or argument
    that is missing, and for two checks of one name.
    """
    if analysis is None:
        return ()
    found = [*(analysis.checks or ())]
    for ref in analysis.templates or ():
        found += _from_template(ref, lookup)
    names = [check.name for check in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise Invalid(f"spec.analysis has two checks named {twice}: rename one, here or in the template")
    if len(found) > _MOST:
        raise Invalid(f"spec.analysis and its templates have {len(found)} checks together: keep at most {_MOST}")
    return tuple(found)


def _from_template(ref: TemplateRef, lookup: Lookup) -> tuple[Check, ...]:
    kind = ref.kind or TemplateKind.NAMESPACED
    template = lookup(kind, ref.name)
    if template is None:
        raise Invalid(
            f"spec.analysis.templates names {kind} {ref.name}, which does not exist: create it, or correct the name"
        )
    values = {arg.name: arg.value for arg in template.args or ()}
    given = {arg.name: arg.value for arg in ref.args or ()}
    unknown = sorted(set(given) - set(values))
    if unknown:
        raise Invalid(f"{kind} {ref.name} has no argument {unknown[0]}: it takes {', '.join(sorted(values)) or 'none'}")
    values |= given
    missing = next((name for name, value in values.items() if value is None), None)
    if missing is not None:
        raise Invalid(
            f"{kind} {ref.name} needs a value for its argument {missing}: set it in spec.analysis.templates[].args"
        )
    return tuple(_filled(check, {name: value or "" for name, value in values.items()}) for check in template.checks)


def _filled(check: Check, values: Mapping[str, str]) -> Check:
    """The check with its arguments kept beside it: they are escaped where they stand, when it is asked."""
    args = tuple(Argument(name=name, value=value) for name, value in sorted(values.items()))
    return check.model_copy(update={"args": args})


def to_asked(check: Check) -> asked.Check | None:
    """The check as the analysis takes it; None for one that the cluster alone decides. Raises ValueError."""
    if check.restarts is not None:
        return (
            None if not check.compared else asked.Restarts(name=check.name, rule=_comparison(check), **_effect(check))
        )
    if check.ratio is not None:
        bad, good, total = check.ratio.bad, check.ratio.good, check.ratio.total
        return asked.Ratio(name=check.name, bad=bad, good=good, total=total, rule=_rule(check), **_common(check))
    if check.latency is not None:
        below = check.latency.below.total_seconds() if check.latency.below is not None else None
        histogram, judged = check.latency.histogram, _rule(check)
        return asked.Latency(name=check.name, histogram=histogram, below=below, rule=judged, **_common(check))
    if check.usage is not None:
        return _usage(check, check.usage)
    assert check.query is not None, "the model has exactly one kind"
    return asked.Query(
        name=check.name,
        expr=check.query.expr,
        min=check.query.min,
        max=check.query.max,
        failure_limit=check.failure_limit or 1,
        **_common(check),
    )


class _Effect(TypedDict):
    critical: bool
    warn_only: bool


class _Common(_Effect):
    source: str | None
    args: tuple[tuple[str, str], ...]


def _effect(check: Check) -> _Effect:
    return {"critical": check.critical is not False and not check.warn_only, "warn_only": bool(check.warn_only)}


def _common(check: Check) -> _Common:
    args = tuple((arg.name, arg.value or "") for arg in check.args or ())
    return {**_effect(check), "source": check.source, "args": args}


def _usage(check: Check, usage: Usage) -> asked.Usage:
    margin = {} if usage.margin is None else {"margin": usage.margin / 100}
    return asked.Usage(
        name=check.name, counter=usage.counter, gauge=usage.gauge, per=usage.per, **margin, **_common(check)
    )


def _rule(check: Check) -> asked.Comparison | asked.Threshold:
    if check.compared:
        return _comparison(check)
    ceiling = _ceiling(check)
    assert ceiling is not None, "what is not compared has a limit"
    return asked.Threshold(ceiling=ceiling, failure_limit=check.failure_limit or 1)


def _comparison(check: Check) -> asked.Comparison:
    """The comparison; what is not set is for the analysis to choose."""
    settings = {
        "tolerance": check.tolerance,
        "not_worse_than": check.not_worse_than,
        "ceiling": _ceiling(check),
        "weight": check.weight,
        "spread": check.spread,
        "exclude": check.exclude.total_seconds() if check.exclude is not None else None,
    }
    return asked.Comparison(**{name: value for name, value in settings.items() if value is not None})


def _ceiling(check: Check) -> float | None:
    """The share, 0 to 1, that is bad in any case; None where none is declared."""
    if check.latency is not None and check.latency.share is not None:
        return round((100 - check.latency.share) / 100, 9)  # 100 - 99.9 is not quite 0.1
    return check.ceiling / 100 if check.ceiling is not None else None
