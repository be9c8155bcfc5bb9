"""From the checks that were declared to the ones that are asked: templates resolved, arguments filled in."""

from collections.abc import Callable, Mapping

from analysis import checks as asked
from rollout.models.analysis import Analysis, AnalysisTemplateSpec, Argument, Check, TemplateKind, TemplateRef
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
    common = {
        "name": check.name,
        "failure_limit": check.failure_limit or 1,
        "source": check.source,
        "critical": check.critical is not False and not check.warn_only,
        "warn_only": bool(check.warn_only),
        "args": tuple((arg.name, arg.value or "") for arg in check.args or ()),
    }
    if check.ratio is not None and check.ceiling is not None:
        return asked.Ratio(bad=check.ratio.bad, total=check.ratio.total, ceiling=check.ceiling / 100, **common)  # type: ignore[arg-type]
    if check.latency is not None:
        below = check.latency.below.total_seconds()
        return asked.Latency(histogram=check.latency.histogram, below=below, share=check.latency.share, **common)  # type: ignore[arg-type]
    if check.query is not None:
        return asked.Query(expr=check.query.expr, min=check.query.min, max=check.query.max, **common)  # type: ignore[arg-type]
    return None
