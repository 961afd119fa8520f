"""The far end of a connection: a real TCP server that says what it saw.

Every test of cancelling or dropping is judged here, at the other end of a socket, not by asking simul.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading

# Long enough for a loaded machine; a test that gets here has failed.
PATIENCE_SECONDS = 30.0


class FarEnd:
    """Accepts connections, keeps them silent until told otherwise, and counts what was accepted and closed."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._listener.setblocking(False)
        self.host, self.port = self._listener.getsockname()
        self._changed = threading.Condition()
        self._open: list[socket.socket] = []
        self._accepted = 0
        self._closed = 0
        self._said: dict[socket.socket, bytearray] = {}
        self._heard = bytearray()
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = socket.socketpair()
        self._stopping = False
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._wake_read, selectors.EVENT_READ, lambda: None)
        self._thread = threading.Thread(target=self._serve, name="far-end", daemon=True)
        self._thread.start()

    @property
    def address(self) -> tuple[str, int]:
        return self.host, self.port

    @property
    def accepted(self) -> int:
        with self._changed:
            return self._accepted

    @property
    def closed(self) -> int:
        """Connections that the other side closed."""
        with self._changed:
            return self._closed

    @property
    def heard(self) -> bytes:
        """Everything that clients wrote, in the order it arrived."""
        with self._changed:
            return bytes(self._heard)

    def wait_accepted(self, count: int) -> None:
        self._wait(lambda: self._accepted >= count, lambda: f"{self._accepted} of {count} connections arrived")

    def wait_closed(self, count: int) -> None:
        self._wait(
            lambda: self._closed >= count,
            lambda: f"{self._closed} of {count} connections were closed ({self._accepted} arrived)",
        )

    def wait_heard(self, text: bytes) -> None:
        self._wait(lambda: text in self._heard, lambda: f"heard {bytes(self._heard)!r}, not {text!r}")

    def answer(self, data: bytes) -> int:
        """Sends `data` on every open connection and closes it; returns how many there were."""
        with self._changed:
            answered, self._open = self._open, []
        for connection in answered:
            self._forget(connection)
            connection.setblocking(True)
            connection.sendall(data)
            connection.close()
        return len(answered)

    def stop(self) -> None:
        self._stopping = True
        self._wake_write.send(b"x")
        self._thread.join(PATIENCE_SECONDS)
        for connection in [*self._open, self._listener, self._wake_read, self._wake_write]:
            connection.close()
        self._selector.close()

    def _wait(self, condition, describe) -> None:
        with self._changed:
            if not self._changed.wait_for(condition, PATIENCE_SECONDS):
                raise AssertionError(f"at the far end: {describe()}")

    def _forget(self, connection: socket.socket) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(connection)

    def _serve(self) -> None:
        while not self._stopping:
            for key, _ in self._selector.select():
                key.data()

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except BlockingIOError:
            return
        connection.setblocking(False)
        self._selector.register(connection, selectors.EVENT_READ, lambda: self._read(connection))
        with self._changed:
            self._open.append(connection)
            self._accepted += 1
            self._changed.notify_all()

    def _read(self, connection: socket.socket) -> None:
        try:
            data = connection.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""  # reset: closed all the same
        with self._changed:
            if data:
                self._heard += data
            elif connection in self._open:
                self._open.remove(connection)
                self._closed += 1
                self._forget(connection)
                connection.close()
            self._changed.notify_all()
