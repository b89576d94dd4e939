"""The decoding process: reads tasks from stdin, answers on stdout, until stdin closes.

It exists so that a crash or a hang inside a C decoder costs one file. Messages are a JSON header
and raw bytes: nothing that a hostile file could turn into code in the parent. A task that takes
longer than its time ends the process, even one stuck in C.

Run as ``python -m neardup.library.worker``.
"""

import dataclasses
import faulthandler
import hashlib
import io
import json
import os
import struct
import sys
from collections.abc import Callable
from contextlib import closing
from io import BufferedReader
from pathlib import Path
from typing import IO, Any

from PIL import Image

from neardup.errors import ImageError, NeardupError
from neardup.files import os_reason, require_regular
from neardup.images.metadata import read_metadata
from neardup.images.network_input import is_blank, load_input
from neardup.images.reading import check_header, read_image
from neardup.images.traces import find_traces, jpeg_quality
from neardup.library.file import read_facts
from neardup.library.store import ScanCache
from neardup.verify.features import SIDE, extract
from neardup.verify.match import verify

Header = dict[str, Any]
_LENGTHS = struct.Struct("<II")


def hash_file(task: Header) -> tuple[Header, bytes]:
    """Task: path. Answer: sha256, bytes, modified (ns since the epoch), link, inode."""
    path = os.fsencode(task["path"])
    with _opened(path) as file:
        check_header(file)  # or a film would be read from end to end before it is refused
        file.seek(0)
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        state = os.fstat(file.fileno())
    answer = _ok(
        sha256=sha256,
        bytes=state.st_size,
        modified=state.st_mtime_ns,
        link=os.path.islink(path),
        inode=(state.st_dev, state.st_ino),
    )
    return answer, b""


def decode(task: Header) -> tuple[Header, bytes]:
    """Task: paths of one content, its sha256, size. Answer: facts, blank; the square's pixels."""
    data = _read_unchanged(task["paths"], task["sha256"])
    square = load_input(data, task["size"])
    facts = dataclasses.asdict(read_facts(data))
    return _ok(facts=facts, blank=is_blank(square)), square.tobytes()


def thumbnail(task: Header) -> tuple[Header, bytes]:
    """Task: path, side. Answer: a JPEG that fits in a square of that side."""
    image = Image.fromarray(read_image(os.fsdecode(task["path"]), min_side=task["side"]))
    image.thumbnail((task["side"], task["side"]))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=72)
    return _ok(width=image.width, height=image.height), buffer.getvalue()


def traces(task: Header) -> tuple[Header, bytes]:
    """Task: paths of one content, its sha256. Answer: the traces of processing in it."""
    data = _read_unchanged(task["paths"], task["sha256"])
    return _ok(**dataclasses.asdict(find_traces(read_image(data), jpeg_quality(data)))), b""


def features(task: Header) -> tuple[Header, bytes]:
    """Task: paths of one content, its sha256. Answer: its packed local features."""
    data = _read_unchanged(task["paths"], task["sha256"])
    facts = read_facts(data)
    image = read_image(data, min_side=SIDE)
    return _ok(), extract(image, (facts.width, facts.height)).pack()


def match(task: Header) -> tuple[Header, bytes]:
    """Task: cache (path), a, others (sha256). Answer: matches, one for each other, or None."""
    found: list[Any] = []
    with closing(ScanCache.reading(Path(task["cache"]))) as cache:
        a = cache.known_features(task["a"])
        for other in task["others"]:
            b = cache.known_features(other)
            matched = None if a is None or b is None else verify(a, b)
            found.append(None if matched is None else matched.as_dict())
    return _ok(matches=found), b""


def metadata(task: Header) -> tuple[Header, bytes]:
    """Task: path. Answer: the metadata that its file holds."""
    return _ok(metadata=read_metadata(Path(task["path"]))), b""


TASKS: dict[str, Callable[[Header], tuple[Header, bytes]]] = {
    "hash": hash_file,
    "decode": decode,
    "thumbnail": thumbnail,
    "traces": traces,
    "features": features,
    "match": match,
    "metadata": metadata,
}


def _ok(**answer: Any) -> Header:
    return {"error": None, **answer}


def _opened(path: bytes) -> BufferedReader:
    try:
        require_regular(os.fsdecode(path))
        return open(path, "rb")
    except OSError as error:
        raise ImageError(os.fsdecode(path), os_reason(error)) from error


class _NotRead(ImageError):
    """No file of the content begins like a picture and still holds what it held when hashed."""


def _read_unchanged(paths: list[str], sha256: str) -> bytes:
    reason = ""
    for path in paths:
        try:
            with _opened(os.fsencode(path)) as file:
                check_header(file)  # or films of many gigabytes would be read into memory
                data = file.read()
        except ImageError as error:
            reason = error.reason
            continue
        if hashlib.sha256(data).hexdigest() == sha256:
            return data
        reason = "it changed while it was being scanned"
    raise _NotRead(paths[0], reason)


def read_message(stream: IO[bytes]) -> tuple[Header, bytes] | None:
    """One message, or None when the other side is gone."""
    lengths = stream.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    header_length, payload_length = _LENGTHS.unpack(lengths)
    message = stream.read(header_length + payload_length)
    if len(message) < header_length + payload_length:
        return None
    return json.loads(message[:header_length]), message[header_length:]


def write_message(stream: IO[bytes], header: Header, payload: bytes = b"") -> None:
    """Send one message."""
    text = json.dumps(header).encode()
    stream.write(_LENGTHS.pack(len(text), len(payload)) + text + payload)
    stream.flush()


def main() -> None:
    # Whatever a decoder prints must not get between the messages.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, sys.stdout.fileno())
    os.dup2(silence, sys.stderr.fileno())
    while (message := read_message(sys.stdin.buffer)) is not None:
        task, _ = message
        faulthandler.dump_traceback_later(task["seconds"], exit=True)
        try:
            header, payload = TASKS[task["task"]](task)
        except _NotRead as error:
            header, payload = {"error": error.reason, "retry": True}, b""
        except ImageError as error:
            header, payload = {"error": error.reason}, b""
        except OSError as error:
            header, payload = {"error": os_reason(error)}, b""
        except NeardupError as error:
            header, payload = {"error": str(error), "retry": True}, b""
        except Exception as error:
            header, payload = {"error": f"damaged: {error}"}, b""
        faulthandler.cancel_dump_traceback_later()
        write_message(answers, header, payload)


if __name__ == "__main__":
    main()
