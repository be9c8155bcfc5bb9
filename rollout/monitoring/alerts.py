"""The alerts: what each watches for, how serious it is, and what to do."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from rollout.readings import PREFIX as P


class Severity(StrEnum):
    """Whether somebody has to get up, has to look today, or may like to know."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One rule. `lasting` is how long `expr` has to give something; `remedy` is the first thing to do."""

    name: str
    expr: str
    lasting: str
    severity: Severity
    summary: str
    remedy: str


ALERTS: Final = (
    Alert(
        name="ProgressiveDeliveryDown",
        # The second part takes over an hour before the first one forgets, so that the alert goes on.
        expr=f"(group by (namespace) (last_over_time({P}_build_info[7d])) unless group by (namespace) ({P}_build_info))"
        f" or absent_over_time({P}_build_info[167h])",
        lasting="5m",
        severity=Severity.CRITICAL,
        summary="No controller is scraped where one was, or at all: releases stand still, bad ones too.",
        remedy="Look at the pods of the Deployment, and whether Prometheus scrapes port 7071. Where a controller was"
        " removed on purpose this goes on for seven days: silence it for its namespace (`amtool silence add"
        " alertname=ProgressiveDeliveryDown namespace=NAMESPACE --duration=7d --comment=removed`). Where it was the"
        " last one, remove these rules as well.",
    ),
    Alert(
        name="ProgressiveDeliveryNoLeader",
        expr=f"sum by (namespace) ({P}_leader) < 1",
        lasting="1m",
        severity=Severity.CRITICAL,
        summary="Controllers run in {{ $labels.namespace }} and none of them acts.",
        remedy="Read their logs for `lease not written`: the Lease, its namespace and the right to patch it.",
    ),
    Alert(
        name="ProgressiveDeliveryLeaderFlapping",
        expr=f"sum(changes({P}_leader[15m])) > 6",
        lasting="0m",
        severity=Severity.WARNING,
        summary="The controller that acts changed more than three times in a quarter of an hour.",
        remedy="Look for restarts, for missing processor time, and for an API server that answers slowly.",
    ),
    Alert(
        name="ProgressiveDeliveryWatchStale",
        expr=f"max by (resource) ({P}_watch_age_seconds) > 300",
        lasting="1m",
        severity=Severity.CRITICAL,
        summary="Nothing was heard of {{ $labels.resource }} for five minutes: decisions are made on what was before.",
        remedy="Look at the API server and at the network to it. Restart the pod if both are well.",
    ),
    Alert(
        name="ProgressiveDeliveryQueueStuck",
        expr=f"max({P}_queue_age_seconds) > 30",
        lasting="2m",
        severity=Severity.CRITICAL,
        summary="A Rollout has waited for half a minute and more to be looked at.",
        remedy="Compare processor time with its limit, and look at the length of a reconcile and of a write.",
    ),
    Alert(
        name="ProgressiveDeliveryReconcileFailing",
        expr=f'sum(increase({P}_reconciles_total{{outcome="failed"}}[10m])) >= 2',
        lasting="5m",
        severity=Severity.WARNING,
        summary="A Rollout meets a fault in the controller again and again.",
        remedy="Read the log for `reconcile failed`: it names the Rollout and the fault. Report it.",
    ),
    Alert(
        name="ProgressiveDeliveryWritesForbidden",
        expr=f'sum by (resource) (increase({P}_api_server_writes_total{{outcome="forbidden"}}[10m])) > 0',
        lasting="0m",
        severity=Severity.WARNING,
        summary="The API server forbids the controller to write {{ $labels.resource }}.",
        remedy="Apply the ClusterRole of this version again, or look for an admission policy that refuses it.",
    ),
    Alert(
        name="ProgressiveDeliveryMetricSourceDown",
        # Only who leads asks, and each namespace may have a leader: `ignoring` pairs the series of one process.
        expr=f"min by (namespace, source) ({P}_metric_source_up < 1 and ignoring (source) {P}_leader == 1"
        f" and sum without (outcome) (rate({P}_metric_source_queries_total[5m])) > 0)",
        lasting="2m",
        severity=Severity.CRITICAL,
        summary="The metric source {{ $labels.source }} does not answer: nothing that it measures is judged.",
        remedy="Look at the source. Releases hold meanwhile, or do what their onProviderDown says; abort still works.",
    ),
    Alert(
        name="ProgressiveDeliveryAbortSlow",
        expr=f"sum(increase({P}_abort_reaction_seconds_count[1h]))"
        f' - sum(increase({P}_abort_reaction_seconds_bucket{{le="0.5"}}[1h])) > 0',
        lasting="0m",
        severity=Severity.WARNING,
        summary="Traffic was taken from a bad version more than half a second after the sample that proved it bad.",
        remedy="Look at how long questions to the metric source take, at the queue, and at urgent writes.",
    ),
    Alert(
        name="ProgressiveDeliveryReleasesAborted",
        expr=f'sum(increase({P}_releases_total{{outcome="aborted"}}[1h])) >= 3'
        f' and sum(increase({P}_releases_total{{outcome="aborted"}}[1h]))'
        f" > 0.5 * sum(increase({P}_releases_total[1h]))",
        lasting="0m",
        severity=Severity.WARNING,
        summary="More than half of the releases of the last hour were taken back.",
        remedy="Look for what they have in common: a dependency, a node, or a check that says what is not so.",
    ),
    Alert(
        name="ProgressiveDeliveryRolloutStalled",
        expr=f'max({P}_rollouts{{phase="Stalled"}}) > 0',
        lasting="15m",
        severity=Severity.WARNING,
        summary="{{ $value }} Rollouts cannot go on before a person acts.",
        remedy="The dashboard has them under `needs you`, each with the sentence that says what to do.",
    ),
    Alert(
        name="ProgressiveDeliveryReleaseBlind",
        expr=f'max by (reason) ({P}_rollouts_unready{{reason=~"NoData|ProviderDown|CanarySilent"}}) > 0',
        lasting="10m",
        severity=Severity.WARNING,
        summary="{{ $value }} releases cannot be judged ({{ $labels.reason }}).",
        remedy="Open the Rollout: its sentence names the check and what came back. Mend the check, or the source.",
    ),
    Alert(
        name="ProgressiveDeliveryApprovalWaits",
        expr=f'max({P}_rollouts_unready{{reason="WaitingForApproval"}}) > 0',
        lasting="4h",
        severity=Severity.INFO,
        summary="{{ $value }} releases have waited for an approval for hours.",
        remedy="Promote or abort them.",
    ),
    Alert(
        name="ProgressiveDeliveryStepLong",
        expr=f"max({P}_oldest_step_age_seconds) > 86400",
        lasting="0m",
        severity=Severity.INFO,
        summary="A release has been in one step for more than a day.",
        remedy="Look what it waits for. Without a limit (`atMost`, or `after` of a policy) a step waits for ever.",
    ),
    Alert(
        name="ProgressiveDeliveryNotificationsLate",
        expr=f"max by (target) ({P}_notification_age_seconds) > 300",
        lasting="1m",
        severity=Severity.WARNING,
        summary="The target {{ $labels.target }} has taken nothing for five minutes, and something waits.",
        remedy="Read the log for `notification not taken`, which says why. After an hour what waits is given up.",
    ),
    Alert(
        name="ProgressiveDeliveryNotificationsLost",
        expr=f'sum by (target) (increase({P}_notifications_total{{outcome!="sent"}}[1h])) > 0',
        lasting="0m",
        severity=Severity.WARNING,
        summary="The target {{ $labels.target }} was not told of everything.",
        remedy="Send it a test message (`rollout notify FILE TARGET`) and mend what that says.",
    ),
)
