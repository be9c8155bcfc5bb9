"""What a server adds to what people write; whoever compares live objects depends on it."""

from typing import Any

from tests.cluster.api import Api, plain
from tests.cluster.objects import a_deployment, a_pod, a_ref, a_rollout, a_route, a_service, a_template

CONTAINER: dict[str, Any] = {
    "imagePullPolicy": "IfNotPresent",
    "resources": {},
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}
POD: dict[str, Any] = {
    "dnsPolicy": "ClusterFirst",
    "restartPolicy": "Always",
    "schedulerName": "default-scheduler",
    "securityContext": {},
    "terminationGracePeriodSeconds": 30,
}
PROBE: dict[str, Any] = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
TEMPLATE: dict[str, Any] = {
    "metadata": {"labels": {"app": "shop"}},
    "spec": {
        "containers": [
            {
                "name": "web",
                "image": "web:1",
                "ports": [{"containerPort": 80}],
                "readinessProbe": {"httpGet": {"port": 80}},
                "livenessProbe": {"tcpSocket": {"port": "http"}, "periodSeconds": 3},
                "env": [{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
                "resources": {"requests": {"cpu": "0.5", "memory": "1024Mi"}, "limits": {"cpu": 1}},
                "lifecycle": {"preStop": {"httpGet": {"port": 80}}},
            },
            {"name": "latest", "image": "web"},
        ],
        "volumes": [{"name": "a", "configMap": {"name": "a"}}, {"name": "b"}],
        "serviceAccountName": "shop",
    },
}
DEFAULTED: dict[str, Any] = {
    "replicas": 1,
    "paused": True,
    "selector": {"matchLabels": {"app": "shop"}},
    "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
    "revisionHistoryLimit": 10,
    "progressDeadlineSeconds": 600,
    "template": {
        "metadata": {"labels": {"app": "shop"}},
        "spec": {
            **POD,
            "serviceAccount": "shop",
            "serviceAccountName": "shop",
            "containers": [
                {
                    **CONTAINER,
                    "name": "web",
                    "image": "web:1",
                    "ports": [{"containerPort": 80, "protocol": "TCP"}],
                    "readinessProbe": {"httpGet": {"port": 80, "path": "/", "scheme": "HTTP"}, **PROBE},
                    "livenessProbe": {"tcpSocket": {"port": "http"}, **PROBE, "periodSeconds": 3},
                    "env": [
                        {
                            "name": "IP",
                            "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}},
                        }
                    ],
                    "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"cpu": "1"}},
                    "lifecycle": {"preStop": {"httpGet": {"port": 80, "path": "/", "scheme": "HTTP"}}},
                },
                {**CONTAINER, "name": "latest", "image": "web", "imagePullPolicy": "Always"},
            ],
            "volumes": [
                {"name": "a", "configMap": {"name": "a", "defaultMode": 420}},
                {"name": "b", "emptyDir": {}},
            ],
        },
    },
}


async def test_a_deployment_gets_its_defaults(api: Api) -> None:
    given = a_deployment(replicas=None, paused=True, template=TEMPLATE)
    created = await api.create("deployments", given)
    assert created["spec"] == DEFAULTED


async def test_what_is_empty_is_left_out_of_a_template(api: Api) -> None:
    template: dict[str, Any] = {
        "metadata": {"labels": {"app": "shop"}, "annotations": {}, "creationTimestamp": None},
        "spec": {
            "containers": [{"name": "web", "image": "web:1", "env": [], "ports": [], "command": None, "args": []}],
            "volumes": [],
            "nodeSelector": {},
            "hostNetwork": False,
            "tolerations": None,
        },
    }
    created = await api.create("deployments", a_deployment(template=template, paused=False, minReadySeconds=0))
    assert created["spec"]["template"] == {
        "metadata": {"labels": {"app": "shop"}},
        "spec": {**POD, "containers": [{**CONTAINER, "name": "web", "image": "web:1"}]},
    }
    assert {"paused", "minReadySeconds"} & created["spec"].keys() == set()


async def test_a_default_that_is_written_out_changes_nothing(api: Api) -> None:
    created = await api.create("deployments", a_deployment(paused=True))
    spec = {"replicas": 0, "template": {"spec": {"restartPolicy": "Always", "dnsPolicy": "ClusterFirst"}}}
    answer = await api.merge("deployments", "shop", {"spec": spec})
    assert answer.body["metadata"]["generation"] == created["metadata"]["generation"]
    null = await api.merge("deployments", "shop", {"spec": {"strategy": None, "progressDeadlineSeconds": None}})
    assert null.body["spec"] == created["spec"]


async def test_a_service_gets_its_defaults(api: Api) -> None:
    created = await api.create("services", a_service(ports=[{"port": 80}]))
    address = created["spec"]["clusterIP"]
    assert plain(created) == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "shop", "namespace": "NS"},
        "spec": {
            "clusterIP": address,
            "clusterIPs": [address],
            "internalTrafficPolicy": "Cluster",
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}],
            "selector": {"app": "shop"},
            "sessionAffinity": "None",
            "type": "ClusterIP",
        },
        "status": {"loadBalancer": {}},
    }


async def test_services_get_an_address_of_their_own_unless_they_are_headless(api: Api) -> None:
    one = await api.create("services", a_service("one"))
    two = await api.create("services", a_service("two"))
    headless = await api.create("services", a_service("three", clusterIP="None"))
    assert one["spec"]["clusterIP"] != two["spec"]["clusterIP"]
    assert (headless["spec"]["clusterIP"], headless["spec"]["clusterIPs"]) == ("None", ["None"])
    replaced = (await api.put("services", "one", a_service("one", ports=[{"port": 81}]))).body
    assert replaced["spec"]["clusterIP"] == one["spec"]["clusterIP"]


async def test_a_service_outside_of_the_cluster_has_no_address(api: Api) -> None:
    given = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "out"}}
    created = await api.create("services", {**given, "spec": {"type": "ExternalName", "externalName": "a.example"}})
    assert created["spec"] == {"type": "ExternalName", "externalName": "a.example", "sessionAffinity": "None"}


async def test_a_route_gets_its_defaults(api: Api) -> None:
    created = await api.create("httproutes", a_route(a_ref()))
    assert plain(created)["spec"] == {
        "parentRefs": [{"name": "public", "group": "gateway.networking.k8s.io", "kind": "Gateway"}],
        "rules": [
            {
                "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                "backendRefs": [{"name": "shop", "port": 80, "group": "", "kind": "Service", "weight": 1}],
            }
        ],
    }


async def test_a_route_without_rules_has_one_that_matches_everything(api: Api) -> None:
    body = {**a_route(), "spec": {}}
    created = await api.create("httproutes", body)
    assert created["spec"] == {"rules": [{"matches": [{"path": {"type": "PathPrefix", "value": "/"}}]}]}


async def test_a_grpc_route_gets_its_defaults(api: Api) -> None:
    body = {**a_route(a_ref(filters=[])), "kind": "GRPCRoute"}
    created = await api.create("grpcroutes", body)
    assert created["spec"]["rules"] == [
        {"backendRefs": [{"name": "shop", "port": 80, "group": "", "kind": "Service", "weight": 1, "filters": []}]}
    ]


async def test_a_gateway_waits_for_its_controller(api: Api) -> None:
    listener = {"name": "http", "port": 80, "protocol": "HTTP"}
    body = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "gw"},
        "spec": {"gatewayClassName": "nobody", "listeners": [listener]},
    }
    created = await api.create("gateways", body)
    assert created["spec"]["listeners"] == [{**listener, "allowedRoutes": {"namespaces": {"from": "Same"}}}]
    assert [(each["type"], each["status"], each["reason"]) for each in created["status"]["conditions"]] == [
        ("Accepted", "Unknown", "Pending"),
        ("Programmed", "Unknown", "Pending"),
    ]


async def test_a_rollout_gets_no_defaults(api: Api) -> None:
    created = await api.create("rollouts", a_rollout())
    assert plain(created) == {
        **a_rollout(),
        "metadata": {"name": "shop", "namespace": "NS", "generation": 1},
    }


async def test_a_pod_gets_its_defaults(api: Api) -> None:
    created = await api.create("pods", a_pod())
    assert created["status"] == {"phase": "Pending", "qosClass": "BestEffort"}
    spec = created["spec"]
    assert {key: spec[key] for key in POD} == POD
    assert (spec["enableServiceLinks"], spec["serviceAccountName"]) == (True, "default")


async def test_a_namespace_is_labelled_with_its_name(api: Api) -> None:
    name = f"{api.namespace}-more"
    created = await api.create("namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    await api.delete("namespaces", name)
    assert plain(created) == {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }


async def test_amounts_are_written_in_one_way(api: Api) -> None:
    amounts = {"cpu": 0.1, "memory": "1.5Gi", "ephemeral-storage": "1000M"}
    template = a_template(resources={"limits": amounts, "requests": {"cpu": "100m", "memory": 1024}})
    created = await api.create("deployments", a_deployment(template=template, paused=True))
    (container,) = created["spec"]["template"]["spec"]["containers"]
    assert container["resources"] == {
        "limits": {"cpu": "100m", "memory": "1536Mi", "ephemeral-storage": "1G"},
        "requests": {"cpu": "100m", "memory": "1024"},
    }


async def test_a_secret_keeps_what_was_given_in_plain_encoded(api: Api) -> None:
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": "b"}}
    created = await api.create("secrets", body)
    assert (created["type"], created["data"], "stringData" in created) == ("Opaque", {"a": "Yg=="}, False)


async def test_a_service_of_nodes_and_one_with_affinity_get_more_defaults(api: Api) -> None:
    nodes = await api.create("services", a_service("nodes", type="NodePort"))
    assert nodes["spec"]["externalTrafficPolicy"] == "Cluster"
    sticky = await api.create("services", a_service("sticky", sessionAffinity="ClientIP"))
    assert sticky["spec"]["sessionAffinityConfig"] == {"clientIP": {"timeoutSeconds": 10800}}
