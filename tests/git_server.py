"""A git server on loopback: git's own http-backend behind a small HTTP server, with a login for part of it."""

from __future__ import annotations

import base64
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit


class GitServer:
    """Serves the bare repositories below a folder.

    Those below ``/private/`` want the token as password. A fetch below ``/stalled/`` is never answered: ``stalled``
    tells that one has come, ``left`` that its client has gone.
    """

    def __init__(self, root: Path, token: str) -> None:
        self.requests: list[tuple[str, bool]] = []
        self.stalled, self.left = threading.Event(), threading.Event()
        served = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *words: Any) -> None:
                pass

            def serve(self) -> None:
                parts = urlsplit(self.path)
                login = self.headers.get("Authorization", "")
                given = base64.b64decode(login.removeprefix("Basic ")).decode().partition(":")[2] if login else ""
                served.requests.append((self.path, bool(given)))
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if parts.path.startswith("/private/") and given != token:
                    self.answer(401, b"", [("WWW-Authenticate", 'Basic realm="git"')])
                    return
                if not (root / parts.path.lstrip("/").split(".git")[0]).with_suffix(".git").is_dir():
                    self.answer(404, b"no such repository", [])
                    return
                if parts.path.startswith("/stalled/") and self.command == "POST":
                    served.stalled.set()
                    self.rfile.read()
                    served.left.set()
                    self.close_connection = True
                    return
                backend = subprocess.run(
                    ["git", "http-backend"],
                    input=body,
                    capture_output=True,
                    check=True,
                    env={
                        "PATH": os.environ["PATH"],
                        "GIT_CONFIG_NOSYSTEM": "1",
                        "GIT_CONFIG_GLOBAL": os.devnull,
                        "GIT_HTTP_EXPORT_ALL": "1",
                        "GIT_PROJECT_ROOT": str(root),
                        "PATH_INFO": parts.path,
                        "QUERY_STRING": parts.query,
                        "REQUEST_METHOD": self.command,
                        "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                        "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                        "HTTP_GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                        "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                    },
                )
                head, _, content = backend.stdout.partition(b"\r\n\r\n")
                headers = [tuple(line.split(": ", 1)) for line in head.decode().split("\r\n")]
                status = next((int(value.split()[0]) for name, value in headers if name == "Status"), 200)
                self.answer(status, content, [(name, value) for name, value in headers if name != "Status"])

            def answer(self, status: int, body: bytes, headers: list[tuple[str, str]]) -> None:
                self.send_response(status)
                for name, value in [*headers, ("Content-Length", str(len(body)))]:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = serve  # noqa: N815  (http.server's names)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
