"""Where secrets are told to wal-e, store by store.

A slot is made with a site (what there is of a store's servers), a folder for its files, the URL of the
store and that of what hands out tokens. It returns the variables of wal-e and the secrets themselves:
those that are told and, as far as they are known, those that are handed out for them.
"""

import base64
import http.client
import json
import select
import socket
import urllib.parse

from support.s3.process import HOST
from support.s3.signing_in import ROLE, in_an_hour
from support.scripted import Script
from support.stores import azure
from support.stores.gcs import TOKEN_MARK, USER_CLIENT

SECRET = "s3cr3t-correct-horse"
# And as base64 shows it where it stands alone, or as the password of `user`.
TRACES = [SECRET, *(base64.b64encode(t.encode()).decode()[:24] for t in (SECRET, f"user:{SECRET}"))]


def base64_of(text):
    return base64.b64encode(text.encode()).decode()


# -- proxies


def with_user(url):
    return url.replace("://", f"://user:{SECRET}@")


class Gate(Script):
    """A proxy that lets through who has that user's password."""

    def is_refused(self):
        if self.headers["Proxy-Authorization"] == f"Basic {base64_of(f'user:{SECRET}')}":
            self.server.passed += 1
            return False
        self.answer(407, Proxy_Authenticate="Basic")
        return True

    def do_CONNECT(self):
        self.close_connection = True
        if self.is_refused():
            return
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((HOST if host == "localhost" else host, int(port))) as server:
            self.send_response(200)
            self.end_headers()
            self.pump({self.connection: server, server: self.connection})

    @staticmethod
    def pump(partners):
        while True:
            for end in select.select(partners, [], [])[0]:
                data = end.recv(1 << 16)
                if not data:
                    return
                partners[end].sendall(data)

    def forward(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.is_refused():
            return
        target = urllib.parse.urlsplit(self.path)
        head = {n: v for n, v in self.headers.items() if n.lower() not in ("proxy-authorization", "expect")}
        server = http.client.HTTPConnection(target.netloc, timeout=60)
        try:
            server.request(self.command, target._replace(scheme="", netloc="").geturl(), body, head)
            answer = server.getresponse()
            content = answer.read()
        except OSError:
            return self.answer(502)
        finally:
            server.close()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                self.send_header(name, value)
        length = answer.headers["Content-Length"] if self.command == "HEAD" else len(content)
        self.send_header("Content-Length", str(length or 0))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = forward


def http_proxy(site, _folder, _url, login):
    return {"HTTP_PROXY": with_user(login or site.gate.url)}, TRACES


# -- S3

NO_KEYS = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}


def profile(folder, text):
    (folder / "config").write_text(text)
    files = {"AWS_CONFIG_FILE": str(folder / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(folder / "none")}
    return {**NO_KEYS, **files, "AWS_PROFILE": "tests"}


def program(folder, ending):
    path = folder / "credentials"
    path.write_text(
        f"#!/bin/sh\ncat <<END\n"
        f'{{"Version": 1, "AccessKeyId": "test:tester", "SecretAccessKey": "{SECRET}",'
        f' "SessionToken": "{SECRET}"{ending}\nEND\n'
    )
    path.chmod(0o755)
    return profile(folder, f"[profile tests]\ncredential_process = {path}\n")


class Vault(Script):
    """Hands out marked keys, which Swift has, for marked words only: the endpoint of a container, the metadata
    of an instance (below /refusing it stops at its token) and STS, which does not judge signatures."""

    CONTAINER, INSTANCE, SOURCE = (f"{SECRET}-of-the-{who}" for who in ("container", "instance", "source"))
    KEYS = {"AccessKeyId": "test:marked", "SecretAccessKey": SECRET}
    ROLES = "/latest/meta-data/iam/security-credentials/"

    def do_GET(self):
        role = self.path == self.ROLES
        if self.path == "/container":
            right = self.headers["Authorization"] == self.CONTAINER
        else:
            right = self.path.startswith(self.ROLES) and self.headers["X-aws-ec2-metadata-token"] == self.INSTANCE
        if not right:
            return self.answer(403, str(self.headers).encode())
        keys = {**self.KEYS, "Code": "Success", "Token": f"{SECRET}-token", "Expiration": in_an_hour()}
        self.answer(200, ROLE.encode() if role else json.dumps(keys).encode())

    def do_PUT(self):
        self.answer(200, self.INSTANCE.encode())

    def do_POST(self):
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        action = dict(urllib.parse.parse_qsl(form))["Action"]
        if (action == "AssumeRole") != (self.headers["X-Amz-Security-Token"] == self.SOURCE):
            return self.answer(403)
        keys = {**self.KEYS, "SessionToken": f"{SECRET}-token", "Expiration": in_an_hour()}
        fields = "".join(f"<{name}>{value}</{name}>" for name, value in keys.items())
        result = f"<{action}Result><Credentials>{fields}</Credentials></{action}Result>"
        self.answer(200, f"<{action}Response>{result}</{action}Response>".encode())


def container(url, **token):
    return {**NO_KEYS, "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{url}/container", **token}


def container_file(folder, url):
    (folder / "token").write_text(Vault.CONTAINER)
    return container(url, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=str(folder / "token"))


def instance(url):
    return {**NO_KEYS, "AWS_INSTANCE_PROFILE": "1", "AWS_EC2_METADATA_SERVICE_ENDPOINT": url}


def role(folder, url):
    text = (
        "[profile tests]\nrole_arn = arn:aws:iam::123456789012:role/tests\nsource_profile = source\n"
        f"[profile source]\naws_access_key_id = source\naws_secret_access_key = {Vault.SOURCE}\n"
        f"aws_session_token = {Vault.SOURCE}\n"
    )
    return {**profile(folder, text), "AWS_ENDPOINT_URL_STS": url}


def web_identity(folder, url):
    (folder / "token").write_text(SECRET)
    return {
        **NO_KEYS,
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(folder / "token"),
        "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/tests",
        "AWS_ENDPOINT_URL_STS": url,
    }


S3_VARIABLES = {
    "secret key": lambda *_: {"AWS_SECRET_ACCESS_KEY": SECRET},
    "session token": lambda *_: {"AWS_SESSION_TOKEN": SECRET},
    "security token": lambda *_: {"AWS_SECURITY_TOKEN": SECRET},
    "profile": lambda folder, _: profile(
        folder, f"[profile tests]\naws_access_key_id = test:tester\naws_secret_access_key = {SECRET}\n"
    ),
    "credential_process": lambda folder, _: program(folder, "}"),
    "broken credential_process": lambda folder, _: program(folder, ""),
    "endpoint": lambda _, url: {"WALE_S3_ENDPOINT": with_user(url).replace("://", "+path://")},
    "endpoint as URL": lambda _, url: {"WALE_S3_ENDPOINT": with_user(url)},
    "proxy that is none": lambda *_: {"HTTP_PROXY": f"http://user:{SECRET}@"},
    "customer's key": lambda *_: {
        "WALE_S3_SSE": "customer",
        "WALE_S3_SSE_CUSTOMER_KEY": base64_of(f"{SECRET}-ofthetests!"),
    },
}


# What hands out keys may be elsewhere than the store.
S3_KEYS_FROM = {
    "container": lambda _, url: container(url, AWS_CONTAINER_AUTHORIZATION_TOKEN=Vault.CONTAINER),
    "container's token in a file": container_file,
    "refusing container": lambda _, url: container(url, AWS_CONTAINER_AUTHORIZATION_TOKEN=SECRET),
    "instance profile": lambda _, url: instance(url),
    "refusing instance profile": lambda _, url: instance(f"{url}/refusing"),
    "role": role,
    "web identity": web_identity,
}


def s3_slot(variables):
    return lambda _site, folder, url, _: (variables(folder, url), TRACES)


def s3_keys_from(variables):
    return lambda site, folder, _url, login: (variables(folder, login or site.vault.url), TRACES)


def s3_https_proxy(site, _folder, url, login):
    """The store speaks http only, so that it is another one's words that come through."""
    secure = site.secure.tls_url if url == site.url else url.replace("http:", "https:")
    return {
        "HTTPS_PROXY": with_user(login or site.gate.url),
        "WALE_S3_ENDPOINT": secure.replace("://", "+path://"),
        "WALE_CA_FILE": str(site.secure.ca_file),
    }, TRACES


S3_ELSEWHERE = {
    **{name: s3_keys_from(variables) for name, variables in S3_KEYS_FROM.items()},
    "http proxy": http_proxy,
    "https proxy": s3_https_proxy,
}
S3 = {**{name: s3_slot(variables) for name, variables in S3_VARIABLES.items()}, **S3_ELSEWHERE}


# -- Azure: by key or signature over http, by tokens over https


def azure_signature(site, *_):
    signature = azure.shared_access_signature(site.server, site.store.container)
    plain = dict(urllib.parse.parse_qsl(signature))["sig"]
    return {"WABS_ACCESS_KEY": "", "WABS_SAS_TOKEN": signature}, [plain, urllib.parse.quote(plain, safe="")]


AZURE = {
    "key": lambda site, *_: ({}, [site.server.key]),
    "wrong key": lambda *_: ({"WABS_ACCESS_KEY": base64_of(SECRET)}, TRACES),
    "key that is none": lambda *_: ({"WABS_ACCESS_KEY": f"{SECRET} {SECRET}"}, TRACES),
    "signature": azure_signature,
    "wrong signature": lambda *_: ({"WABS_ACCESS_KEY": "", "WABS_SAS_TOKEN": f"sp=r&sig={SECRET}"}, TRACES),
    "signature that is none": lambda *_: (
        {"WABS_ACCESS_KEY": "", "WABS_SAS_TOKEN": f"sig={SECRET} x"}, TRACES
    ),
    "proxy": http_proxy,
}


def azure_machine(site, _folder, _url, login):
    host = {"AZURE_POD_IDENTITY_AUTHORITY_HOST": login} if login else {}
    return {**site.identities.machine(), **host}, [azure.TOKEN_MARK]


def azure_workload(site, _folder, _url, login):
    host = {"AZURE_AUTHORITY_HOST": login} if login else {}
    return {**site.identities.workload(site.server), **host}, [azure.TOKEN_MARK, site.identities.ASSERTION]


def azure_proxy(site, folder, url, login):
    variables, secrets = azure_machine(site, folder, url, None)
    return {**variables, "HTTPS_PROXY": with_user(login or site.gate.url)}, [*secrets, *TRACES]


AZURE_TOKENS = {
    "identity of a machine": azure_machine,
    "identity of a workload": azure_workload,
    "proxy": azure_proxy,
}


# -- Swift: tokens of tempauth begin with AUTH_tk, those of Keystone are Fernet's


def with_authentication(variables, login):
    return {**variables, "SWIFT_AUTHURL": f"{login}/v3"} if login else variables


def swift_version_1(site, _folder, _url, login):
    url = {"SWIFT_AUTHURL": f"{login}/auth/v1.0"} if login else {}
    return {"SWIFT_USER": "test:marked", "SWIFT_PASSWORD": SECRET, **url}, [*TRACES, "AUTH_tk"]


def swift_version_2(site, _folder, url, login):
    site.identity_v2.shown_url = f"{url}/v1/AUTH_test" if url != site.server.url else None
    variables = site.identity_v2.environment()
    if login:
        variables["SWIFT_AUTHURL"] = f"{login}/v2.0"
    return {"SWIFT_AUTH_VERSION": None, **variables}, [*TRACES, "AUTH_tk"]


def swift_version_3(site, _folder, _url, login):
    keystone = site.keystone
    return with_authentication(keystone.environment(), login), [keystone.password, "gAAAA"]


def swift_wrong_password(site, _folder, _url, login):
    return with_authentication({**site.keystone.environment(), "SWIFT_PASSWORD": SECRET}, login), TRACES


def swift_application_credential(site, _folder, _url, login):
    identity, secret = site.application_credential
    variables = {
        **site.keystone.environment(),
        **dict.fromkeys(("SWIFT_USER", "SWIFT_PASSWORD", "SWIFT_TENANT")),
        "SWIFT_APPLICATION_CREDENTIAL_ID": identity,
        "SWIFT_APPLICATION_CREDENTIAL_SECRET": secret,
    }
    return with_authentication(variables, login), [secret, "gAAAA"]


SWIFT = {
    "version 1": swift_version_1,
    "version 2": swift_version_2,
    "version 3": swift_version_3,
    "wrong password": swift_wrong_password,
    "application credential": swift_application_credential,
    "proxy": http_proxy,
}


# -- Google Cloud Storage


def google(url, file=None, **more):
    told = {"STORAGE_EMULATOR_HOST": "", "WALE_GS_ENDPOINT": url, **more}
    return {**told, "GOOGLE_APPLICATION_CREDENTIALS": str(file)} if file else told


def google_account(name):
    def slot(site, folder, url, login):
        key = json.loads((site.server.folder / f"{name}.json").read_text())
        secrets = [*key["private_key"].splitlines()[1:-1], TOKEN_MARK, "eyJhbGciOi"]
        if login:
            key["token_uri"] = f"{login}/token"
        (folder / "key.json").write_text(json.dumps(key))
        return google(url, folder / "key.json"), secrets

    return slot


def google_user(site, folder, url, login):
    user = {
        "type": "authorized_user",
        **USER_CLIENT,
        "token_uri": f"{login or site.server.front_url}/token",
    }
    (folder / "user.json").write_text(json.dumps(user))
    secrets = [USER_CLIENT["client_secret"], USER_CLIENT["refresh_token"], TOKEN_MARK]
    return google(url, folder / "user.json"), secrets


def google_machine(site, folder, url, login):
    host = (login or site.server.front_url).partition("://")[2]
    return google(url, GCE_METADATA_HOST=host, HOME=str(folder)), [TOKEN_MARK]


def google_proxy(site, folder, url, login):
    variables, secrets = google_account("good")(site, folder, url, None)
    return {**variables, "HTTP_PROXY": with_user(login or site.gate.url)}, [*secrets, *TRACES]


def google_broken(site, folder, url, _):
    (folder / "broken.json").write_text(f'{{"type": "authorized_user", "refresh_token": "{SECRET}", {SECRET}')
    return google(url, folder / "broken.json"), TRACES


def google_lacking(site, folder, url, _):
    (folder / "lacking.json").write_text(json.dumps({"type": "service_account", "private_key": SECRET}))
    return google(url, folder / "lacking.json"), TRACES


def google_no_key(site, folder, url, _):
    key = {"type": "service_account", "client_email": "a@b", "private_key": SECRET}
    (folder / "no-key.json").write_text(json.dumps(key))
    return google(url, folder / "no-key.json"), TRACES


GOOGLE = {
    "service account": google_account("good"),
    "wrong service account": google_account("wrong"),
    "user": google_user,
    "machine": google_machine,
    "broken file": google_broken,
    "lacking file": google_lacking,
    "key that is none": google_no_key,
    "emulator": lambda _site, _folder, url, _: (
        {"STORAGE_EMULATOR_HOST": with_user(url)}, TRACES
    ),
    "proxy": google_proxy,
}
