"""A small HTTP server of a test's own, for what a real one will not do."""

import contextlib
import http.server
import threading

from support.s3.process import HOST


class Script(http.server.BaseHTTPRequestHandler):
    """What a subclass's do_GET and the like answer; HEAD has no body."""

    protocol_version = "HTTP/1.1"

    def answer(self, status, body=b"", **headers):
        """A header's name has underscores for hyphens."""
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serving(script, **state):
    """The server, which runs until the end of the `with` block. `state` becomes its attributes."""
    server = http.server.ThreadingHTTPServer((HOST, 0), script)
    server.url = f"http://{HOST}:{server.server_port}"
    for name, value in state.items():
        setattr(server, name, value)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
