"""An option beats its variable: what a server sees of either."""

import http.server
import json
import re
import threading

import pytest

ROLE = {"Code": "Success", "AccessKeyId": "OF-THE-ROLE", "SecretAccessKey": "s", "Token": "t",
        "Expiration": "2099-01-01T00:00:00Z"}  # fmt: skip
DENIED = b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
ROLES = "/latest/meta-data/iam/security-credentials/"


class Server(http.server.BaseHTTPRequestHandler):
    """An S3 server that denies everything, and an instance's metadata service; notes the key ids."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self):
        self.answer(200, b"token")

    def do_GET(self):
        if self.path.startswith(ROLES):
            return self.answer(200, json.dumps(ROLE).encode() if self.path != ROLES else b"role")
        self.server.seen.append(re.search(r"Credential=([^/]*)/", self.headers["Authorization"])[1])
        self.answer(403, DENIED)

    do_HEAD = do_GET

    def answer(self, status, body):
        self.send_response(status)
        if self.path == "/latest/api/token":
            self.send_header("X-aws-ec2-metadata-token-ttl-seconds", "600")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.seen = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def key_seen(tool, server, folder):
    """key_seen(options, variables) is the key id that the server is shown."""
    url = f"http://127.0.0.1:{server.server_port}"

    def run(*options, **variables):
        server.seen.clear()
        wal_e = tool.with_environment(
            WALE_S3_PREFIX="s3://bucket/x", WALE_S3_ENDPOINT=url.replace("http:", "http+path:"),
            AWS_REGION="us-east-1", AWS_EC2_METADATA_SERVICE_ENDPOINT=url, WALE_RETRIES="1",
            AWS_SECRET_ACCESS_KEY="s", **variables)  # fmt: skip
        wal_e.run(*options, "wal-fetch", "-p0", "000000010000000000000001", folder / "x", code=1)
        return set(server.seen)

    return run


def test_the_key_id(key_seen):
    assert key_seen(AWS_ACCESS_KEY_ID="OF-THE-ENVIRONMENT") == {"OF-THE-ENVIRONMENT"}
    assert key_seen("-k", "OF-THE-OPTION", AWS_ACCESS_KEY_ID="OF-THE-ENVIRONMENT") == {"OF-THE-OPTION"}
    assert key_seen("--aws-access", "OF-THE-OPTION") == {"OF-THE-OPTION"}


def test_the_instance_profile(key_seen):
    keys = {"AWS_ACCESS_KEY_ID": "OF-THE-ENVIRONMENT"}
    assert key_seen("--aws-instance-profile", **keys) == {"OF-THE-ROLE"}
    assert key_seen("--aws-instance-profile", AWS_INSTANCE_PROFILE="0", **keys) == {"OF-THE-ROLE"}
    assert key_seen(AWS_INSTANCE_PROFILE="0", **keys) == {"OF-THE-ENVIRONMENT"}
    for yes in ("1", "TRUE"):
        assert key_seen(AWS_INSTANCE_PROFILE=yes, **keys) == {"OF-THE-ROLE"}
    # As with WAL-E.
    assert key_seen("-k", "OF-THE-OPTION", AWS_INSTANCE_PROFILE="1") == {"OF-THE-ROLE"}
