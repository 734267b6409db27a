"""OpenStack Keystone from Debian's packages (identity API v3), and identity services of version 2.0.

Keystone 12 was the last one with version 2.0, and needs a Python 2.7, which few machines have. So there
is a small script too, which answers in its stead and hands out tokens of the Swift behind it.
"""

import contextlib
import json
import os
import secrets
import shutil
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from support.install import keystone_12_environment
from support.s3.process import HOST, Process, answers, free_port

PYTHON = "/usr/bin/python3"  # Debian's, which has Keystone's packages
LAUNCHER = Path(__file__).with_name("processes") / "keystone_launcher.py"

CONF = """\
[DEFAULT]
log_file = {folder}/log/keystone.log
[database]
connection = sqlite:///{folder}/keystone.db
[token]
expiration = {token_life}
[fernet_tokens]
key_repository = {folder}/fernet
[fernet_receipts]
key_repository = {folder}/fernet
[credential]
key_repository = {folder}/credential
[cache]
backend = dogpile.cache.memory_pickle
[identity]
password_hash_rounds = 4
"""

# Keystone 12: its version 2.0 changes objects that are in the cache, and fails when it meets them again.
CONF_12 = CONF.replace("[cache]\n", "[cache]\nenabled = false\n") + """\
[paste_deploy]
config_file = {folder}/paste.ini
"""
FILTERS_12 = ("url_normalize", "build_auth_context", "token_auth", "json_body")
PASTE_12 = "".join(f"[filter:{name}]\nuse = egg:keystone#{name}\n" for name in FILTERS_12) + f"""\
[pipeline:v2]
pipeline = {" ".join(FILTERS_12)} v2_app
[app:v2_app]
use = egg:keystone#public_service
[pipeline:v3]
pipeline = {" ".join(FILTERS_12)} v3_app
[app:v3_app]
use = egg:keystone#service_v3
[app:versions]
use = egg:keystone#public_version_service
[composite:main]
use = egg:Paste#urlmap
/v2.0 = v2
/v3 = v3
/ = versions
"""


def ask(method, url, body=None, **headers):
    """(headers, document) of a JSON request."""
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(
        url, data, {"Content-Type": "application/json", **headers}, method=method
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        content = answer.read()
        return answer.headers, json.loads(content) if content else None


class Keystone:
    """User `demo` is a member of project `demo`, both in domain `Default`; the catalogue of `region`
    has the object store, that of `elsewhere` one that is not there."""

    configuration_text = CONF
    region, user, password, project = "RegionOne", "demo", "demo pässword", "demo"

    def __init__(self, folder, token_life=3600):
        self.folder, self.token_life = folder, token_life
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"
        self.log = folder / f"log/server-{self.port}.log"
        self.process = None
        self.token = None

    def start(self, object_store):
        """`object_store` is the storage URL, with %(project_id)s."""
        (self.folder / "log").mkdir(parents=True)
        for keys in ("fernet", "credential"):
            (self.folder / keys).mkdir(mode=0o700)
        self.launch()
        self.seed(object_store)
        return self

    def launch(self):
        configuration = self.folder / f"keystone-{self.port}.conf"
        configuration.write_text(self.configuration_text.format(folder=self.folder, token_life=self.token_life))
        self.process = self.spawn(LAUNCHER, configuration, HOST, self.port)
        self.process.wait(lambda: answers(f"{self.url}/v3"), "Keystone")

    def spawn(self, *command):
        return Process((PYTHON, *command), self.log)

    @contextlib.contextmanager
    def beside(self, token_life):
        """Another one with the same users, whose tokens end sooner; each takes those of the other."""
        other = type(self)(self.folder, token_life)
        try:
            other.launch()
            yield other
        finally:
            other.stop()

    def signed_in(self):
        """How many times somebody has."""
        return self.log.read_text().count('tokens HTTP/1.1" 20')

    def stop(self):
        if self.process:
            self.process.stop()

    def sign_in(self, user, password, project):
        """(token, document)"""
        domain = {"domain": {"id": "default"}}
        identity = {"methods": ["password"],
                    "password": {"user": {"name": user, "password": password, **domain}}}  # fmt: skip
        auth = {"identity": identity, "scope": {"project": {"name": project, **domain}}}
        head, document = ask("POST", f"{self.url}/v3/auth/tokens", {"auth": auth})
        return head["X-Subject-Token"], document["token"]

    def seed(self, object_store):
        token, mine = self.sign_in("admin", "admin", "admin")
        self.token = token

        def api(method, path, body=None):
            return ask(method, f"{self.url}/v3/{path}", body, **{"X-Auth-Token": token})[1]

        roles = {role["name"]: role["id"] for role in api("GET", "roles")["roles"]}
        if "member" not in roles:
            roles["member"] = api("POST", "roles", {"role": {"name": "member"}})["role"]["id"]
        people = ((self.user, self.password, self.project, "member"),
                  ("swift", "swift", "service", "admin"))  # fmt: skip
        for user, password, project, role in people:
            its = api("POST", "projects", {"project": {"name": project, "domain_id": "default"}})["project"]
            account = {"name": user, "password": password, "domain_id": "default",
                       "default_project_id": its["id"]}  # fmt: skip
            who = api("POST", "users", {"user": account})["user"]
            api("PUT", f"projects/{its['id']}/users/{who['id']}/roles/{roles[role]}")
            if user == self.user:
                self.project_id, self.user_id = its["id"], who["id"]
        service = api("POST", "services", {"service": {"type": "object-store", "name": "swift"}})
        nowhere = f"http://{HOST}:9/v1/AUTH_%(project_id)s"
        for region, public, internal in (("elsewhere", nowhere, nowhere), (self.region, object_store, object_store)):
            for interface, url in (("public", public), ("internal", internal)):
                endpoint = {"service_id": service["service"]["id"], "interface": interface,
                            "region": region, "url": url}  # fmt: skip
                api("POST", "endpoints", {"endpoint": endpoint})

    def application_credential(self):
        """(id, secret) of a new one."""
        token, _ = self.sign_in(self.user, self.password, self.project)
        url = f"{self.url}/v3/users/{self.user_id}/application_credentials"
        wanted = {"application_credential": {"name": secrets.token_hex(8), "roles": [{"name": "member"}]}}
        _, document = ask("POST", url, wanted, **{"X-Auth-Token": token})
        return document["application_credential"]["id"], document["application_credential"]["secret"]

    def environment(self):
        return {
            "SWIFT_AUTHURL": f"{self.url}/v3",
            "SWIFT_AUTH_VERSION": "3",
            "SWIFT_REGION": self.region,
            "SWIFT_TENANT": self.project,
            "SWIFT_USER": self.user,
            "SWIFT_PASSWORD": self.password,
        }


class Keystone12(Keystone):
    """The last one with version 2.0, which is what it is asked with here; it has version 3 too."""

    configuration_text = CONF_12

    @staticmethod
    def home():
        """Where tests/e2e/run puts it, if it has it."""
        return Path(os.environ["WALE_TEST_SCRATCH"]) / "keystone-12"

    def spawn(self, *command):
        (self.folder / "paste.ini").write_text(PASTE_12)
        home = self.home()
        return Process((home / "bin/python2.7", *command), self.log, env=keystone_12_environment(home))

    def environment(self):
        """Without a version, which is 2 then, as in WAL-E."""
        v2 = {**super().environment(), "SWIFT_AUTHURL": f"{self.url}/v2.0"}
        del v2["SWIFT_AUTH_VERSION"]
        return v2


class IdentityV2:
    """POST /v2.0/tokens, as the Identity API v2.0 has it, in front of a Swift with tempauth."""

    tenant, region = "a tenant", "RegionTwo"

    def __init__(self, swift, user=None, password=None):
        self.swift = swift
        self.user, self.password = user or swift.key_id, password or swift.secret
        self.signed_in = 0
        self.shown_url = None  # the storage URL, if not Swift's own

    def start(self):
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, document = service.answer(self.path, json.loads(body))
                content = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer((HOST, 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://{HOST}:{self.server.server_port}/v2.0"
        return self

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def answer(self, path, request):
        wanted = {
            "auth": {
                "tenantName": self.tenant,
                "passwordCredentials": {"username": self.user, "password": self.password},
            }
        }
        if path != "/v2.0/tokens":
            return 404, {"error": {"code": 404, "title": "Not Found", "message": "no such resource"}}
        if request != wanted:
            return 401, {"error": {"code": 401, "title": "Unauthorized", "message": "Invalid user / password"}}
        self.signed_in += 1
        token, storage_url = self.swift.sign_in()
        storage_url = self.shown_url or storage_url
        nowhere = f"http://{HOST}:9/v1/AUTH_test"
        endpoints = [
            {"region": "elsewhere", "publicURL": nowhere, "internalURL": nowhere, "adminURL": nowhere},
            {"region": self.region, "publicURL": storage_url, "internalURL": nowhere, "adminURL": nowhere},
        ]
        return 200, {
            "access": {
                "token": {"id": token, "expires": "2099-01-01T00:00:00Z", "tenant": {"name": self.tenant}},
                "serviceCatalog": [
                    {"type": "identity", "name": "keystone", "endpoints": endpoints[:1]},
                    {"type": "object-store", "name": "swift", "endpoints": endpoints},
                ],
                "user": {"username": self.user},
            }
        }

    def environment(self):
        return {
            "SWIFT_AUTHURL": self.url,
            "SWIFT_REGION": self.region,
            "SWIFT_TENANT": self.tenant,
            "SWIFT_USER": self.user,
            "SWIFT_PASSWORD": self.password,
        }
