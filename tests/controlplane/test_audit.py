"""Reading an audit log: which of its lines count, and how often."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from controlplane.audit import Asked, asked, audited, end

US = "system:serviceaccount:us"
RECEIVED, ANSWERED = "2026-11-21T04:08:28.571605Z", "2026-11-21T04:08:28.574509Z"


def line(verb: str, resource: str, **changes: Any) -> str:
    """One line as kube-apiserver writes it; `reference` adds to what was asked for."""
    event = {
        "stage": changes.get("stage", "ResponseComplete"),
        "requestURI": changes.get("uri", "/apis/apps/v1"),
        "verb": verb,
        "user": {"username": changes.get("user", US)},
        "objectRef": {"resource": resource, "namespace": "shop", **changes.get("reference", {})},
        "responseStatus": {"code": changes.get("code", 200)},
        "requestReceivedTimestamp": RECEIVED,
        "stageTimestamp": ANSWERED,
    }
    return json.dumps(event) + "\n"


def written(folder: Path, *lines: str) -> Path:
    path = folder / "audit.log"
    path.write_text("".join(lines))
    return path


def test_requests_of_one_user_are_counted_by_verb_resource_and_subresource(tmp_path: Path) -> None:
    log = written(
        tmp_path,
        line("patch", "rollouts", reference={"subresource": "status"}),
        line("patch", "rollouts", reference={"subresource": "status"}, code=409),
        line("patch", "rollouts"),
        line("patch", "rollouts", user="somebody"),
        line("patch", "rollouts", user=f"{US}-else"),
    )
    assert audited(log, user=US) == Counter({("patch", "rollouts", "status"): 2, ("patch", "rollouts", ""): 1})


def test_a_watch_counts_once_when_it_begins_and_a_refused_one_too(tmp_path: Path) -> None:
    log = written(
        tmp_path,
        line("watch", "pods", stage="ResponseStarted"),
        line("watch", "pods"),
        line("watch", "services"),  # began before
        line("watch", "rollouts", code=410),
    )
    assert audited(log, user=US) == Counter({("watch", "pods", ""): 1, ("watch", "rollouts", ""): 1})


def test_only_what_is_in_the_namespace_and_was_logged_since_counts_and_half_a_line_does_not(tmp_path: Path) -> None:
    log = written(tmp_path, line("get", "pods"), line("get", "pods")[:-9])
    since = end(log)
    assert audited(log, user=US) == Counter({("get", "pods", ""): 1})
    log.write_text(line("get", "pods") + line("list", "pods") + line("list", "pods", reference={"namespace": "other"}))
    assert audited(log, user=US, namespace="shop", since=since) == Counter({("list", "pods", ""): 1})


def test_a_request_knows_its_object_its_end_and_its_times_and_addresses_of_no_resource_are_left_out(
    tmp_path: Path,
) -> None:
    about = json.loads(line("get", "pods"))
    del about["objectRef"]
    log = written(
        tmp_path,
        json.dumps(about) + "\n",
        line("create", "deployments", reference={"name": "shop"}, uri="/apis?dryRun=All&x=y", code=422),
    )
    assert list(asked(log, user=US)) == [
        Asked(
            user=US,
            verb="create",
            resource="deployments",
            namespace="shop",
            name="shop",
            code=422,
            dry_run=True,
            received=1795234108.571605,
            answered=1795234108.574509,
        )
    ]
