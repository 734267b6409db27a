"""Ways to hand out credentials that need renewing: a program, and a strict instance metadata service."""

import http.server
import json
import threading
from datetime import datetime, timedelta, timezone

ROLE = "role-of-the-tests"

PROCESS = """\
#!/bin/sh
# Hands out token number N at call N; {first} is how many requests the first is good for.
echo call >> {folder}/calls
n=$(wc -l < {folder}/calls)
good={first}
[ "$n" -gt 1 ] && good=100000
cat <<END
{{"Version": 1, "AccessKeyId": "{key_id}", "SecretAccessKey": "{secret}",
  "SessionToken": "good-for-$good-{unique}-$n", "Expiration": "{expiration}"}}
END
"""


def in_an_hour():
    return (datetime.now(timezone.utc) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


class CredentialProcess:
    """A profile with credential_process; the first token is good for `first` requests."""

    def __init__(self, folder, server, first):
        self.folder = folder
        folder.mkdir(parents=True)
        program = folder / "credentials"
        program.write_text(
            PROCESS.format(folder=folder, first=first, key_id=server.key_id, secret=server.secret,
                           unique=abs(hash(folder)), expiration=in_an_hour())
        )  # fmt: skip
        program.chmod(0o755)
        (folder / "config").write_text(f"[profile tests]\ncredential_process = {program}\n")

    def environment(self):
        return {
            "AWS_ACCESS_KEY_ID": None,
            "AWS_SECRET_ACCESS_KEY": None,
            "AWS_CONFIG_FILE": str(self.folder / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.folder / "none"),
            "AWS_PROFILE": "tests",
        }

    def calls(self):
        return len((self.folder / "calls").read_text().split())

    def stop(self):
        pass


class InstanceMetadata:
    """Version 2 only: a PUT for a session token with its time to live, and that token with each GET."""

    def __init__(self, server, first):
        self.server, self.first = server, first
        self.handed_out = 0
        self.refused = []
        self.httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        threading.Thread(target=self.httpd.serve_forever, daemon=True).start()

    def environment(self):
        return {
            "AWS_ACCESS_KEY_ID": None,
            "AWS_SECRET_ACCESS_KEY": None,
            "AWS_INSTANCE_PROFILE": "1",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": f"http://127.0.0.1:{self.httpd.server_port}",
        }

    def calls(self):
        return self.handed_out

    def stop(self):
        self.httpd.shutdown()
        self.httpd.server_close()

    def credentials(self):
        self.handed_out += 1
        good = self.first if self.handed_out == 1 else 100_000
        return {
            "Code": "Success",
            "Type": "AWS-HMAC",
            "LastUpdated": "2026-01-01T00:00:00Z",
            "AccessKeyId": self.server.key_id,
            "SecretAccessKey": self.server.secret,
            "Token": f"good-for-{good}-{self.httpd.server_port}-{self.handed_out}",
            "Expiration": in_an_hour(),
        }

    def handler(self):
        service = self
        session = "session-of-the-tests"
        below = "/latest/meta-data/iam/security-credentials/"

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def reply(self, status, text=""):
                if status != 200:
                    service.refused.append((self.command, self.path, status))
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def do_PUT(self):
                seconds = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
                if self.path != "/latest/api/token":
                    self.reply(404)
                elif not seconds.isdigit() or not 1 <= int(seconds) <= 21600 or "X-Forwarded-For" in self.headers:
                    self.reply(400)
                else:
                    self.reply(200, session)

            def do_GET(self):
                if self.headers.get("X-aws-ec2-metadata-token") != session:
                    self.reply(401)
                elif self.path == below:
                    self.reply(200, ROLE)
                elif self.path == below + ROLE:
                    self.reply(200, json.dumps(service.credentials()))
                else:
                    self.reply(404)

        return Handler
