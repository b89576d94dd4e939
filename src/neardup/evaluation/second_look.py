"""The scan's second look as one more method: pairs in the order of their probability.

It looks where ``neardup scan --verify`` does, at each query's nearest references within reach and
at those within the strict threshold, and orders all pairs by log odds, most probable first.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neardup.embedder import available_cores
from neardup.evaluation.calibration import (
    KnownPairs,
    Reliability,
    fit,
    histogram,
    reliability,
)
from neardup.evaluation.edits.pixels import Pixels
from neardup.evaluation.measures.scoring import Scale
from neardup.evaluation.methods import Method
from neardup.evaluation.protocols.task import Ids, Task
from neardup.probability import Calibration, evidence, log_odds
from neardup.progress import progress
from neardup.scan.second_look import REACH, neighbour_count
from neardup.verify.features import Features, extract
from neardup.verify.match import Match, verify

NAME = "with the second look"

_SHIFT = 14.0  # log odds are within it: see neardup.probability.log_odds
_TIE = 0.01  # per unit of distance: among pairs of one probability the nearer comes first
_OTHER, _COPY, _NEITHER = 0, 1, 2


class EncodedTask(NamedTuple):
    """A task with a method's encodings (Q, D) of its queries and (R, D) of its references."""

    task: Task
    queries: NDArray[np.float32]
    references: NDArray[np.float32]

    def of_sources(self, chosen: Ids) -> "EncodedTask":
        """The part among the chosen sources."""
        task, rows, columns = self.task.of_sources(chosen)
        return EncodedTask(task, self.queries[rows], self.references[columns])


class SecondLook:
    """Verifies pairs of the pictures that it is given to encode.

    An encoding is the encoder's with one more number, the place of the picture's features.

    Args:
        encoder: measures the distances.
        strict: L2 distance within which every pair is looked at.
    """

    def __init__(self, encoder: Method, strict: float) -> None:
        self._encoder, self._strict = encoder, strict
        self._features: list[Features] = []
        self._matches: dict[tuple[int, int], Match | None] = {}
        self._calibration: Calibration | None = None

    @property
    def method(self) -> Method:
        """The method, once :meth:`learn` has been called; a distance is 14 less the log odds."""
        return Method(
            name=NAME,
            encode=self._encode,
            distances=self._doubts,
            scale=Scale(upper=2 * _SHIFT, step=2.0**-11),
            unit="doubt",
        )

    def learn(self, part: EncodedTask, measured_on: str) -> Calibration:
        """Fit the probabilities on a part of a task.

        Args:
            part: its pairs are known.
            measured_on: the data, in words.
        """
        known = self.known(part)
        self._calibration = fit(known, measured_on)
        return self._calibration

    def reliability(self, part: EncodedTask) -> Reliability:
        """What the learned probabilities of the pairs looked at are worth on another part."""
        assert self._calibration is not None
        known = self.known(part)
        found = self._calibration.after_second_look(
            known.distance, known.evidence, known.references
        )
        return reliability(found, known.positive, known.references)

    def _encode(self, images: Sequence[Pixels]) -> NDArray[np.float32]:
        first = len(self._features)
        with ThreadPoolExecutor(available_cores()) as pool:
            self._features.extend(pool.map(extract, images))
        places = np.arange(first, len(self._features), dtype=np.float32)
        return np.column_stack([self._encoder.encode(images), places])

    def _doubts(self, a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
        assert self._calibration is not None
        distance = self._encoder.distances(a[:, :-1], b[:, :-1])
        probability = self._calibration.by_distance(distance, len(b))
        rows, columns = self._candidates(distance, a, b)
        probability[rows, columns] = self._calibration.after_second_look(
            distance[rows, columns], self._evidence(a[rows], b[columns]), len(b)
        )
        return (_SHIFT - log_odds(probability) + _TIE * distance).astype(np.float32)

    def _candidates(
        self, distance: NDArray[np.float32], a: NDArray[np.float32], b: NDArray[np.float32]
    ) -> tuple[Ids, Ids]:
        """Rows and columns of the pairs to look at."""
        distance = np.where(a[:, -1:] == b[:, -1], np.inf, distance)  # no picture with itself
        count = min(neighbour_count(len(b)), len(b))
        looked = distance <= self._strict
        near = np.argpartition(distance, count - 1, axis=1)[:, :count]
        np.put_along_axis(looked, near, np.take_along_axis(distance, near, 1) <= REACH, axis=1)
        rows, columns = np.nonzero(looked)
        return rows, columns

    def _evidence(self, a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
        """(P, 4) what the second look says of P pairs of encodings; each pair is verified once."""
        pairs = list(zip(a[:, -1].astype(int).tolist(), b[:, -1].astype(int).tolist(), strict=True))
        new = [pair for pair in pairs if pair not in self._matches]
        with ThreadPoolExecutor(available_cores()) as pool:
            found = pool.map(lambda pair: verify(*(self._features[i] for i in pair)), new)
            self._matches.update(zip(new, found, strict=True))
        return np.array([evidence(self._matches[pair]) for pair in pairs]).reshape(-1, 4)

    def known(self, part: EncodedTask) -> KnownPairs:
        """The pairs of a part, and what is true of them."""
        task, a, b = part
        truth = np.zeros((len(a), len(b)), dtype=np.int8)
        truth[tuple(task.positive.T)] = _COPY
        truth[tuple(task.ignored.T)] = _NEITHER
        if task.same_set:
            np.fill_diagonal(truth, _NEITHER)
        sources = np.unique(task.query_source)
        positives, others, looked = [], [], []
        with progress("second look", len(sources), unit="sources", show=True) as advance:
            for source in sources.tolist():
                rows = np.flatnonzero(task.query_source == source)
                own, true = a[rows], truth[rows]
                distance = self._encoder.distances(own[:, :-1], b[:, :-1])
                positives.append(histogram(distance[true == _COPY]))
                others.append(histogram(distance[true == _OTHER]))
                i, j = self._candidates(distance, own, b)
                i, j = i[true[i, j] != _NEITHER], j[true[i, j] != _NEITHER]
                found = self._evidence(own[i], b[j])
                copies = true[i, j] == _COPY
                looked.append((distance[i, j], found, copies, rows[i], j))
                advance(1)
        distances, found, copies, query, reference = map(np.concatenate, zip(*looked, strict=True))
        return KnownPairs(
            distance=distances.astype(np.float64),
            evidence=found,
            positive=copies,
            query=query,
            reference=reference,
            group=task.query_source[query],
            sources=sources,
            positives=np.array(positives),
            others=np.array(others),
            references=len(b),
        )
