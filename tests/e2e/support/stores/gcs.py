"""fake-gcs-server, which speaks Google Cloud Storage's JSON API, and archives on it.

In memory: its other backend knows no names that begin with a slash. It believes everybody; a front of
ours hands out tokens for the signature of a service account's key, and lets nobody pass without one.
"""

import itertools
import json
import os
import re
import subprocess
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from support.s3.process import HOST, Process, answers, free_port

FRONT = Path(__file__).with_name("processes") / "google_front.py"
LARGE = 6 << 20  # docs/format.md
WRITERS = 8
ACCOUNT = "archiver@tests.iam.gserviceaccount.com"
TOKEN_MARK = "ya29."  # how every token begins
USER_CLIENT = {
    "client_id": "tests",
    "client_secret": "s3cr3t-of-the-client",
    "refresh_token": "1//s3cr3t-for-refreshing",
}
USES = 5  # requests that a token of the front is good for

numbers = itertools.count(1)


def new_store(server):
    """In a bucket of its own."""
    bucket = f"bucket-{next(numbers)}"
    server.make_bucket(bucket)
    return GcsStore(server, bucket)


class Server:
    def __init__(self, folder):
        self.folder = folder
        self.port, self.front_port = free_port(), free_port()
        self.url = f"http://{HOST}:{self.port}"
        self.front_url = f"http://{HOST}:{self.front_port}"
        self.processes = []

    def start(self):
        self.folder.mkdir(parents=True)
        program = Path(os.environ["WALE_TEST_SCRATCH"]) / "fake-gcs-server"
        server = self.spawn(
            "server", program, "-backend", "memory", "-scheme", "http", "-host", HOST, "-port", self.port,
            "-external-url", self.url, "-public-host", f"{HOST}:{self.port}", "-log-level", "warn",
        )  # fmt: skip
        for name in ("good", "wrong"):
            make_key(self.folder, name, f"{self.front_url}/token")
        front = self.spawn(
            "front", "/usr/bin/python3", FRONT, self.front_port, self.url, self.folder / "good.pub", ACCOUNT, USES,
            json.dumps(USER_CLIENT),
        )  # fmt: skip
        server.wait(lambda: answers(f"{self.url}/storage/v1/b?project=tests"), "fake-gcs-server")
        front.wait(lambda: answers(f"{self.front_url}/token"), "the front of fake-gcs-server")
        return self

    def stop(self):
        for process in reversed(self.processes):
            process.stop()
        self.processes = []

    def spawn(self, name, *command):
        process = Process(command, self.folder / f"{name}.log")
        self.processes.append(process)
        return process

    # -- the JSON API

    def call(self, method, path, data=None, content_type="application/json"):
        """(headers, body) of a request."""
        head = {"Content-Type": content_type} if data is not None else {}
        request = urllib.request.Request(f"{self.url}/{path}", method=method, data=data, headers=head)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.headers, answer.read()

    def make_bucket(self, bucket):
        self.call("POST", "storage/v1/b?project=tests", json.dumps({"name": bucket}).encode())

    def sizes(self, bucket, prefix=""):
        """{name: size} of all objects whose names begin so."""
        found, token = {}, ""
        while True:
            query = {"prefix": prefix, "maxResults": 1000, **({"pageToken": token} if token else {})}
            page = json.loads(self.call("GET", f"storage/v1/b/{bucket}/o?{urllib.parse.urlencode(query)}")[1])
            found.update((o["name"], int(o["size"])) for o in page.get("items") or ())
            token = page.get("nextPageToken")
            if not token:
                return found


def make_key(folder, name, token_url):
    """NAME.json, a service account's key file, and NAME.pub, its public key."""
    pem = folder / f"{name}.pem"
    for command in (
        ["genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", pem],
        ["pkey", "-in", pem, "-pubout", "-out", folder / f"{name}.pub"],
    ):
        subprocess.run(["openssl", *command], stdin=subprocess.DEVNULL, capture_output=True, check=True)
    key = {
        "type": "service_account",
        "project_id": "tests",
        "private_key_id": name,
        "private_key": pem.read_text(),
        "client_email": ACCOUNT,
        "token_uri": token_url,
    }
    (folder / f"{name}.json").write_text(json.dumps(key))


class GcsStore:
    """Like support.s3.store.S3Store. `endpoint` and `more` are for the program."""

    def __init__(self, server, bucket, prefix="main", endpoint=None, **more):
        self.server, self.bucket, self.prefix = server, bucket, prefix
        self.endpoint = endpoint or server.url
        self.more = more

    @property
    def url(self):
        return f"gs://{self.bucket}/{self.prefix}"

    @property
    def missing_url(self):
        """A prefix in a bucket that does not exist."""
        return f"gs://no-such-{self.bucket}/{self.prefix}"

    def environment(self):
        return {"WALE_GS_PREFIX": self.url, "STORAGE_EMULATOR_HOST": self.endpoint, **self.more}

    def signed_in(self, key="good"):
        """The same through the front, with a service account's key."""
        return self.at(
            STORAGE_EMULATOR_HOST="",
            WALE_GS_ENDPOINT=self.server.front_url,
            GOOGLE_APPLICATION_CREDENTIALS=str(self.server.folder / f"{key}.json"),
        )

    @property
    def server_url(self):
        return self.server.url

    def wrong(self):
        """{name: (variables, word of the error)} that no command survives."""
        return {
            "wrong key": (self.signed_in("wrong").environment(), "invalid_grant"),
            "missing container": ({"WALE_GS_PREFIX": self.missing_url}, f"no-such-{self.bucket}"),
        }

    def at(self, endpoint=None, prefix=None, **more):
        """The same bucket by another way, or another prefix in it."""
        return GcsStore(
            self.server, self.bucket, prefix or self.prefix, endpoint or self.endpoint,
            **{**self.more, **more},
        )  # fmt: skip

    # -- objects; keys are relative to the prefix

    def path(self, key):
        """WAL-E's names begin with a slash."""
        return urllib.parse.quote(f"/{self.prefix}/{key}", safe="")

    def sizes(self, below=""):
        """{key: size}"""
        skip = len(self.prefix) + 2
        found = self.server.sizes(self.bucket, f"/{self.prefix}/{below}")
        return {name[skip:]: size for name, size in found.items()}

    def has(self, key):
        return key in self.sizes(key)

    def read(self, key):
        return self.server.call("GET", f"storage/v1/b/{self.bucket}/o/{self.path(key)}?alt=media")[1]

    def head(self, key):
        """The object's resource; its metadata is ["metadata"]."""
        return json.loads(self.server.call("GET", f"storage/v1/b/{self.bucket}/o/{self.path(key)}")[1])

    def write(self, key, data):
        self.server.call(
            "POST", f"upload/storage/v1/b/{self.bucket}/o?uploadType=media&name={self.path(key)}", data,
            "application/octet-stream",
        )  # fmt: skip

    def write_all(self, objects):
        """Stores {key: data}, several at once."""
        with ThreadPoolExecutor(WRITERS) as writers:
            list(writers.map(lambda item: self.write(*item), objects.items()))

    def remove(self, key):
        self.server.call("DELETE", f"storage/v1/b/{self.bucket}/o/{self.path(key)}")

    def uploads(self):
        """Nobody can list the sessions of uploads that have not ended."""
        return []

    # -- the archive

    def segments(self):
        keys = (re.fullmatch("wal_005/([0-9A-F]{24}).lzo", key) for key in self.sizes("wal_005/"))
        return sorted(key.group(1) for key in keys if key)

    def backups(self):
        suffix = "_backup_stop_sentinel.json"
        keys = (key.partition("/")[2] for key in self.sizes("basebackups_005/") if key.endswith(suffix))
        return sorted(key[: -len(suffix)] for key in keys)
