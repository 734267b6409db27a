"""Azure Blob Storage: Azurite, Microsoft's emulator, which judges Shared Key signatures, shared access
signatures and, over https, tokens.

Path style: the account is in the path, so `http://127.0.0.1:PORT/testaccount/container/blob`. Laxer
than Azure: it does not compare clocks, and does not verify who signed a token.
"""

import base64
import hashlib
import hmac
import http.client
import http.server
import itertools
import json
import os
import re
import ssl
import threading
import time
import urllib.parse
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from pathlib import Path

from support import install
from support.s3 import certificates
from support.s3.process import HOST, Process, free_port, listens
from support.scratch import copy_readable

LARGE = 6 << 20  # docs/format.md
VERSION = "2025-11-05"
WRITERS = 8
TOKEN_MARK = "bm9ib2R5LXZlcmlmaWVzLXRoaXM"  # how every token ends
SIGNED = ("content-encoding", "content-language", "content-length", "content-md5", "content-type",
          "date", "if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range")  # fmt: skip

numbers = itertools.count(1)


def provide(scratch):
    """Puts Azurite where Server looks for it; for who may read the cache."""
    copy_readable(install.azurite(), scratch / "azurite")


class Server:
    account = "testaccount"
    key = base64.b64encode(b"a key of the tests, for Azurite!").decode()
    stranger_key = base64.b64encode(b"another key, which nobody knows!").decode()
    scheme, host, options = "http", HOST, ()

    def __init__(self, folder):
        self.folder, self.port, self.process = folder, free_port(), None
        self.url = f"{self.scheme}://{self.host}:{self.port}"
        self.context, self.variables = None, {}

    def start(self):
        (self.folder / "data").mkdir(parents=True)
        main = Path(os.environ["WALE_TEST_SCRATCH"]) / "azurite/node_modules/azurite/dist/src/blob/main.js"
        self.process = Process(
            ["node", main, "--blobHost", HOST, "--blobPort", self.port, "--location", self.folder / "data",
             "--silent", "--disableTelemetry", "--disableProductStyleUrl", *self.options],
            self.folder / "azurite.log",
            env={**os.environ, "AZURITE_ACCOUNTS": f"{self.account}:{self.key}"},
        )  # fmt: skip
        self.process.wait(lambda: listens(self.port), "Azurite")
        return self

    def stop(self):
        if self.process:
            self.process.stop()

    def connect(self):
        if self.scheme == "http":
            return http.client.HTTPConnection(HOST, self.port, timeout=60)
        return http.client.HTTPSConnection(self.host, self.port, timeout=60, context=self.context)


class SecureServer(Server):
    """Over https, and takes tokens. Other objects than those of Server."""

    scheme, host = "https", "localhost"

    def start(self):
        tls = self.folder / "tls"
        certificates.make(tls)
        self.context = ssl.create_default_context(cafile=tls / "ca.pem")
        self.variables = {"WALE_CA_FILE": str(tls / "ca.pem")}
        self.options = ("--oauth", "basic", "--cert", tls / "cert.pem", "--key", tls / "key.pem")
        return super().start()


def mac(key, text):
    return base64.b64encode(hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()).decode()


class Client:
    """Requests below the account, signed as "Authorize with Shared Key" says."""

    def __init__(self, server):
        self.server, self.own = server, threading.local()

    def request(self, method, path, query=None, headers=None, body=b""):
        """(headers, body) of the answer."""
        server, query = self.server, query or {}
        path = f"/{server.account}/{urllib.parse.quote(path)}"
        head = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": VERSION, **(headers or {})}
        if method == "PUT":
            head["Content-Length"] = str(len(body))
        low = {name.lower(): value for name, value in head.items()}
        if low.get("content-length") == "0":
            low["content-length"] = ""
        lines = [method, *(low.get(name, "") for name in SIGNED)]
        lines += [f"{name}:{low[name]}" for name in sorted(low) if name.startswith("x-ms-")]
        lines += [f"/{server.account}{path}", *(f"{name}:{query[name]}" for name in sorted(query))]
        head["Authorization"] = f"SharedKey {server.account}:{mac(server.key, chr(10).join(lines))}"
        target = path + ("?" + urllib.parse.urlencode(query, quote_via=urllib.parse.quote) if query else "")
        for last in (False, True):
            connection = getattr(self.own, "connection", None)
            if not connection:
                connection = self.own.connection = server.connect()
            try:
                connection.request(method, target, body, head)
                answer = connection.getresponse()
                content = answer.read()
                break
            except (http.client.HTTPException, OSError):  # Azurite closes what is idle for 5 s
                connection.close()
                self.own.connection = None
                if last:
                    raise
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {answer.reason}: {content[:500]}")
        return answer.headers, content


def shared_access_signature(server, container, permissions="rcwdl", seconds=3600):
    """A service SAS of a container ("Create a service SAS", version 2020-12-06 and later)."""
    expiry = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))
    signed = {"sp": permissions, "se": expiry, "sv": VERSION, "sr": "c"}
    resource = f"/blob/{server.account}/{container}"
    text = "\n".join([permissions, "", expiry, resource, "", "", "", VERSION, "c", "", "", "", "", "", "", ""])
    return urllib.parse.urlencode({**signed, "sig": mac(server.key, text)})


def token(seconds=3600):
    """A token whose claims are right for storage; nobody verifies its signature."""

    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    now = int(time.time())
    claims = {"iss": "https://sts.windows.net/tests/", "aud": "https://storage.azure.com",
              "nbf": now - 60, "iat": now - 60, "exp": now + seconds}  # fmt: skip
    return ".".join([part({"alg": "RS256", "typ": "JWT"}), part(claims), TOKEN_MARK])


class Identities:
    """The services that hand out tokens: a machine's metadata service over http, Microsoft Entra ID
    over https. Both as strict about their requests as the documents are."""

    TENANT, CLIENT, ASSERTION = "the-tenant", "the-client", "token.of.the-platform"

    def __init__(self, folder, seconds=3600):
        self.folder, self.seconds, self.asked, self.servers = folder, seconds, 0, []

    def __enter__(self):
        certificates.make(self.folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "cert.pem", self.folder / "key.pem")
        (self.folder / "assertion").write_text(self.ASSERTION + "\n")
        self.metadata_url = f"http://{HOST}:{self.serve(None)}"
        self.authority_url = f"https://localhost:{self.serve(context)}"
        return self

    def __exit__(self, *_):
        for server in self.servers:
            server.shutdown()
            server.server_close()

    def serve(self, context):
        identities = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                path, _, query = self.path.partition("?")
                fields = dict(urllib.parse.parse_qsl(query))
                right = (
                    path == "/metadata/identity/oauth2/token"
                    and self.headers["Metadata"] == "true"
                    and fields == {"api-version": "2018-02-01", "resource": "https://storage.azure.com/"}
                )
                identities.answer(self, right)

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                fields = dict(urllib.parse.parse_qsl(body))
                identities.answer(self, self.path == f"/{identities.TENANT}/oauth2/v2.0/token" and fields == {
                    "grant_type": "client_credentials",
                    "scope": "https://storage.azure.com/.default",
                    "client_id": identities.CLIENT,
                    "client_assertion": identities.ASSERTION,
                    "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                })  # fmt: skip

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer((HOST, 0), Handler)
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.servers.append(server)
        return server.server_address[1]

    def answer(self, handler, right):
        self.asked += 1
        given = {"access_token": token(self.seconds), "expires_in": str(self.seconds), "token_type": "Bearer"}
        body = json.dumps(given if right else {"error": "invalid_request"}).encode()
        handler.send_response(200 if right else 400)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def machine(self):
        """The variables of wal-e on a machine with an identity."""
        return {
            "WABS_ACCESS_KEY": "",
            "WALE_WABS_MANAGED_IDENTITY": "1",
            "AZURE_POD_IDENTITY_AUTHORITY_HOST": self.metadata_url,
        }

    def workload(self, server):
        """The same in a container of Kubernetes; wal-e has to trust both authorities."""
        both = self.folder / "both.pem"
        own = (self.folder / "ca.pem").read_text()
        both.write_text(own + Path(server.variables["WALE_CA_FILE"]).read_text())
        return {
            "WABS_ACCESS_KEY": "",
            "WALE_CA_FILE": str(both),
            "AZURE_FEDERATED_TOKEN_FILE": str(self.folder / "assertion"),
            "AZURE_CLIENT_ID": self.CLIENT,
            "AZURE_TENANT_ID": self.TENANT,
            "AZURE_AUTHORITY_HOST": self.authority_url,
        }


class AzureStore:
    """`endpoint` and `more` are for the program; we look past a proxy."""

    def __init__(self, server, client, container, prefix="main", endpoint=None, **more):
        self.server, self.client, self.container, self.prefix = server, client, container, prefix
        self.endpoint, self.more = endpoint or server.url, more

    @property
    def url(self):
        return f"wabs://{self.container}/{self.prefix}"

    @property
    def missing_url(self):
        return f"wabs://no-such-{self.container}/{self.prefix}"

    @property
    def server_url(self):
        return self.server.url

    def environment(self):
        return {
            "WALE_WABS_PREFIX": self.url,
            "WALE_WABS_ENDPOINT": f"{self.endpoint}/{self.server.account}",
            "WABS_ACCOUNT_NAME": self.server.account,
            "WABS_ACCESS_KEY": self.server.key,
            **self.server.variables,
            **self.more,
        }

    def at(self, endpoint=None, prefix=None, **more):
        """The same container by another way, or another prefix in it."""
        return AzureStore(
            self.server, self.client, self.container, prefix or self.prefix, endpoint or self.endpoint,
            **{**self.more, **more},
        )  # fmt: skip

    def wrong(self):
        """{name: (variables, word of the error)}"""
        expired = shared_access_signature(self.server, self.container, seconds=-3600)
        return {
            "wrong key": ({"WABS_ACCESS_KEY": self.server.stranger_key}, "AuthorizationFailure"),
            "expired signature": ({"WABS_ACCESS_KEY": "", "WABS_SAS_TOKEN": expired}, "AuthorizationFailure"),
            "missing container": ({"WALE_WABS_PREFIX": self.missing_url}, "ContainerNotFound"),
        }

    # -- objects; keys are relative to the prefix

    def names(self, below, **parameters):
        """{name in the container: size}"""
        found, marker = {}, ""
        while True:
            query = {"restype": "container", "comp": "list", "prefix": below, "marker": marker, **parameters}
            page = ElementTree.fromstring(self.client.request("GET", self.container, query)[1].decode("utf-8-sig"))
            for blob in page.iterfind("Blobs/Blob"):
                found[blob.findtext("Name")] = int(blob.findtext("Properties/Content-Length") or 0)
            marker = page.findtext("NextMarker")
            if not marker:
                return found

    def sizes(self, below=""):
        """{key: size}"""
        skip = len(self.prefix) + 1
        return {name[skip:]: size for name, size in self.names(f"{self.prefix}/{below}").items()}

    def path(self, key):
        return f"{self.container}/{self.prefix}/{key}"

    def has(self, key):
        return key in self.sizes(key)

    def read(self, key):
        return self.client.request("GET", self.path(key))[1]

    def head(self, key):
        return self.client.request("HEAD", self.path(key))[0]

    def write(self, key, data):
        self.client.request("PUT", self.path(key), headers={"x-ms-blob-type": "BlockBlob"}, body=data)

    def write_all(self, objects):
        """Stores {key: data}, several at once."""
        with ThreadPoolExecutor(WRITERS) as writers:
            list(writers.map(lambda item: self.write(*item), objects.items()))

    def remove(self, key):
        self.client.request("DELETE", self.path(key))

    def uploads(self):
        """Names that have blocks and no blob."""
        below = f"{self.prefix}/"
        return sorted(set(self.names(below, include="uncommittedblobs")) - set(self.names(below)))

    # -- the archive

    def segments(self):
        keys = (re.fullmatch("wal_005/([0-9A-F]{24}).lzo", key) for key in self.sizes("wal_005/"))
        return sorted(key.group(1) for key in keys if key)

    def backups(self):
        suffix = "_backup_stop_sentinel.json"
        keys = (key.partition("/")[2] for key in self.sizes("basebackups_005/") if key.endswith(suffix))
        return sorted(key[: -len(suffix)] for key in keys)


def new_store(server, **more):
    client, container = Client(server), f"store-{next(numbers)}"
    client.request("PUT", container, {"restype": "container"})
    return AzureStore(server, client, container, **more)
