"""usage: google_front.py PORT UPSTREAM PUBLIC_KEY ACCOUNT USES USER

Google's token endpoint, as strict as its documentation ("Using OAuth 2.0 for Server to Server
Applications"): RS256 by that key, issuer, audience, scope, at most an hour, a clock that is right. All
else goes on to UPSTREAM, if it comes with a token that was not used USES times before. Tokens are given
to USER too, an object with what an authorised user has to send, and to who asks as if on a machine of
Google's.
`openssl` judges signatures, so nothing of the program under test does.
"""

import base64
import http.client
import http.server
import json
import secrets
import subprocess
import sys
import tempfile
import time
import urllib.parse

PORT, UPSTREAM, PUBLIC_KEY, ACCOUNT, USES, USER = sys.argv[1:]
MACHINE = "/computeMetadata/v1/instance/service-accounts/default/token"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"
SKEW = 300  # seconds

given = {}  # token: how often it may still be used


def decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def signed(text, signature):
    with tempfile.NamedTemporaryFile() as file:
        file.write(signature)
        file.flush()
        command = ["openssl", "dgst", "-sha256", "-verify", PUBLIC_KEY, "-signature", file.name]
        return subprocess.run(command, input=text.encode(), capture_output=True).returncode == 0


def complaint(form):
    """What is wrong with the request for a token; None if nothing is."""
    if form.get("grant_type") == "refresh_token":
        return None if form == {"grant_type": "refresh_token", **json.loads(USER)} else "Bad Request"
    if form.get("grant_type") != GRANT:
        return "Invalid grant_type"
    header, payload, signature = form["assertion"].split(".")
    if json.loads(decoded(header))["alg"] != "RS256":
        return "Invalid JWT algorithm."
    claims = json.loads(decoded(payload))
    if claims["iss"] != ACCOUNT or claims["scope"] != SCOPE or not claims["aud"].endswith(f":{PORT}/token"):
        return "Invalid JWT: issuer, scope or audience."
    if not 0 < claims["exp"] - claims["iat"] <= 3600 or abs(claims["iat"] - time.time()) > SKEW:
        return "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe."
    return None if signed(f"{header}.{payload}", decoded(signature)) else "Invalid JWT Signature."


class Front(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def say(self, status, body, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/token":
            return self.give_token(complaint(dict(urllib.parse.parse_qsl(body.decode()))))
        if self.path == MACHINE:
            return self.give_token(None if self.headers["Metadata-Flavor"] == "Google" else "Bad Request")
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        given[token] = given.get(token, 0) - 1
        if given[token] < 0:
            problem = {"code": 401, "message": "Invalid Credentials", "errors": [{"reason": "authError"}]}
            return self.say(401, json.dumps({"error": problem}).encode())
        return self.forward(body)

    def give_token(self, wrong):
        if wrong:
            answer = {"error": "invalid_grant", "error_description": wrong}
            return self.say(400, json.dumps(answer).encode())
        token = "ya29." + secrets.token_urlsafe()
        given[token] = int(USES)
        # It says an hour all the same: that a token ends early is what 401 is for.
        answer = {"access_token": token, "expires_in": 3599, "token_type": "Bearer"}
        return self.say(200, json.dumps(answer).encode(), [("Metadata-Flavor", "Google")])

    def forward(self, body):
        upstream = http.client.HTTPConnection(urllib.parse.urlsplit(UPSTREAM).netloc, timeout=60)
        dropped = ("authorization", "connection", "content-length", "expect")
        head = {name: value for name, value in self.headers.items() if name.lower() not in dropped}
        upstream.request(self.command, self.path, body, head)
        answer = upstream.getresponse()
        content = answer.read()
        upstream.close()
        kept = [(n, v) for n, v in answer.getheaders() if n.lower() not in ("content-length", "transfer-encoding")]
        self.say(answer.status, content, kept)

    do_GET = do_PUT = do_POST = do_DELETE = serve


http.server.ThreadingHTTPServer(("127.0.0.1", int(PORT)), Front).serve_forever()
