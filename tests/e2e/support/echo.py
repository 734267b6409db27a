"""A server that refuses everything and repeats what it was asked, in the error document of every store
and of every service that hands out tokens."""

import html
import json
import ssl
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from support.s3.process import HOST

# Those whose words are shown in different ways.
STATUSES = (301, 307, 400, 401, 403, 404, 407, 500)


class Echo:
    """With `tls`, the folder of a certificate, over https."""

    def __init__(self, tls=None):
        self.tls, self.status, self.asked = tls, 400, 0

    def __enter__(self):
        echo = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def refuse(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                echo.asked += 1
                echo.answer(self, body.decode(errors="replace"))

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_CONNECT = refuse

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer((HOST, 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://{HOST}:{self.server.server_port}"
        if self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.tls / "cert.pem", self.tls / "key.pem")
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            self.url = f"https://localhost:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def answer(self, handler, body):
        words = " ".join(
            [value for name, value in handler.headers.items() if name.lower() not in ("host", "content-length")]
            + [handler.path, urllib.parse.unquote_plus(handler.path), urllib.parse.unquote_plus(body[:3000])]
        )
        # Messages are cut when they are shown, so what is secret has to come soon.
        told = sorted(words.split(), key=lambda word: "=" not in word and len(word) < 16)
        kind, document = self.document(handler, body, " ".join(told))
        content = document.encode()
        handler.send_response(self.status)
        handler.send_header("Content-Type", kind)
        handler.send_header("X-Trans-Id", "".join(c if " " <= c <= "~" else "?" for c in words[:500]))
        handler.send_header("Location", f"{self.url}/{urllib.parse.quote(words[:500])}")
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(content)

    def document(self, handler, body, words):
        low = {name.lower() for name in handler.headers}
        text = html.escape(words)
        if body.startswith("Action=Assume"):
            return "text/xml", (
                f"<ErrorResponse><Error><Type>Sender</Type><Code>Refused</Code><Message>{text}</Message></Error>"
                f"<RequestId>1</RequestId></ErrorResponse>"
            )
        if "x-amz-date" in low or "x-ms-version" in low:
            return "application/xml", (
                f'<?xml version="1.0"?><Error><Code>Refused</Code><Message>{text}</Message>'
                f"<AuthenticationErrorDetail>Lifetime validation failed {text}</AuthenticationErrorDetail></Error>"
            )
        if handler.path.startswith(("/v2.0", "/v3", "/storage", "/upload", "/download")):
            error = {"code": self.status, "message": words, "errors": [{"reason": "refused", "message": words}]}
            return "application/json", json.dumps({"error": error})
        return "application/json", json.dumps({"error": "refused", "error_description": words})
