"""A gate on loopback before a server: it passes connections on byte by byte, or does something else with them."""

import contextlib
import select
import socket
import threading
import time


class Gate:
    """Each connection is given to ``serve`` in a thread of its own; each part of it waits ``delay`` seconds."""

    def __init__(self, server, delay=0):
        self.delay = delay
        host, _, port = server.address.partition(":")
        self.target = host, int(port)
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listening.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.serve, args=[self.listening.accept()[0]], daemon=True).start()

    def serve(self, near):
        self.pass_on(near, self.head(near))

    def head(self, near):
        """What has come until the head of the first request was whole."""
        head = b""
        while b"\r\n\r\n" not in head and (part := near.recv(65536)):
            head += part
        return head

    def pass_on(self, near, head):
        """To the server and back, beginning with what has been read already."""
        far = socket.create_connection(self.target)
        far.sendall(head)
        with contextlib.suppress(OSError), near, far:  # one thread for both ways: a TLS socket bears no two
            while True:
                ready, _, _ = select.select([near, far], [], [])
                for source, target in ((near, far), (far, near)):
                    if source not in ready:
                        continue
                    part = source.recv(2**20)  # more than a TLS record, of which select would not know the rest
                    if not part:
                        return
                    time.sleep(self.delay)
                    target.sendall(part)
