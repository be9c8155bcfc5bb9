"""What only the sandbox's API server does."""

from pathlib import Path
from typing import Any

from sandbox.apiserver import ApiServer
from sandbox.storage import Storage
from tests.cluster.objects import a_service
from tests.cluster.trains import a_definition, a_train

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


async def test_services_have_loopback_addresses_each_its_own(http: Any) -> None:
    answers = [await http("POST", "/api/v1/namespaces/default/services", a_service(name)) for name in ("a", "b")]
    one, two = (answer["spec"]["clusterIP"] for _, answer in answers)
    assert (one.startswith("127.2."), two.startswith("127.2."), one != two) == (True, True, True)


async def test_a_plural_that_another_group_has_is_kept_apart(http: Any, storage: Storage) -> None:
    definition = a_definition(names={"plural": "deployments", "kind": "Train"})
    definition["metadata"]["name"] = "deployments.example.com"
    assert (await http("POST", CRDS, definition))[0] == 201
    await http("POST", "/apis/example.com/v1/namespaces/default/deployments", a_train())
    assert storage.list("deployments") == []
    assert len(storage.list("deployments.example.com")) == 1


async def test_a_kubeconfig_says_where_the_server_is(server: ApiServer, tmp_path: Path) -> None:
    assert server.url in server.write_kubeconfig(tmp_path / "kubeconfig").read_text()
