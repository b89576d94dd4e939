"""Vectors in a file, for other programs: .npz with numpy alone, .parquet through pyarrow."""

import importlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from neardup.bundle import Bundle
from neardup.errors import NeardupError
from neardup.library.intake import Intake

SUFFIXES = (".npz", ".parquet")


def check_target(path: Path) -> None:
    """Refuse, before any work is done, a file that :func:`write_vectors` could not write.

    Raises:
        NeardupError: another suffix, ``.parquet`` without pyarrow, or no folder to write it in.
    """
    if not path.parent.is_dir():
        raise NeardupError(f"{path} cannot be written: {path.parent} is not a folder")
    if path.suffix not in SUFFIXES:
        raise NeardupError(f"{path}: expected a name that ends in {' or '.join(SUFFIXES)}")
    if path.suffix == ".parquet":
        try:
            importlib.import_module("pyarrow.parquet")
        except ImportError:
            message = f"{path} needs one more package: pip install 'neardup[index]'; or write .npz"
            raise NeardupError(message) from None


def write_vectors(intake: Intake, bundle: Bundle, path: Path) -> int:
    """Write one row a file that was embedded, in the order of the paths; return how many.

    Columns: path, sha256, width, height, embedding (D float32). Names that are not valid UTF-8
    are written with backslashes. The bundle's encoder is named in the file's metadata.
    """
    files = [file for file in intake.files if intake.contents[file.sha256].vector is not None]
    contents = [intake.contents[file.sha256] for file in files]
    facts = [content.facts for content in contents if content.facts is not None]
    vectors = [content.vector for content in contents]
    columns = {
        "path": [os.fsencode(file.path).decode("utf-8", "backslashreplace") for file in files],
        "sha256": [file.sha256 for file in files],
        "width": [fact.width for fact in facts],
        "height": [fact.height for fact in facts],
    }
    embedding = np.array(vectors, dtype=np.float32).reshape(len(files), bundle.embedding_size)
    about = json.dumps({"encoder": bundle.encoder_id, "backbone": bundle.backbone})
    draft = path.with_name(f".{path.name}.{os.getpid()}{path.suffix}")
    try:
        if path.suffix == ".npz":
            arrays: dict[str, Any] = {name: np.array(column) for name, column in columns.items()}
            np.savez(draft, embedding=embedding, neardup=np.array(about), **arrays)
        else:
            arrow = importlib.import_module("pyarrow")
            parquet = importlib.import_module("pyarrow.parquet")
            flat = arrow.array(embedding.ravel(), type=arrow.float32())
            rows = arrow.FixedSizeListArray.from_arrays(flat, bundle.embedding_size)
            table = arrow.table({**columns, "embedding": rows})
            parquet.write_table(table.replace_schema_metadata({"neardup": about}), draft)
        os.replace(draft, path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return len(files)
