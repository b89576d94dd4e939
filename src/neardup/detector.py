"""The public face of inference: load a bundle, ask whether two pictures are the same picture."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import numpy.typing as npt

from neardup.bundle import Bundle
from neardup.distance import l2
from neardup.embedder import Embedder
from neardup.errors import BlankError
from neardup.images.network_input import is_blank, load_input
from neardup.images.reading import ImageSource, read_image, source_name
from neardup.verify.features import extract
from neardup.verify.match import IDENTICAL, Kind, Match, verify

if TYPE_CHECKING:
    from neardup.scan.report.duplicates import Duplicates
    from neardup.scan.shots import RawPairs


class Detector:
    """Tells whether pictures are near-duplicates.

    >>> detector = Detector.load()
    >>> detector.is_duplicate("a.jpg", "b.jpg")
    True

    Attributes:
        bundle: the encoder's description and thresholds.
    """

    def __init__(self, bundle: Bundle, *, threads: int | None = None) -> None:
        self.bundle = bundle
        self.embedder = Embedder(bundle.encoder_path, threads=threads)

    @classmethod
    def load(cls, directory: str | Path | None = None, *, threads: int | None = None) -> Self:
        """Load an encoder.

        Args:
            directory: a bundle's folder; None: the bundle that comes with the package.
            threads: cores to use; None: all.

        Raises:
            BundleError: the folder is not an undamaged bundle.
        """
        return cls(Bundle.load(directory), threads=threads)

    def embed(
        self, images: Iterable[ImageSource], *, batch_size: int = 32
    ) -> npt.NDArray[np.float32]:
        """Embed N pictures.

        Args:
            images: paths, bytes, PIL images or arrays, mixed as you like: see ``read_image``.
            batch_size: how many go through the encoder at once; the result does not depend on it.

        Returns:
            (N, D) float32, rows of unit length, in the order given.

        Raises:
            ImageError: one of them cannot be read.
        """
        one_array = isinstance(images, np.ndarray) and images.ndim < 4
        if one_array or isinstance(images, (str, bytes, Path)):
            raise TypeError("embed takes several pictures: embed([picture])")
        embeddings = [np.empty((0, self.bundle.embedding_size), dtype=np.float32)]
        remaining = iter(images)
        while chunk := list(islice(remaining, batch_size)):
            squares = [load_input(image, self.bundle.image_size) for image in chunk]
            embeddings.append(self.embedder(np.stack(squares)))
        return np.concatenate(embeddings)

    def distance(self, a: ImageSource, b: ImageSource) -> float:
        """L2 distance between the embeddings of two pictures, in [0, 2]; smaller is closer.

        Raises:
            ImageError: one of them cannot be read.
            BlankError: one of them is blank, and the other differs from it in a pixel.
        """
        squares = np.stack([load_input(image, self.bundle.image_size) for image in (a, b)])
        blank = [image for image, square in zip((a, b), squares, strict=True) if is_blank(square)]
        if len(blank) == 2 and np.array_equal(read_image(a), read_image(b)):
            return 0.0
        if blank:
            raise BlankError(source_name(blank[0]))
        left, right = self.embedder(squares)
        return float(l2(left, right))

    def is_duplicate(self, a: ImageSource, b: ImageSource, at: str | float | None = None) -> bool:
        """Whether two pictures are near-duplicates.

        Args:
            a: a picture.
            b: another.
            at: how sure to be: the name of an operating point of the bundle, such as
                ``"precision=0.999"``, or a threshold in [0, 2]. None: the bundle's default.

        Raises:
            ImageError: one of them cannot be read.
            BlankError: as :meth:`distance`.
            BundleError: the bundle has no such operating point.
        """
        threshold = self.bundle.threshold(at)
        return self.distance(a, b) <= threshold

    def explain(self, a: ImageSource, b: ImageSource) -> Match:
        """How two pictures belong together, by their local features (needs ``neardup[verify]``).

        >>> print(detector.explain("a.jpg", "b.jpg").sentence())
        B is a crop of A (zoom 1.5x, from x=120 y=44)

        Returns:
            Kind, distance, probability (None where the bundle has no calibration), transform, crop
            box, keypoints that agree and agreement of the overlap. The kind is ``UNVERIFIED`` where
            nothing shows that they are copies, which plain pictures never do.

        Raises:
            ImageError: one of them cannot be read.
            BlankError: as :meth:`distance`.
            NeardupError: OpenCV is not installed.
        """
        distance = self.distance(a, b)
        pixels = read_image(a), read_image(b)
        if pixels[0].shape == pixels[1].shape and np.array_equal(*pixels):
            return replace(IDENTICAL, distance=distance, probability=1.0)
        match = verify(extract(pixels[0]), extract(pixels[1]))
        probability = None
        if self.bundle.calibration is not None:
            probability = self.bundle.calibration.of(distance, match, looked=True)
        match = Match(kind=Kind.UNVERIFIED, agreement=0.0) if match is None else match
        return replace(match, distance=distance, probability=probability)

    def find_duplicates(
        self,
        folders: str | Path | Iterable[str | Path],
        *,
        references: Iterable[str | Path] = (),
        against: str | Path | None = None,
        include: Iterable[str] = (),
        exclude: Iterable[str] = (),
        at: str | float | None = None,
        verify: bool = False,
        raw_pairs: "RawPairs" = "keep",
        show_progress: bool = True,
    ) -> "Duplicates":
        """Find the near-duplicates below a folder, or several.

        Args:
            folders: every file below them is looked at.
            references: folders whose files take part, are always the ones to keep, and are never
                touched.
            against: list copies across this folder and the first instead of within the first.
            include: patterns; a file must fit one of them, if there are any: see
                :class:`neardup.library.listing.Selection`.
            exclude: patterns of files and folders to leave out.
            at: see :meth:`is_duplicate`.
            verify: have pairs that the distance leaves in doubt verified by local features; ``at``
                is then ``"precision=0.999"`` unless it is given (needs ``neardup[verify]``).
            raw_pairs: ``keep`` calls a RAW file and the picture of the same name beside it no
                duplicates, for they are one shot; ``report`` does.
            show_progress: on stderr.

        Returns:
            Groups, pairs, blank and skipped files; printed, it is a short summary; ``to_html``
            and others write it.
            Files that cannot be read are listed there and do not stop the search.

        Raises:
            ImageError: a folder does not exist or cannot be listed.
            BundleError: the bundle has no such operating point.
            NeardupError: ``verify`` without OpenCV, or a folder has two roles.
        """
        from neardup.library.intake import Effort
        from neardup.library.listing import Selection
        from neardup.scan.pipeline import ScanOptions, scan
        from neardup.scan.report.duplicates import Duplicates

        if isinstance(folders, (str, Path)):
            folders = [folders]
        selection = Selection(
            folders=[Path(folder) for folder in folders],
            references=[Path(folder) for folder in references],
            against=None if against is None else Path(against),
            include=tuple(include),
            exclude=tuple(exclude),
        )
        options = ScanOptions(
            at=at, verify=verify, raw_pairs=raw_pairs, effort=Effort(show_progress=show_progress)
        )
        return Duplicates.of(scan(selection, self.bundle, self.embedder, options))
