"""An option beats its variable: what a server sees of either."""

import json
import re

import pytest
from support.scripted import Script, serving

ROLE = {"Code": "Success", "AccessKeyId": "OF-THE-ROLE", "SecretAccessKey": "s", "Token": "t",
        "Expiration": "2099-01-01T00:00:00Z"}  # fmt: skip
DENIED = b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
ROLES = "/latest/meta-data/iam/security-credentials/"


class Server(Script):
    """An S3 server that denies everything, and an instance's metadata service; notes the key ids."""

    def do_PUT(self):
        self.answer(200, b"token", X_aws_ec2_metadata_token_ttl_seconds="600")

    def do_GET(self):
        if self.path.startswith(ROLES):
            return self.answer(200, json.dumps(ROLE).encode() if self.path != ROLES else b"role")
        self.server.seen.append(re.search(r"Credential=([^/]*)/", self.headers["Authorization"])[1])
        self.answer(403, DENIED)

    do_HEAD = do_GET


@pytest.fixture
def server():
    with serving(Server, seen=[]) as server:
        yield server


@pytest.fixture
def key_seen(tool, server, folder):
    """key_seen(options, variables) is the key id that the server is shown."""
    def run(*options, **variables):
        server.seen.clear()
        wal_e = tool.with_environment(
            WALE_S3_PREFIX="s3://bucket/x", WALE_S3_ENDPOINT=server.url.replace("http:", "http+path:"),
            AWS_REGION="us-east-1", AWS_EC2_METADATA_SERVICE_ENDPOINT=server.url, WALE_RETRIES="1",
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
