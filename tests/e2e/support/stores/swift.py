"""Swift: OpenStack Swift by its own protocol, with tempauth (version 1 of the identity service)."""

import itertools
import re
import urllib.error
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

from support.s3.swift import Swift as Server  # noqa: F401

LARGE = 6 << 20  # docs/format.md
WRITERS = 8

numbers = itertools.count(1)


def new_store(server, **options):
    container = f"native-{next(numbers)}"
    server.make_bucket(container)
    return SwiftStore(server, container, **options)


class SwiftStore:
    """`login` is what wal-e is told to sign in with, if not what the server says."""

    def __init__(self, server, container, prefix="main", login=None, **more):
        self.server, self.container, self.prefix = server, container, prefix
        self.login = login or server.login()
        self.more = more

    @property
    def url(self):
        return f"swift://{self.container}/{self.prefix}"

    @property
    def missing_url(self):
        """A prefix in a container that does not exist."""
        return f"swift://no-such-{self.container}/{self.prefix}"

    @property
    def server_url(self):
        return self.server.url

    def environment(self):
        return {"WALE_SWIFT_PREFIX": self.url, **self.login, **self.more}

    def at(self, endpoint=None, prefix=None, **more):
        """The same container by another way, or another prefix in it."""
        login = self.server.login(endpoint) if endpoint else self.login
        return SwiftStore(
            self.server, self.container, prefix or self.prefix, login, **{**self.more, **more}
        )

    def wrong(self):
        """{name: (variables, word of the error)} that no command survives."""
        stranger = {"SWIFT_USER": self.server.stranger_id, "SWIFT_PASSWORD": self.server.stranger_secret}
        return {
            "wrong password": ({"SWIFT_PASSWORD": "another"}, "SWIFT_PASSWORD"),
            "no rights": (stranger, "may not do this"),
            "missing container": ({"WALE_SWIFT_PREFIX": self.missing_url}, f"no-such-{self.container}"),
        }

    # -- objects; keys are relative to the prefix

    def request(self, method, name="", query="", data=None, **headers):
        """`name` is the whole name of an object; it begins with a slash."""
        path = f"{self.container}/{urllib.parse.quote(name)}" if name else self.container
        return self.server.swift_request(method, path + query, data, **headers)

    def sizes(self, below=""):
        """{key: size}, segments of large objects too."""
        root = f"/{self.prefix}/"
        found = self.server.sizes(self.container, root + below)
        return {name[len(root) :]: size for name, size in found.items()}

    def has(self, key):
        return key in self.sizes(key)

    def read(self, key):
        return self.request("GET", f"/{self.prefix}/{key}")[1]

    def head(self, key):
        return self.request("HEAD", f"/{self.prefix}/{key}")[0]

    def write(self, key, data):
        self.request("PUT", f"/{self.prefix}/{key}", data=data)

    def write_all(self, objects):
        """Stores {key: data}, several at once."""
        with ThreadPoolExecutor(WRITERS) as writers:
            list(writers.map(lambda item: self.write(*item), objects.items()))

    def remove(self, key):
        slo = "X-Static-Large-Object" in self.head(key)
        self.request("DELETE", f"/{self.prefix}/{key}", "?multipart-manifest=delete" if slo else "")

    def uploads(self):
        """(key, upload) of the segments that belong to no object."""
        parts = (re.fullmatch(r"segments_005/(.+)/([^/]+)/\d{8}", k) for k in self.sizes("segments_005/"))
        return sorted({part.groups() for part in parts if part and not self.is_owned(*part.groups())})

    def is_owned(self, key, upload):
        try:
            return self.head(key).get("X-Object-Meta-Wale-Upload") == upload
        except urllib.error.HTTPError as error:
            assert error.code == 404
            return False

    # -- the archive

    def segments(self):
        keys = (re.fullmatch("wal_005/([0-9A-F]{24}).lzo", key) for key in self.sizes("wal_005/"))
        return sorted(key.group(1) for key in keys if key)

    def backups(self):
        suffix = "_backup_stop_sentinel.json"
        keys = (key.partition("/")[2] for key in self.sizes("basebackups_005/") if key.endswith(suffix))
        return sorted(key[: -len(suffix)] for key in keys)
