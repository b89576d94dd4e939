"""moto's object storage on the loopback, with faults between it and who asks."""

import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

SECRET = "secret-of-the-test"
FAULTS = ("500", "503", "cut short", "slow")


class FaultyStorage:
    """Attributes:
    environment: what tells others of it, and the credentials.
    failing: the first answer about every other object that is read fails, in one of the ways.
    broken: objects, as ``/bucket/key``, that always fail.
    seen: the faults that happened.
    """

    def __init__(self) -> None:
        self._app = DomainDispatcherApplication(create_backend_app)
        self._asked: set[str] = set()
        self._lock = threading.Lock()
        self.environment: dict[str, str] = {}
        self.failing = False
        self.broken: set[str] = set()
        self.seen: list[str] = []

    @property
    def client(self) -> Any:
        return boto3.client("s3")

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        fault = self._fault(environ["REQUEST_METHOD"], environ["PATH_INFO"])
        if fault in ("500", "503"):
            code = "InternalError" if fault == "500" else "SlowDown"
            start(f"{fault} {code}", [("Content-Type", "application/xml")])
            return [f"<Error><Code>{code}</Code><Message>{SECRET}</Message></Error>".encode()]
        if fault == "slow":
            time.sleep(0.5)
        answer: Iterable[bytes] = self._app(environ, start)
        if fault == "cut short":
            whole = b"".join(answer)
            return [whole[: len(whole) // 2]]
        return answer

    def _fault(self, method: str, path: str) -> str | None:
        if method != "GET" or path.count("/") < 2 or path.endswith("/"):
            return None
        with self._lock:
            if path in self.broken:
                self.seen.append("500")
                return "500"
            if not self.failing or path in self._asked:
                return None
            self._asked.add(path)
            fault = dict(enumerate(FAULTS)).get(zlib.crc32(path.encode()) % 8)
            self.seen += [] if fault is None else [fault]
            return fault


@contextmanager
def served() -> Iterator[FaultyStorage]:
    """The storage, until the block ends."""
    storage = FaultyStorage()
    server = make_server("127.0.0.1", 0, storage, threaded=True, request_handler=_Silent)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    storage.environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",  # what asks again is what is tested
    }
    yield storage
    server.shutdown()


class _Silent(MotoRequestHandler):
    def log_request(self, *_: object, **__: object) -> None:
        pass
