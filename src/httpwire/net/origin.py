"""An origin server for the demo, for machines without Apache.

In: nothing. Out: a context manager giving the port of a server on the loopback interface
that knows one page. It is the standard library's own server, so what it sends is not
made by the code that reads it.
"""

from __future__ import annotations

import gzip
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_PAGE = b"<html><body><h1>It works!</h1></body></html>\n"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "httpwire-demo"
    timeout = 10  # seconds a client may be silent

    def do_GET(self) -> None:
        page = self.path.partition("?")[0] in ("/", "/index.html")
        content = _PAGE if page else b"<html><body><h1>Not Found</h1></body></html>\n"
        coded = "gzip" in self.headers.get("Accept-Encoding", "")
        if coded:
            content = gzip.compress(content, mtime=0)
        self.send_response(200 if page else 404)
        self.send_header("Content-Type", "text/html")
        self.send_header("Vary", "Accept-Encoding")
        if coded:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_HEAD = do_GET  # noqa: N815  # the library calls it by this name

    def log_message(self, *_: object) -> None:
        """The demo tells what happens itself."""


@contextmanager
def origin() -> Iterator[int]:
    """Serve on a free port of 127.0.0.1 while the context is entered; gives the port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
