"""What a server refuses, prunes and warns of."""

# ruff: noqa: E501 - the tables below read best with one case a line

from typing import Any

import pytest

from tests.cluster.api import Api, eventually
from tests.cluster.objects import a_deployment, a_map, a_pod, a_rollout, a_service
from tests.cluster.trains import a_definition, a_train, trains_of

Problem = tuple[str, str, str]
TYPO = a_deployment(
    template={
        "metadata": {"labels": {"app": "shop"}},
        "spec": {"containers": [{"name": "a", "image": "a:1", "imagee": "x"}]},
    }
)
WHERE = 'unknown field "spec.template.spec.containers[0].imagee"'


async def test_an_unknown_field_is_refused_when_strict_named_when_warning_and_dropped_otherwise(api: Api) -> None:
    answer = await api.post("deployments", TYPO, fieldValidation="Strict")
    assert answer.problem == (
        400,
        "BadRequest",
        f'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: {WHERE}',
    )
    warned = await api.post("deployments", TYPO, fieldValidation="Warn", dryRun="All")
    assert (warned.status, warned.warnings) == (201, ('299 - "' + WHERE.replace('"', '\\"') + '"',))
    silent = await api.post("deployments", TYPO, fieldValidation="Ignore")
    assert (silent.status, silent.warnings) == (201, ())
    assert "imagee" not in silent.body["spec"]["template"]["spec"]["containers"][0]


async def test_a_warning_is_given_without_being_asked_for(api: Api) -> None:
    assert len((await api.post("deployments", TYPO)).warnings) == 1
    assert len((await api.post("rollouts", a_rollout(unknown=1))).warnings) == 1


async def test_unknown_fields_of_a_custom_object(api: Api) -> None:
    answer = await api.post("rollouts", a_rollout(unknown=1), fieldValidation="Strict")
    assert answer.problem == (
        400,
        "BadRequest",
        'Rollout in version "v1alpha1" cannot be handled as a Rollout: strict decoding error: unknown field "spec.unknown"',
    )
    template = {"spec": {"anything": [1]}}
    created = await api.create("rollouts", a_rollout(unknown=1, template=template))
    assert created["spec"] == a_rollout(template=template)["spec"]


async def test_an_unknown_field_in_a_patch_is_refused_when_strict(api: Api) -> None:
    await api.create("rollouts", a_rollout())
    answer = await api.merge("rollouts", "shop", {"spec": {"unknown": 1}}, fieldValidation="Strict")
    assert (answer.status, 'unknown field "spec.unknown"' in str(answer.body["message"])) == (422, True)
    operation = {"op": "add", "path": "/spec/unknown", "value": 1}
    answer = await api.json_patch("rollouts", "shop", operation, fieldValidation="Strict")
    assert (answer.status, 'unknown field "spec.unknown"' in str(answer.body["message"])) == (422, True)


async def test_a_wrong_type_of_a_built_in_kind_is_a_bad_request(api: Api) -> None:
    answer = await api.post("deployments", a_deployment(replicas="two"))
    assert answer.brief == (400, "BadRequest")
    await api.create("deployments", a_deployment(paused=True))
    answer = await api.merge("deployments", "shop", {"spec": {"replicas": "two"}})
    assert answer.brief == (422, "Invalid")


BUILT_IN: dict[str, tuple[str, Any, list[Problem]]] = {
    "labels that the selector does not have": (
        "deployments",
        a_deployment(selector={"matchLabels": {"app": "other"}}),
        [
            (
                "FieldValueInvalid",
                "spec.template.metadata.labels",
                'Invalid value: {"app":"shop"}: `selector` does not match template `labels`',
            )
        ],
    ),
    "no container": (
        "deployments",
        a_deployment(template={"metadata": {"labels": {"app": "shop"}}, "spec": {"containers": []}}),
        [("FieldValueRequired", "spec.template.spec.containers", "Required value")],
    ),
    "no image": (
        "deployments",
        a_deployment(template={"metadata": {"labels": {"app": "shop"}}, "spec": {"containers": [{"name": "a"}]}}),
        [("FieldValueRequired", "spec.template.spec.containers[0].image", "Required value")],
    ),
    "two containers of one name": (
        "deployments",
        a_deployment(
            template={
                "metadata": {"labels": {"app": "shop"}},
                "spec": {"containers": [{"name": "a", "image": "a"}, {"name": "a", "image": "b"}]},
            }
        ),
        [("FieldValueDuplicate", "spec.template.spec.containers[1].name", 'Duplicate value: "a"')],
    ),
    "a negative size": (
        "deployments",
        a_deployment(replicas=-1),
        [("FieldValueInvalid", "spec.replicas", "Invalid value: -1: must be greater than or equal to 0")],
    ),
    "no selector": (
        "deployments",
        a_deployment(selector=None),
        [
            (
                "FieldValueInvalid",
                "spec.template.metadata.labels",
                'Invalid value: {"app":"shop"}: `selector` does not match template `labels`',
            ),
            ("FieldValueRequired", "spec.selector", "Required value"),
        ],
    ),
    "a port of nothing": (
        "services",
        a_service(ports=[{"port": 0}]),
        [
            ("FieldValueInvalid", "spec.ports[0].port", "Invalid value: 0: must be between 1 and 65535, inclusive"),
            (
                "FieldValueInvalid",
                "spec.ports[0].targetPort",
                "Invalid value: 0: must be between 1 and 65535, inclusive",
            ),
        ],
    ),
    "no port": ("services", a_service(ports=[]), [("FieldValueRequired", "spec.ports", "Required value")]),
    "ports without names": (
        "services",
        a_service(ports=[{"port": 80}, {"port": 81}]),
        [
            ("FieldValueRequired", "spec.ports[0].name", "Required value"),
            ("FieldValueRequired", "spec.ports[1].name", "Required value"),
        ],
    ),
    "a port twice": (
        "services",
        a_service(ports=[{"name": "a", "port": 80}, {"name": "b", "port": 80}]),
        [
            (
                "FieldValueDuplicate",
                "spec.ports[1]",
                'Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":80,"TargetPort":0,"NodePort":0}',
            )
        ],
    ),
    "a label of signs": (
        "configmaps",
        a_map(labels={"a": "not a label"}),
        [
            (
                "FieldValueInvalid",
                "metadata.labels",
                "Invalid value: \"not a label\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
            )
        ],
    ),
    "a long label": (
        "configmaps",
        a_map(labels={"a": "x" * 64}),
        [("FieldValueInvalid", "metadata.labels", f'Invalid value: "{"x" * 64}": must be no more than 63 bytes')],
    ),
    "a name of capitals": (
        "configmaps",
        a_map("Shop"),
        [
            (
                "FieldValueInvalid",
                "metadata.name",
                "Invalid value: \"Shop\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
            )
        ],
    ),
    "a pod without containers": (
        "pods",
        {**a_pod(), "spec": {"containers": []}},
        [("FieldValueRequired", "spec.containers", "Required value")],
    ),
}


@pytest.mark.parametrize("case", BUILT_IN)
async def test_what_a_built_in_kind_forbids_is_invalid(api: Api, case: str) -> None:
    plural, body, causes = BUILT_IN[case]
    answer = await api.post(plural, body)
    assert (answer.brief, answer.causes) == ((422, "Invalid"), causes)


async def test_a_selector_of_a_deployment_cannot_be_changed(api: Api) -> None:
    await api.create("deployments", a_deployment(paused=True))
    labels = {"app": "other"}
    spec = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}}}
    answer = await api.merge("deployments", "shop", {"spec": spec})
    assert answer.causes == [
        ("FieldValueInvalid", "spec.selector", 'Invalid value: {"matchLabels":{"app":"other"}}: field is immutable')
    ]


async def test_an_address_of_a_service_cannot_be_changed(api: Api) -> None:
    created = await api.create("services", a_service())
    answer = await api.merge("services", "shop", {"spec": {"clusterIP": "None", "clusterIPs": ["None"]}})
    assert answer.brief == (422, "Invalid")
    assert [cause[1] for cause in answer.causes] == ["spec.clusterIPs[0]"]
    assert (await api.get("services", "shop"))["spec"]["clusterIP"] == created["spec"]["clusterIP"]


async def test_most_of_a_pod_cannot_be_changed(api: Api) -> None:
    await api.create("pods", a_pod())
    answer = await api.merge("pods", "one", {"spec": {"restartPolicy": "Never"}})
    assert (answer.brief, [cause[:2] for cause in answer.causes]) == (
        (422, "Invalid"),
        [("FieldValueForbidden", "spec")],
    )


TRAINS: dict[str, tuple[Any, list[Problem]]] = {
    "required": ({"replicas": None}, [("FieldValueRequired", "spec.replicas", "Required value")]),
    "type": ({"speed": "1"}, [("FieldValueTypeInvalid", "spec.speed", 'Invalid value: "string": spec.speed in body must be of type number: "string"')]),
    "maximum": ({"replicas": 101}, [("FieldValueInvalid", "spec.replicas", "Invalid value: 101: spec.replicas in body should be less than or equal to 100")]),
    "exclusive": ({"speed": 0}, [("FieldValueInvalid", "spec.speed", "Invalid value: 0: spec.speed in body should be greater than 0")]),
    "enum": ({"mode": "x"}, [("FieldValueNotSupported", "spec.mode", 'Unsupported value: "x": supported values: "fast", "slow"')]),
    "set": ({"tags": ["a", "b", "a"]}, [("FieldValueDuplicate", "spec.tags[2]", 'Duplicate value: "a"')]),
    "map": ({"steps": [{"name": "a"}, {"name": "a"}]}, [("FieldValueDuplicate", "spec.steps[1]", 'Duplicate value: {"name":"a"}')]),
    "items": ({"steps": [{"name": n} for n in "abc"]}, [("FieldValueTooMany", "spec.steps", "Too many: 3: must have at most 2 items")]),
    "item": ({"steps": [{}]}, [("FieldValueRequired", "spec.steps[0].name", "Required value")]),
    "length": ({"steps": [{"name": "a" * 9}]}, [("FieldValueTooLong", "spec.steps[0].name", "Too long: may not be more than 8 bytes")]),
    "values": ({"labels": {"a": "long"}}, [("FieldValueTooLong", "spec.labels.a", "Too long: may not be more than 3 bytes")]),
    "either": ({"steps": [{"name": "a", "weight": True}]}, [("FieldValueTypeInvalid", "spec.steps[0].weight", 'Invalid value: "boolean": spec.steps[0].weight in body must be of type integer,string: "boolean"')]),
    "pattern": ({"steps": [{"name": "a", "weight": "much"}]}, [("FieldValueInvalid", "spec.steps[0].weight", r"""Invalid value: "much": spec.steps[0].weight in body should match '^\d{1,3}(\.\d)?%?$'""")]),
    "rule": ({"steps": [{"name": "a", "weight": 101}]}, [("FieldValueInvalid", "spec.steps[0].weight", "Invalid value: 101: a weight is between 0 and 100")]),
    "reserved": ({"steps": [{"name": "a", "hold": {}}]}, [("FieldValueRequired", "spec.steps[0].hold", "Required value: set for or until")]),
    "several": (
        {"speed": -1, "mode": "x"},
        [
            ("FieldValueInvalid", "spec.speed", "Invalid value: -1: spec.speed in body should be greater than 0"),
            ("FieldValueNotSupported", "spec.mode", 'Unsupported value: "x": supported values: "fast", "slow"'),
        ],
    ),
    "null": ({"steps": None, "mode": None, "line": None}, []),
}  # fmt: skip


@pytest.fixture
async def trains(api: Api) -> Any:
    async with trains_of(api):
        yield api


async def test_what_a_schema_forbids_is_invalid(trains: Api) -> None:
    found = {}
    for case, (spec, _) in TRAINS.items():
        fields = {
            key: value for key, value in a_train(**spec)["spec"].items() if key != "replicas" or value is not None
        }
        answer = await trains.post("trains", {**a_train(), "spec": fields}, dryRun="All")
        found[case] = [] if answer.status == 201 else answer.causes
    wanted = {case: causes for case, (_, causes) in TRAINS.items()}
    assert {
        case: causes for case, causes in found.items() if wanted[case] != [c for c in causes if c[2] != SKIPPED]
    } == {}


SKIPPED = (
    "Invalid value: null: some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation"
)


async def test_rules_that_were_not_asked_are_mentioned(trains: Api) -> None:
    answer = await trains.post("trains", a_train(mode="x", line="a"))
    assert ("FieldValueInvalid", "<nil>", SKIPPED) in answer.causes
    assert answer.body["message"] == (
        'Train.example.com "t" is invalid: '
        f'[spec.mode: Unsupported value: "x": supported values: "fast", "slow", <nil>: {SKIPPED}]'
    )


async def test_what_a_schema_allows_is_stored(trains: Api) -> None:
    allowed: list[dict[str, Any]] = [
        {"steps": [{"name": "a", "weight": 100}, {"name": "b", "weight": "5.5%"}]},
        {"steps": [{"name": "a", "hold": {"for": "5m"}}], "tags": ["a", "b"], "speed": 1, "labels": {"a": "abc"}},
        {"speed": 1.5},
    ]
    for number, spec in enumerate(allowed):
        await trains.create("trains", a_train(f"t{number}", **spec))


async def test_defaults_of_a_schema_are_set(trains: Api) -> None:
    created = await trains.create("trains", a_train(unknown=1, cargo={"anything": [1]}, mode=None))
    expected = {"replicas": 1, "cargo": {"anything": [1]}, "mode": "slow", "options": {"loud": True}}
    assert created["spec"] == expected


async def test_a_transition_rule_is_asked_when_there_is_an_old_value(trains: Api) -> None:
    await trains.create("trains", a_train(line="north"))
    answer = await trains.merge("trains", "t", {"spec": {"line": "south"}})
    assert answer.causes == [("FieldValueInvalid", "spec.line", 'Invalid value: "south": is immutable')]
    assert (await trains.merge("trains", "t", {"spec": {"replicas": 2}})).status == 200


async def test_a_status_is_validated_and_pruned_too(trains: Api) -> None:
    await trains.create("trains", a_train())
    answer = await trains.merge("trains", "t", {"status": {"replicas": "x"}}, "status")
    assert ("FieldValueTypeInvalid", "status.replicas") in [cause[:2] for cause in answer.causes]
    answer = await trains.merge("trains", "t", {"status": {"replicas": 1, "unknown": 1}}, "status")
    assert (answer.status, answer.body["status"]) == (200, {"replicas": 1})


async def test_what_was_stored_before_a_rule_and_is_not_touched_stays_acceptable(trains: Api) -> None:
    definition = a_definition()
    spec = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    spec["properties"]["replicas"]["maximum"] = 5
    await trains.create("trains", a_train(replicas=50))
    await trains.merge("customresourcedefinitions", "trains.example.com", {"spec": definition["spec"]})

    async def refused() -> int:
        return (await trains.merge("trains", "t", {"spec": {"replicas": 51}}, dryRun="All")).status

    await eventually(refused, 422)
    assert (await trains.merge("trains", "t", {"spec": {"mode": "fast"}})).status == 200


async def test_a_rule_that_cannot_be_compiled_makes_the_definition_invalid(api: Api) -> None:
    definition = a_definition()
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    schema["properties"]["spec"]["x-kubernetes-validations"] = [{"rule": "self.replicas >"}]
    answer = await api.post("customresourcedefinitions", definition)
    assert (answer.brief, "compilation failed" in answer.body["message"]) == ((422, "Invalid"), True)
