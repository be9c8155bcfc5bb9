"""Whether a new version is worse than the stable one, with a stated chance of being wrong; works without anything else.

Evidence is collected block by block and may be looked at after each, without a false alarm becoming more likely.
"""

from analysis.judge.block import Block
from analysis.judge.evidence import Evidence, begun
from analysis.judge.outage import Outage
from analysis.judge.planning import detectable
from analysis.judge.ratio import RatioEvidence, ratio_evidence
from analysis.judge.rule import Rule
from analysis.judge.several import Several, several
from analysis.judge.share import Share
from analysis.judge.tail import Tail
from analysis.judge.usage import Usage
from analysis.judge.words import likelihood

__all__ = [
    "Block",
    "Evidence",
    "Outage",
    "RatioEvidence",
    "Rule",
    "Several",
    "Share",
    "Tail",
    "Usage",
    "begun",
    "detectable",
    "likelihood",
    "ratio_evidence",
    "several",
]
