"""Cross pseudo supervision: two networks, each trained on the other's hard labels.

Chen, Yuan, Zeng, Wang, CVPR 2021, arXiv 2106.01226 (sec. 3); public code: github.com/charlesCXK/TorchSemiSeg.
"""

from torch import nn

from simcvd.draws import Draws
from simcvd.losses.schedules import ramp_up
from simcvd.losses.supervised import cross_entropy
from simcvd.methods.base import Batch, Method, Term
from simcvd.methods.forward import Outputs, forward_together, without_autocast
from simcvd.methods.segmentation import segmentation_terms
from simcvd.networks.base import Segmenter, segmenters_of
from simcvd.networks.build import build_network, seeded_weights

PEER_OF = {"student": "peer", "peer": "student"}


class CPS(Method):
    """`L = L_seg(p_1) + L_seg(p_2) + w (L_cps^labelled + L_cps^unlabelled)`.

    `L_cps = CE(p_1, argmax p_2) + CE(p_2, argmax p_1)`, a mean over the voxels of its part of the batch. The networks,
    `student` (which a trial is judged by) and `peer`, start from other weights and see the same crops with their own
    dropout masks; the labels carry no gradient.

    Weight: `cps.cross`, ramped up. Gaps: the paper's weight is constant, but its encoders come from ImageNet; from
    scratch, 1.5 from the first step made both networks call every voxel foreground within 20 steps of the built-in set,
    and they stayed there (two seeds of two, docs/results). The paper adds both parts as here; its code takes one
    mean over them, which is half of that; SSL4MIS leaves the labelled one out (`cps.cross_on`).

    Attributes:
        diagnostics: on unlabelled crops, `agreement`, the share of voxels that both networks label alike, and
            `pseudo_foreground`, the share that the student labels as anything but background: networks that agree on
            a share of 0 or 1 have collapsed.
    """

    def reads_unlabeled(self) -> bool:
        """Return whether a term that has weight uses unlabelled crops."""
        return self.config.cps.cross > 0

    def build(self, image_channels: int, classes: int) -> dict[str, nn.Module]:
        """Return both networks, whose initial weights differ."""
        peers: dict[str, nn.Module] = {}
        for network, weights in (("student", "initial weights"), ("peer", "initial weights of the peer")):
            with seeded_weights(self.config.seed, weights):
                peers[network] = build_network(self.config, image_channels, classes)
        return peers

    def terms(self, batch: Batch, step: int, draws: Draws) -> list[Term]:
        """Return both networks' L_seg and, where they have weight, both directions of L_cps."""
        image = batch.image_unlabeled if self.needs_unlabeled else None
        labeled: dict[str, Outputs] = {}
        unlabeled: dict[str, Outputs] = {}
        for name in PEER_OF:
            labeled[name], outputs = forward_together(self.networks[name], batch.image_labeled, image, draws, name)
            if outputs is not None:
                unlabeled[name] = outputs
        with without_autocast(batch.image_labeled):
            terms = []
            for name in PEER_OF:
                terms += segmentation_terms(labeled[name], batch, self.gather, f"_{name}", self.config.cps)
            return terms + self._cross(labeled, unlabeled, step) if unlabeled else terms

    def segmenters(self) -> dict[str, Segmenter]:
        """Return the student, which is what a trial is judged by, and its peer."""
        return segmenters_of(self.networks, *PEER_OF)

    def _cross(self, labeled: dict[str, Outputs], unlabeled: dict[str, Outputs], step: int) -> list[Term]:
        """Return L_cps on both parts of the batch, or on the unlabelled one, a term for each network that learns."""
        labels = {name: (labeled[name].logits.argmax(1), unlabeled[name].logits.argmax(1)) for name in PEER_OF}
        own, other = labels["student"][1], labels["peer"][1]
        self.diagnostics = {"agreement": (own == other).float().mean(), "pseudo_foreground": (own > 0).float().mean()}
        settings = self.config.cps
        weight = settings.cross * ramp_up(step, self.config.training.steps, settings.ramp_up_fraction)
        terms = []
        for name, peer in PEER_OF.items():
            on_labeled, on_unlabeled = labels[peer]
            value = cross_entropy(unlabeled[name].logits, on_unlabeled)
            if settings.cross_on == "all":
                value = cross_entropy(labeled[name].logits, on_labeled) + value
            terms.append(Term(f"cross_{name}", value, weight))
        return terms
