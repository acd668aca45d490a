"""Global, then local contrast before fine-tuning.

Chaitanya, Erdil, Karani, Konukoglu, NeurIPS 2020, arXiv 2006.10511, sec. 3; public code:
github.com/krishnabits001/domain_specific_cl.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor, nn

from simcvd.config import TrialConfig
from simcvd.draws import Draws
from simcvd.errors import UserError
from simcvd.losses.local_contrast import local_contrast
from simcvd.losses.position_contrast import partitions_of, position_contrast
from simcvd.methods.base import Batch, Method, Term
from simcvd.methods.forward import forward, without_autocast
from simcvd.methods.segmentation import segmentation_terms
from simcvd.networks.contrast_heads import RegionHead, SliceHead, regions_in
from simcvd.networks.vnet import VNet
from simcvd.transforms.views import View, apply_view, draw_views


@dataclass(frozen=True)
class Stages:
    """Which stage a step belongs to, so that a resumed trial needs no more than the step.

    Attributes:
        encoder: steps of the first stage; 0 where it has no weight.
        decoder: steps of the second stage; 0 where it has no weight.
        steps: all steps; the rest, at least one, is fine-tuning.
    """

    encoder: int
    decoder: int
    steps: int

    @classmethod
    def of(cls, config: TrialConfig) -> "Stages":
        """Share out a trial's steps."""
        settings, steps = config.chaitanya, config.training.steps
        encoder = int(steps * settings.global_fraction) if settings.global_contrast > 0 else 0
        decoder = int(steps * settings.local_fraction) if settings.local_contrast > 0 else 0
        return cls(encoder, decoder, steps)

    def at(self, step: int) -> Literal["global", "local", "sgd"]:
        """Return the name of a step's stage, which is that of its optimiser."""
        if step < self.encoder:
            return "global"
        return "local" if step < self.encoder + self.decoder else "sgd"

    def fine_tuning(self, step: int) -> tuple[int, int]:
        """Return the steps of fine-tuning done before `step`, and how many there are."""
        first = self.encoder + self.decoder
        return max(0, step - first), self.steps - first


class Chaitanya(Method):
    """Pre-train the encoder, then a part of the decoder, then train everything on the labelled crops.

    1. `L = w_g L_g`: encoder and head g_1, slices contrasted by their place in the volume (sec. 3.1, G^D).
    2. `L = w_l L_l`: the decoder's first l levels and head g_2, regions of an image contrasted (sec. 3.2, L^R); no
       weight of the encoder is trained, its batch norm stays in train mode as in the public code.
    3. `L = L_seg` on the labelled crops, everything trained, no unlabelled crop used.

    The first two see labelled and unlabelled crops alike and no label, two views of each in one forward pass. Their
    optimiser is Adam, that of the third the SGD of all methods, with its schedule over the steps of this stage (gap).

    Gaps, since the paper is 2D: a slice is one of the bottleneck map, averaged over X and Y; its place is its centre's.
    The volumes of a batch are its crops, two of one case being two volumes. Regions are cubes. The parts of a crop that
    views enlarge are cut along Z too, at the same place in both views: the network sees from its padding which slice of
    a crop is which, and where crops are nearly as deep as cases that alone would tell the place. All methods have the
    same number of steps, which the stages share.
    """

    def reads_unlabeled(self) -> bool:
        """Return whether a term that has weight uses unlabelled crops."""
        return self.stages.encoder + self.stages.decoder > 0

    @cached_property
    def stages(self) -> Stages:
        """Which stage each step belongs to."""
        return Stages.of(self.config)

    def complete(self, image_channels: int, classes: int) -> None:
        """Add each pre-training's head and its optimiser."""
        width, settings, student = self.config.network.width, self.config.chaitanya, self._student()
        if self.stages.encoder:
            head = SliceHead(width << 4, settings.hidden, settings.features)
            self.networks["global_head"] = head
            self.optimisers["global"] = self._adam(student.encoder, student.down, head)
        if self.stages.decoder:
            self._check_regions()
            blocks = settings.decoder_blocks
            regions = RegionHead(width << (4 - blocks), settings.region_side, settings.features)
            self.networks["local_head"] = regions
            self.optimisers["local"] = self._adam(student.up[:blocks], student.decoder[:blocks], regions)

    def schedule_at(self, step: int) -> tuple[int, int]:
        """Return the steps of fine-tuning done before `step`, and how many there are."""
        return self.stages.fine_tuning(step)

    def stepping(self, step: int) -> Iterable[torch.optim.Optimizer]:
        """Return the optimiser of this step's stage."""
        return (self.optimisers[self.stages.at(step)],)

    def terms(self, batch: Batch, step: int, draws: Draws) -> list[Term]:
        """Return the contrast of a pre-training stage, or the two halves of L_seg."""
        settings = self.config.chaitanya
        stage = self.stages.at(step)
        if stage == "global":
            return [Term("global_contrast", self._global(batch, draws), settings.global_contrast)]
        if stage == "local":
            return [Term("local_contrast", self._local(batch, draws), settings.local_contrast)]
        labeled = forward(self.networks["student"], batch.image_labeled, draws, "student")
        with without_autocast(batch.image_labeled):
            return segmentation_terms(labeled, batch, self.gather)

    def _global(self, batch: Batch, draws: Draws) -> Tensor:
        """Contrast the slices of the bottleneck map."""
        settings = self.config.chaitanya
        assert batch.depth_unlabeled is not None
        image, (view, _), _ = self._views(batch, draws, settings.crop_part)
        bottleneck, _ = self._student().encode(image)
        first, second = self.networks["global_head"](bottleneck).chunk(2)
        depth = view.depth(torch.cat((batch.depth_labeled, batch.depth_unlabeled)))
        partition = partitions_of(depth, first.shape[1], settings.partitions)
        with without_autocast(image):
            return position_contrast(first, second, partition, settings.temperature, self.gather)

    def _local(self, batch: Batch, draws: Draws) -> Tensor:
        """Contrast regions of the map that the decoder's first levels make, the same places in all crops."""
        settings = self.config.chaitanya
        image, _, parts = self._views(batch, draws, 1.0)
        student = self._student()
        with torch.no_grad():
            bottleneck, skips = student.encode(image)
        volume = student.decode(bottleneck, skips, draws, "student", parts, settings.decoder_blocks)
        count = regions_in(tuple(volume.shape[2:]), settings.region_side)
        order = torch.randperm(count, generator=draws.generator("regions"), device=image.device)
        first, second = self.networks["local_head"](volume, order[: settings.regions]).chunk(2)
        with without_autocast(image):
            return local_contrast(first, second, settings.temperature)

    def _views(self, batch: Batch, draws: Draws, part: float) -> tuple[Tensor, tuple[View, View], tuple[int, ...]]:
        """Return two views of all crops, `[2 (L + U), I, X, Y, Z]`, what was drawn, and the parts' sizes."""
        settings = self.config.chaitanya
        assert batch.image_unlabeled is not None
        image = torch.cat((batch.image_labeled, batch.image_unlabeled))
        sizes = (len(batch.image_labeled), len(batch.image_unlabeled))
        views = draw_views(
            draws, sizes, brightness=settings.view_brightness, contrast=settings.view_contrast, part=part
        )
        together = torch.cat([apply_view(image, view) for view in views])
        return together.contiguous(memory_format=torch.channels_last_3d), views, sizes * 2

    def _student(self) -> VNet:
        student = self.networks["student"]
        assert isinstance(student, VNet)
        return student

    def _adam(self, *networks: nn.Module) -> torch.optim.Adam:
        trained = [parameter for network in networks for parameter in network.parameters()]
        return torch.optim.Adam(trained, lr=self.config.chaitanya.pretraining_learning_rate)

    def _check_regions(self) -> None:
        """Refuse a crop whose map has fewer than two regions to tell apart.

        Raises:
            UserError: with the settings to change.
        """
        settings, crop = self.config.chaitanya, self.config.data.crop_vox
        divisors = self.config.network.reduction(4 - settings.decoder_blocks)
        shape = tuple(side // divisor for side, divisor in zip(crop, divisors, strict=True))
        if regions_in(shape, settings.region_side) < 2:
            sides = " x ".join(map(str, shape))
            raise UserError(
                f"chaitanya.region_side is {settings.region_side}, but after {settings.decoder_blocks} levels of the "
                f"decoder the map of a crop is {sides} voxels, which hold no two such regions; use a smaller "
                "chaitanya.region_side, more chaitanya.decoder_blocks or a larger data.crop_vox."
            )
