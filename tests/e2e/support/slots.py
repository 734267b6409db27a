"""Where secrets are told to wal-e, store by store.

A slot is made with a site (what there is of a store's servers), a folder for its files, the URL of the
store and that of what hands out tokens. It returns the variables of wal-e and the secrets themselves:
those that are told and, as far as they are known, those that are handed out for them.
"""

import base64
import json
import urllib.parse

from support.stores import azure
from support.stores.gcs import TOKEN_MARK, USER_CLIENT

SECRET = "s3cr3t-correct-horse"
# And as base64 shows it where it stands alone, or as the password of `user`.
TRACES = [SECRET, *(base64.b64encode(t.encode()).decode()[:24] for t in (SECRET, f"user:{SECRET}"))]


def base64_of(text):
    return base64.b64encode(text.encode()).decode()


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
    "web identity": web_identity,
    "endpoint": lambda _, url: {"WALE_S3_ENDPOINT": url.replace("://", f"+path://user:{SECRET}@")},
    "endpoint as URL": lambda _, url: {"WALE_S3_ENDPOINT": url.replace("://", f"://user:{SECRET}@")},
    "proxy": lambda _, url: {"HTTP_PROXY": url.replace("://", f"://user:{SECRET}@")},
    "proxy that is none": lambda *_: {"HTTP_PROXY": f"http://user:{SECRET}@"},
    "customer's key": lambda *_: {
        "WALE_S3_SSE": "customer",
        "WALE_S3_SSE_CUSTOMER_KEY": base64_of(f"{SECRET}-ofthetests!"),
    },
}


def s3_slot(variables):
    return lambda _site, folder, url, login: (variables(folder, login or url), TRACES)


S3 = {name: s3_slot(variables) for name, variables in S3_VARIABLES.items()}


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
}


def azure_machine(site, _folder, _url, login):
    host = {"AZURE_POD_IDENTITY_AUTHORITY_HOST": login} if login else {}
    return {**site.identities.machine(), **host}, [azure.TOKEN_MARK]


def azure_workload(site, _folder, _url, login):
    host = {"AZURE_AUTHORITY_HOST": login} if login else {}
    return {**site.identities.workload(site.server), **host}, [azure.TOKEN_MARK, site.identities.ASSERTION]


AZURE_TOKENS = {"identity of a machine": azure_machine, "identity of a workload": azure_workload}


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
        {"STORAGE_EMULATOR_HOST": url.replace("://", f"://user:{SECRET}@")}, TRACES
    ),
}
