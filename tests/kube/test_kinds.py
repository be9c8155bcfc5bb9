import pytest

from rollout.models.kinds import CLUSTER_ANALYSIS_TEMPLATES, PODS, ROLLOUTS


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (PODS.path(), "/api/v1/pods"),
        (PODS.path("prod"), "/api/v1/namespaces/prod/pods"),
        (PODS.path("prod", "a"), "/api/v1/namespaces/prod/pods/a"),
        (ROLLOUTS.path(), "/apis/progressive.delivery/v1alpha1/rollouts"),
        (
            ROLLOUTS.path("prod", "shop", "status"),
            "/apis/progressive.delivery/v1alpha1/namespaces/prod/rollouts/shop/status",
        ),
        (
            CLUSTER_ANALYSIS_TEMPLATES.path("ignored", "http"),
            "/apis/progressive.delivery/v1alpha1/clusteranalysistemplates/http",
        ),
        (PODS.path("prod", "a/b?c"), "/api/v1/namespaces/prod/pods/a%2Fb%3Fc"),
    ],
)
def test_a_path_names_the_object_or_its_collection(path: str, expected: str) -> None:
    assert path == expected


@pytest.mark.parametrize(("namespace", "name"), [(None, "a"), ("", "a"), ("prod", ""), ("prod", ".."), ("..", "a")])
def test_a_name_that_got_lost_never_becomes_the_path_of_a_collection(namespace: str | None, name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        PODS.path(namespace, name)


def test_an_api_version_of_the_core_group_is_the_version_alone() -> None:
    assert (PODS.api_version, ROLLOUTS.api_version) == ("v1", "progressive.delivery/v1alpha1")
