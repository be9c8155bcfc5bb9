import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from rollout.models.status import Phase, RolloutStatus, TrafficStatus
from rollout.notifications import cloudevent
from rollout.notifications.cloudevent import Mode
from tests.notifications.builders import a_notice, a_status, aborted, promoted
from tests.notifications.pages import block

DATA: dict[str, Any] = {
    "notice": "aborted",
    "cluster": "prod",
    "namespace": "store",
    "name": "shop",
    "uid": "8f1c",
    "phase": "Aborted",
    "reason": "Aborted",
    "message": "Taken back: errors.",
    "run": {
        "number": 3,
        "name": "shop-3",
        "revision": "new",
        "stable": "old",
        "startedAt": "2026-05-01T11:55:00.000Z",
        "reason": "errors: 6 % against 0.5 %",
        "images": ["shop:v2"],
    },
    "link": "https://deploy.example/rollouts/store/shop",
}
ATTRIBUTES = {
    "specversion": "1.0",
    "id": "8f1c/3/aborted",
    "source": "urn:progressive-delivery:prod",
    "type": "delivery.progressive.rollout.aborted.v1",
    "subject": "store/shop",
    "time": "2026-05-01T11:59:00.000Z",
    "datacontenttype": "application/json",
}


def test_the_data_is_what_happened() -> None:
    assert cloudevent.data(a_notice(aborted()), cluster="prod", link=DATA["link"]) == DATA


@pytest.mark.parametrize(
    "status",
    [
        a_status(traffic=TrafficStatus(desired=10, routed=2.5)),
        a_status(reason="WaitingForApproval"),
        promoted(),
        aborted(),
        a_status(Phase.STALLED, "Invalid", run=None, step=None, revisions=None),
    ],
)
def test_the_data_is_as_the_documented_schema_says(status: RolloutStatus) -> None:
    schema = json.loads(block("json"))
    Draft202012Validator.check_schema(schema)
    data = cloudevent.data(a_notice(status), cluster="prod", link=None)
    assert [error.message for error in Draft202012Validator(schema).iter_errors(data)] == []
    assert [error.message for error in Draft202012Validator(schema).iter_errors({**data, "more": 1})] != []


def test_shares_are_numbers_and_those_that_are_not_known_are_missing() -> None:
    status = a_status(traffic=TrafficStatus(desired=10, routed=2.5))
    assert cloudevent.data(a_notice(status), cluster="prod", link=None)["traffic"] == {"desired": 10.0, "routed": 2.5}


def test_in_structured_mode_everything_is_in_the_body() -> None:
    event = cloudevent.attributes(a_notice(aborted()), cluster="prod")
    message = cloudevent.message(event, DATA, Mode.STRUCTURED)
    assert message.headers == {"Content-Type": "application/cloudevents+json"}
    assert json.loads(message.body) == {**ATTRIBUTES, "data": DATA}


def test_in_binary_mode_the_attributes_are_headers_and_the_body_is_the_data() -> None:
    event = cloudevent.attributes(a_notice(aborted()), cluster="prod")
    message = cloudevent.message(event, DATA, Mode.BINARY)
    assert message.headers == {
        "ce-specversion": "1.0",
        "ce-id": "8f1c/3/aborted",
        "ce-source": "urn:progressive-delivery:prod",
        "ce-type": "delivery.progressive.rollout.aborted.v1",
        "ce-subject": "store/shop",
        "ce-time": "2026-05-01T11:59:00.000Z",
        "Content-Type": "application/json",
    }
    assert json.loads(message.body) == DATA
