import pytest

from rollout.models.status import Phase, RolloutStatus
from rollout.notifications.wording import link, text, title
from tests.notifications.builders import a_notice, a_run, a_status, aborted, promoted


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (a_status(), "store/shop: the release of shop:v2 started"),
        (a_status(reason="NoData"), "store/shop: the release of shop:v2 is held"),
        (a_status(reason="WaitingForApproval"), "store/shop: shop:v2 needs approval"),
        (promoted(), "store/shop: shop:v2 was promoted"),
        (aborted(), "store/shop: shop:v2 was taken back"),
        (a_status(run=a_run(revision="gone")), "store/shop: the release of gone started"),
        (a_status(Phase.STALLED, "Invalid", run=None), "store/shop: stalled"),
    ],
)
def test_the_title_says_who_and_what_happened(status: RolloutStatus, said: str) -> None:
    assert title(a_notice(status)) == said


def test_the_text_is_the_sentence_the_facts_and_the_way_to_the_page() -> None:
    notice = a_notice()
    assert text(notice, cluster="prod", link=link(notice, "https://deploy.example/")) == (
        "At 10 %.\n"
        "Run 3, step 1/2 (step-1): revision new (shop:v2), replacing old\n"
        "Cluster: prod\n"
        "https://deploy.example/rollouts/store/shop"
    )


def test_the_text_leaves_out_what_there_is_not() -> None:
    notice = a_notice(a_status(Phase.STALLED, "Invalid", run=None))
    assert text(notice, cluster="prod", link=link(notice, None)) == "At 10 %.\nCluster: prod"
