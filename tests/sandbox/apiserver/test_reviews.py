"""Who asks, and whether that is allowed."""

from typing import Any

from sandbox.apiserver import ApiServer

PODS = "/api/v1/namespaces/default/pods"
TOKENS = "/apis/authentication.k8s.io/v1/tokenreviews"
ACCESS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
OWN = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


def as_user(token: str) -> dict[str, Any]:
    return {"headers": {"Authorization": f"Bearer {token}"}}


def only_reads(user: str, verb: str, *_: str) -> bool:
    return user == "ann" and verb in ("get", "list")


async def test_a_token_is_reviewed_by_the_users_of_the_server(http: Any, server: ApiServer) -> None:
    server.users["secret"] = "ann"
    status, answer = await http("POST", TOKENS, {"spec": {"token": "secret"}})
    assert status == 201
    assert answer["status"] == {
        "authenticated": True,
        "user": {"username": "ann", "uid": "uid-of-ann", "groups": ["system:authenticated"]},
        "audiences": [],
    }
    _, answer = await http("POST", TOKENS, {"spec": {"token": "other"}})
    assert answer["status"]["authenticated"] is False


async def test_access_is_reviewed_by_the_rule_of_the_server(http: Any, server: ApiServer) -> None:
    asked = []

    def rule(*attributes: str) -> bool:
        asked.append(attributes)
        return attributes[4] != "promote"

    server.authorize = rule
    verdicts = []
    for subresource in ("promote", "abort"):
        attributes = {"verb": "update", "group": "g", "resource": "rollouts", "subresource": subresource}
        spec = {"user": "ann", "resourceAttributes": {**attributes, "namespace": "n", "name": "shop"}}
        verdicts.append((await http("POST", ACCESS, {"spec": spec}))[1]["status"]["allowed"])
    assert verdicts == [False, True]
    assert asked[0] == ("ann", "update", "g", "rollouts", "promote", "n", "shop")


async def test_requests_are_refused_by_the_same_rule(http: Any, server: ApiServer) -> None:
    server.users["secret"] = "ann"
    server.authorize = only_reads
    assert (await http("GET", PODS, **as_user("secret")))[0] == 200
    status, answer = await http("DELETE", f"{PODS}/a", **as_user("secret"))
    assert (status, answer["reason"]) == (403, "Forbidden")
    assert answer["message"] == (
        'pods "a" is forbidden: User "ann" cannot delete resource "pods" in API group "" in the namespace "default"'
    )


async def test_a_user_may_ask_about_itself(http: Any, server: ApiServer) -> None:
    server.users["secret"] = "ann"
    server.authorize = lambda user, verb, group, *_: verb == "get" or group == "authorization.k8s.io"
    for verb, allowed in (("get", True), ("delete", False)):
        spec = {"resourceAttributes": {"verb": verb, "resource": "pods"}}
        _, answer = await http("POST", OWN, {"spec": spec}, **as_user("secret"))
        assert answer["status"]["allowed"] is allowed


async def test_an_unknown_token_is_unauthorized_and_none_is_the_administrator(http: Any, server: ApiServer) -> None:
    server.authorize = lambda *_: False
    assert (await http("GET", PODS, **as_user("wrong")))[0] == 401
    assert (await http("GET", PODS))[0] == 200
