"""Whether the metrics here are right, and which of the packages installed beside them differ.

Seventeen pairs of small masks come with their answers in several definitions, computed by comparing
every surface voxel with every other. Our engine has to meet all of them; other packages are asked
the same questions and told which definition they answer.
"""

from .conformance import Case, conformance
from .engine import EngineReport, examine_engine
from .examine import Finding, PeerReport, examine_peer
from .peers import PEERS, Peer

__all__ = [
    "PEERS",
    "Case",
    "EngineReport",
    "Finding",
    "Peer",
    "PeerReport",
    "conformance",
    "examine_engine",
    "examine_peer",
]
