"""Losses on embeddings. pytorch-metric-learning does the work; here they are chosen and completed.

All take ``embeddings`` (B, D) of unit norm and ``source`` (B,) int64: two rows are a positive pair
when their sources are equal and a negative pair otherwise.
"""

import math
from typing import Any, cast

import torch
from pytorch_metric_learning import distances, losses, miners
from torch import Tensor, nn

from neardup.training.config import ContrastiveConfig, LossConfig, NTXentConfig, TripletConfig

_MEMORY_STATE = ("queue_idx", "has_been_filled")


class ContrastiveLoss(losses.ContrastiveLoss):  # type: ignore[misc]
    """1/2 relu(d - m_pos)^2 for positives, 1/2 relu(m - d)^2 for negatives, d the L2 distance.

    Hadsell, Chopra & LeCun 2006, eq. 4, which squares both terms; the parent leaves them linear.
    Each kind is averaged over its pairs with non-zero loss.
    """

    def get_per_pair_loss(self, pair_dists: Tensor, pos_or_neg: str) -> Tensor:
        """(P,) distances -> (P,) losses."""
        return cast(Tensor, super().get_per_pair_loss(pair_dists, pos_or_neg)).square() / 2


class NTXentLoss(losses.GenericPairLoss):  # type: ignore[misc]
    """-log(exp(s_p / t) / (exp(s_p / t) + sum over negatives exp(s_n / t))), s the cosine.

    Sohn 2016; Chen et al. 2020, eq. 1, averaged over all ordered positive pairs. The library's own
    compares each positive pair with each negative pair, which takes B^3 memory; this takes B^2.

    With ``pooled``, the sum is the mean over all anchors of the batch of each one's own: every
    positive is compared with the same negatives, as one threshold for all images compares them.
    Song et al. 2016, eq. 4 (lifted structure), goes half the way: it adds the positive's negatives.
    """

    def __init__(self, temperature: float, *, pooled: bool = False) -> None:
        super().__init__(mat_based_loss=True)
        self.temperature = temperature
        self.pooled = pooled

    def get_default_distance(self) -> distances.BaseDistance:
        """Similarity, larger is closer."""
        return distances.CosineSimilarity()

    def _compute_loss(self, mat: Tensor, pos_mask: Tensor, neg_mask: Tensor) -> dict[str, Any]:
        """(B, R) similarities and masks -> one loss per positive pair."""
        anchor, positive = pos_mask.nonzero(as_tuple=True)
        if len(anchor) == 0 or not neg_mask.any():
            return cast(dict[str, Any], self.zero_losses())
        logits = mat / self.temperature
        lowest = torch.finfo(logits.dtype).min
        negatives = logits.masked_fill(neg_mask == 0, lowest).logsumexp(dim=1)
        if self.pooled:
            negatives = (negatives.logsumexp(dim=0) - math.log(len(negatives))).expand_as(negatives)
        costs = nn.functional.softplus(negatives[anchor] - logits[anchor, positive])
        return {
            "loss": {
                "losses": costs,
                "indices": (anchor, positive),
                "reduction_type": "pos_pair",
            }
        }


def koleo(embeddings: Tensor, source: Tensor) -> Tensor:
    """Differential-entropy regulariser: minus the mean log distance to the nearest negative.

    Sablayrolles et al. 2019, eq. 4, over other sources only, as SSCD (Pizzi et al. 2022) uses it.
    Falls as embeddings spread over the sphere.

    Args:
        embeddings: (B, D) of unit norm.
        source: (B,) int64.

    Returns:
        A scalar; 0 when no row has a negative.
    """
    with torch.no_grad():
        similarity = embeddings @ embeddings.T
        similarity.masked_fill_(source[:, None] == source[None, :], -2.0)
        best, nearest = similarity.max(dim=1)
    has_negative = best > -2.0
    if not has_negative.any():
        return embeddings.sum() * 0.0
    gap = embeddings[has_negative] - embeddings[nearest[has_negative]]
    distance = (gap.square().sum(dim=1) + 1e-12).sqrt()  # sqrt has no gradient at 0
    return -distance.clamp(min=1e-6).log().mean()


class Loss(nn.Module):
    """The configured loss, its miner, memory and spread term, in one call."""

    def __init__(self, config: LossConfig, embedding_size: int) -> None:
        super().__init__()
        self.koleo_weight = config.koleo_weight
        self.pair_loss, self.miner = _pair_loss_and_miner(config)
        if config.memory_size:
            self.pair_loss = losses.CrossBatchMemory(
                self.pair_loss, embedding_size, memory_size=config.memory_size, miner=self.miner
            )
            self.miner = None

    def forward(self, embeddings: Tensor, source: Tensor) -> dict[str, Tensor]:
        """Compute the loss over a whole batch, in float32 under any precision of the encoder.

        bf16 would round a cosine near 1 to 1/256, and a temperature of 0.05 makes 0.08 of that.

        Returns:
            ``total``, and its parts ``pair`` and, where used, ``koleo``; all scalars.
        """
        with torch.autocast(embeddings.device.type, enabled=False):
            mined = self.miner(embeddings, source) if self.miner else None
            parts = {"pair": self.pair_loss(embeddings, source, mined)}
            total = parts["pair"]
            if self.koleo_weight:
                parts["koleo"] = koleo(embeddings, source)
                total = total + self.koleo_weight * parts["koleo"]
            return {"total": total, **parts}

    def get_extra_state(self) -> dict[str, Any]:
        """Where the cross-batch memory stands; its library saves only the embeddings."""
        if not isinstance(self.pair_loss, losses.CrossBatchMemory):
            return {}
        return {key: getattr(self.pair_loss, key) for key in _MEMORY_STATE}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`get_extra_state` returned."""
        for key, value in state.items():
            setattr(self.pair_loss, key, value)


def _pair_loss_and_miner(config: LossConfig) -> tuple[nn.Module, nn.Module | None]:
    l2 = distances.LpDistance(normalize_embeddings=False, p=2)
    match config:
        case ContrastiveConfig():
            return (
                ContrastiveLoss(
                    pos_margin=config.positive_margin, neg_margin=config.margin, distance=l2
                ),
                None,
            )
        case TripletConfig():
            semi_hard = miners.TripletMarginMiner(
                margin=config.margin, type_of_triplets="semihard", distance=l2
            )
            batch_hard = miners.BatchHardMiner(distance=l2)
            miner = {"semi_hard": semi_hard, "batch_hard": batch_hard, "all": None}[config.miner]
            return losses.TripletMarginLoss(margin=config.margin, distance=l2), miner
        case NTXentConfig():
            return NTXentLoss(config.temperature, pooled=config.pooled), None
        case _:
            raise TypeError(f"no loss for {type(config).__name__}")
