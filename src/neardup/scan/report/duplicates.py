"""A scan's result that can show itself: what ``Detector.find_duplicates`` returns."""

import importlib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

from neardup.errors import NeardupError
from neardup.scan.report.page import write_page
from neardup.scan.report.parquet import PAIRS, pair_rows, write_pair_table
from neardup.scan.report.sentences import sentences
from neardup.scan.report.tables import groups, write_groups, write_pairs
from neardup.scan.result import ScanResult


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Duplicates(ScanResult):
    """What a scan found, with ways to look at it; printed, it is a short summary."""

    def __repr__(self) -> str:
        return "\n".join(sentences(self))

    @classmethod
    def of(cls, result: ScanResult) -> Self:
        """The same result."""
        return cls(**{item.name: getattr(result, item.name) for item in fields(result)})

    def to_csv(self, path: str | Path) -> None:
        """Write ``pairs`` as comma-separated values."""
        write_pairs(self, Path(path))

    def to_json(self, path: str | Path) -> None:
        """Write the groups and all about the scan, as the report's groups.json."""
        write_groups(self, Path(path))

    def to_html(self, path: str | Path) -> None:
        """Write one self-contained page to look through the groups and decide."""
        write_page(self, Path(path))

    def to_pandas(self) -> Any:
        """``pairs`` as a DataFrame: a, b, distance, identical, probability, match.

        Raises:
            NeardupError: pandas is not installed.
        """
        return _library("pandas").DataFrame(pair_rows(self), columns=list(PAIRS))

    def to_parquet(self, path: str | Path) -> None:
        """Write ``pairs`` as a Parquet table with the columns of :meth:`to_pandas`.

        Raises:
            NeardupError: pyarrow is not installed.
        """
        write_pair_table(self, Path(path))

    def to_fiftyone(self, name: str | None = None) -> Any:
        """A FiftyOne dataset of every file in a group, once for each group that it is in.

        Fields: ``group`` (from 0, surest first), ``distance`` and ``probability`` to the group's
        first file, ``match`` in words, ``sha256``; tags: ``keep`` for the first file where one is
        proposed, ``reference`` for files that are never touched, ``copy`` for the others.
        ``dataset.group_by("group")`` shows the groups. Written from the
        documentation of FiftyOne 1.22; only a stand-in was tested.

        Args:
            name: of the dataset, which may not exist yet; None: FiftyOne chooses one.

        Raises:
            NeardupError: fiftyone is not installed.
        """
        fiftyone = _library("fiftyone")
        dataset = fiftyone.Dataset(name)
        dataset.add_samples(
            [
                fiftyone.Sample(
                    filepath=file["path"],
                    tags=[tag],
                    group=number,
                    **{field: file[field] for field in _FIFTYONE_FIELDS},
                )
                for number, group in enumerate(groups(self))
                for file, tag in zip(group["files"], _tags(group), strict=True)
            ]
        )
        return dataset


_FIFTYONE_FIELDS = ("distance", "probability", "match", "sha256")


def _tags(group: dict[str, Any]) -> list[str]:
    first, *others = group["files"]
    tag = "keep" if group["proposed"] else "copy"
    return [
        "reference" if file["reference"] else kind
        for file, kind in ((first, tag), *((file, "copy") for file in others))
    ]


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise NeardupError(f"this needs one more package: pip install '{name}'") from None
