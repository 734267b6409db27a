"""OpenStack Swift, from Debian's packages, with its S3 layer (s3api): real SigV4, multipart, listings.

All on loopback, as the calling user, below one folder, which must be on a file system with extended
attributes. One proxy for http, and one for https once that is asked for. Users are tempauth's: their
S3 key id is `account:user`.

What it lacks: If-None-Match and server-side encryption are answered 501; session tokens are ignored.
"""

import json
import os
import pwd
import socket
import ssl
import urllib.parse
import urllib.request
from pathlib import Path

from support.s3 import certificates
from support.stores.keystone import Keystone
from support.s3.process import DEADLINE, HOST, Process, answers, free_port, listens

PYTHON = "/usr/bin/python3"  # Debian's, which has Swift's packages
LAUNCHER = Path(__file__).with_name("processes") / "swift_launcher.py"

SWIFT_CONF = """\
[swift-hash]
swift_hash_path_suffix = suffix
swift_hash_path_prefix = prefix
[storage-policy:0]
name = Policy-0
default = yes
"""

COMMON = """\
[DEFAULT]
swift_dir = {etc}
user = {user}
bind_ip = {host}
bind_port = {port}
devices = {data}
mount_check = false
disable_fallocate = true
workers = 0
log_level = {level}
# Not into the syslog of this machine; a copy goes to the log beside the process anyway.
log_udp_host = {host}
log_udp_port = 9
# On a busy machine a second is soon over; what is given up stays missing in the listings.
node_timeout = 60
conn_timeout = 60
client_timeout = 60
container_update_timeout = 60
error_suppression_limit = 1000000
"""

STORAGE = """\
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
replication_server = false
"""

PROXY = """\
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck proxy-logging cache listing_formats bulk {users} \
copy slo dlo versioned_writes symlink proxy-logging proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:tokens]
paste.filter_factory = expiring_tokens:filter_factory
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
user_test_stranger = nothing
user_test_marked = s3cr3t-correct-horse .admin
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:cache]
use = egg:swift#memcache
memcache_servers = {host}:{memcached}
connect_timeout = 60
pool_timeout = 60
io_timeout = 60
"""

KEYSTONE_USERS = """\
[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
www_authenticate_uri = {url}
auth_url = {url}
auth_type = password
project_domain_id = default
user_domain_id = default
project_name = service
username = swift
password = swift
delay_auth_decision = true
cache = swift.cache
include_service_catalog = false
[filter:keystoneauth]
use = egg:swift#keystoneauth
operator_roles = member
"""

FILTERS = ("catch_errors", "gatekeeper", "healthcheck", "proxy-logging", "listing_formats", "bulk",
           "copy", "slo", "dlo", "versioned_writes", "symlink")  # fmt: skip


class Swift:
    region = "us-east-1"
    key_id, secret = "test:tester", "testing"
    stranger_id, stranger_secret = "test:stranger", "nothing"  # may sign in, and nothing else

    def __init__(self, folder):
        self.folder, self.etc = folder, folder / "etc"
        self.ports = {n: free_port() for n in ("memcached", "account", "container", "object", "proxy")}
        self.processes = []
        self.tls_url = None
        self.url = f"http://{HOST}:{self.ports['proxy']}"
        self.ca_file = folder / "tls/ca.pem"
        self.token = None

    def start(self):
        self.etc.mkdir(parents=True)
        (self.folder / "log").mkdir()
        (self.etc / "swift.conf").write_text(SWIFT_CONF)
        storage = ("account", "container", "object")
        for kind in storage:
            self.configure(kind, STORAGE.format(kind=kind))
        self.configure("proxy", self.proxy_configuration())
        pairs = [f"{kind}={self.ports[kind]}" for kind in storage]
        rings = self.spawn("rings", PYTHON, LAUNCHER, self.etc, "rings", self.folder / "data", *pairs)
        self.spawn("memcached", "memcached", "-u", self.user(), "-l", HOST, "-U", "0", "-m", "32",
                   "-p", self.ports["memcached"])  # fmt: skip
        if rings.process.wait(DEADLINE) != 0:
            raise RuntimeError(rings.log.read_text())
        servers = [self.serve(kind) for kind in (*storage, "proxy")]
        for kind, server in zip(storage, servers):
            server.wait(lambda kind=kind: listens(self.ports[kind]), f"Swift's {kind} server")
        servers[-1].wait(lambda: answers(f"{self.url}/healthcheck"), "Swift's proxy server")
        return self

    def start_tls(self):
        """The same objects over https; its certificate is of our own authority, in ca_file."""
        if not self.tls_url:
            certificates.make(self.ca_file.parent)
            self.ports["proxy-tls"] = free_port()
            pair = {"cert_file": "cert.pem", "key_file": "key.pem"}
            lines = "".join(f"{k} = {self.ca_file.parent / v}\n" for k, v in pair.items())
            self.configure("proxy-tls", lines + self.proxy_configuration())
            url = f"https://localhost:{self.ports['proxy-tls']}"
            context = ssl.create_default_context(cafile=self.ca_file)
            server = self.serve("proxy-tls")
            server.wait(lambda: answers(f"{url}/healthcheck", context), "Swift's proxy for https")
            self.tls_url = url
        return self

    def stop(self):
        for process in reversed(self.processes):
            process.stop()
        self.processes = []

    @staticmethod
    def user():
        return pwd.getpwuid(os.geteuid()).pw_name

    def start_keystone(self, kind=Keystone, **options):
        """The same storage with Keystone's users, at another proxy; their accounts are their own."""
        keystone = kind(self.folder / f"keystone-{len(self.ports)}", **options)
        name = f"proxy-{keystone.folder.name}"
        port = self.ports[name] = free_port()
        url = f"http://{HOST}:{port}"
        self.processes.append(keystone.start(f"{url}/v1/AUTH_%(project_id)s"))
        users = KEYSTONE_USERS.format(url=keystone.url)
        self.configure(name, self.proxy_configuration("authtoken keystoneauth") + users)
        server = self.serve(name)
        server.wait(lambda: answers(f"{url}/healthcheck"), "Swift's proxy for Keystone's users")
        return keystone

    def proxy_configuration(self, users="tokens s3api tempauth"):
        filters = "".join(
            f"[filter:{name}]\nuse = egg:swift#{name.replace('-', '_')}\n" for name in FILTERS
        )
        return PROXY.format(host=HOST, memcached=self.ports["memcached"], users=users) + filters

    def configure(self, name, text):
        level = "INFO" if name.startswith("proxy") else "WARNING"
        common = COMMON.format(etc=self.etc, user=self.user(), host=HOST, port=self.ports[name],
                               data=self.folder / "data", level=level)  # fmt: skip
        (self.etc / f"{name}.conf").write_text(common + text)

    def serve(self, name):
        kind = "proxy-server" if name.startswith("proxy") else f"{name}-server"
        return self.spawn(name, PYTHON, LAUNCHER, self.etc, kind, self.etc / f"{name}.conf")

    def spawn(self, name, *command):
        process = Process(command, self.folder / f"log/{name}.log")
        self.processes.append(process)
        return process

    # -- Swift's own protocol, which needs no library

    def login(self, endpoint=None):
        """The variables of wal-e that sign in here; `endpoint` is another way to the same server."""
        return {
            "SWIFT_AUTHURL": f"{endpoint or self.url}/auth/v1.0",
            "SWIFT_AUTH_VERSION": "1",
            "SWIFT_USER": self.key_id,
            "SWIFT_PASSWORD": self.secret,
        }

    def sign_in(self):
        """(token, storage URL)"""
        head = {"X-Auth-User": self.key_id, "X-Auth-Key": self.secret}
        request = urllib.request.Request(f"{self.url}/auth/v1.0", headers=head)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.headers["X-Auth-Token"], answer.headers["X-Storage-Url"]

    def swift_request(self, method, path, data=None, **headers):
        """(headers, body) of a request below the account."""
        if not self.token:
            self.token, self.storage_url = self.sign_in()
        url = f"{self.storage_url}/{path}"
        headers = {"X-Auth-Token": self.token, **headers}
        request = urllib.request.Request(url, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.headers, answer.read()

    def forget_tokens(self):
        """Those of tempauth, which are in memcached only."""
        with socket.create_connection((HOST, self.ports["memcached"]), timeout=60) as memcached:
            memcached.sendall(b"flush_all\r\n")
            assert memcached.recv(16) == b"OK\r\n"

    def make_bucket(self, bucket):
        self.swift_request("PUT", bucket)

    def sizes(self, bucket, prefix=""):
        """{key: size} of all objects whose keys begin so."""
        found, marker = {}, ""
        while True:
            query = urllib.parse.urlencode({"format": "json", "prefix": prefix, "marker": marker})
            page = json.loads(self.swift_request("GET", f"{bucket}?{query}")[1])
            if not page:
                return found
            found.update((entry["name"], entry["bytes"]) for entry in page)
            marker = page[-1]["name"]


class KeystoneSwift(Swift):
    """The same server as seen by a user of Keystone."""

    def __init__(self, swift, keystone):
        self.keystone, self.url, self.token = keystone, swift.url, None

    def login(self, endpoint=None):
        return self.keystone.environment()

    def sign_in(self):
        token, document = self.keystone.sign_in(
            self.keystone.user, self.keystone.password, self.keystone.project
        )
        (service,) = (s for s in document["catalog"] if s["type"] == "object-store")
        urls = (e["url"] for e in service["endpoints"] if e["region"] == self.keystone.region)
        return token, next(urls)
