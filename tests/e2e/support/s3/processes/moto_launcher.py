"""usage: moto_launcher.py PORT, run by the Python of moto's environment

moto's S3 with keep-alive, on loopback. It looks for an object before it stores another, for
If-None-Match, so the writing requests have to come one after the other for that to be atomic, as it
is with S3.
"""

import io
import sys
import threading

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import run_simple


class OneWriterAtATime:
    def __init__(self, app):
        self.app, self.lock = app, threading.Lock()

    def __call__(self, environ, start_response):
        if environ["REQUEST_METHOD"] in ("GET", "HEAD"):
            return self.app(environ, start_response)
        length = int(environ.get("CONTENT_LENGTH") or 0)
        environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(length))
        with self.lock:
            return self.app(environ, start_response)


def main(port):
    MotoRequestHandler.protocol_version = "HTTP/1.1"
    app = OneWriterAtATime(DomainDispatcherApplication(create_backend_app))
    run_simple("127.0.0.1", int(port), app, threaded=True, request_handler=MotoRequestHandler)


if __name__ == "__main__":
    main(sys.argv[1])
