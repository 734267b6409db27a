"""Key rings, and wal-e with one of them. Paths stay short: an agent's socket lies in GNUPGHOME."""

import contextlib
import socket
import subprocess

from support.original import OriginalTool
from support.postgres import is_alive, wait_until
from support.tool import Tool

PASSPHRASE = "mark-of-a-passphrase"


class KeyRing:
    def __init__(self, home, agent_options=""):
        self.home = home
        home.mkdir(mode=0o700, parents=True)
        (home / "gpg-agent.conf").write_text(agent_options)

    def gpg(self, *arguments, input=b"", check=True):
        done = subprocess.run(
            ["gpg", "--homedir", self.home, "--batch", "--quiet", *arguments],
            input=input, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0 or not check, done.stderr.decode()
        return done.stdout

    def make_key(self, user, passphrase="", kind="default", usage="default", expires="never"):
        self.gpg("--pinentry-mode", "loopback", "--passphrase", passphrase,
                 "--quick-gen-key", f"{user} <{user}@example.invalid>", kind, usage, expires)  # fmt: skip
        return self

    def field(self, kind, number, *query):
        lines = self.gpg("--with-colons", "--with-keygrip", *query).decode().splitlines()
        return [line.split(":")[number] for line in lines if line.startswith(kind + ":")]

    def key_id(self, user):
        return self.field("fpr", 9, "--list-keys", user)[0]

    def public_copy(self, home):
        """Another key ring, as a host has that may only encrypt."""
        other = KeyRing(home)
        other.gpg("--import", input=self.gpg("--export"))
        return other

    def encrypt(self, data, user):
        """As WAL-E does it, or a person."""
        return self.gpg("--trust-model", "always", "-z", "0", "-e", "-r", user, input=data)

    def decrypt(self, data):
        return self.gpg("-d", input=data)

    def preset_passphrase(self, user):
        libexec = subprocess.run(["gpgconf", "--list-dirs", "libexecdir"], capture_output=True)
        program = libexec.stdout.decode().strip() + "/gpg-preset-passphrase"
        for grip in self.field("grp", 9, "--list-secret-keys", user):
            subprocess.run(
                [program, "--homedir", self.home, "--preset", grip],
                input=PASSPHRASE.encode(), check=True,
            )  # fmt: skip

    def launch_agent(self):
        subprocess.run(["gpgconf", "--homedir", self.home, "--launch", "gpg-agent"], check=True)

    def kill_agent(self):
        """Returns when it has ended: until then it may still answer."""
        words = self.ask_agent("getinfo pid", "--no-autostart").stdout.split()
        subprocess.run(["gpgconf", "--homedir", self.home, "--kill", "gpg-agent"], check=True)
        if words:  # nothing is said where there is none
            wait_until(lambda: not is_alive(int(words[1])), "the agent does not end")

    @contextlib.contextmanager
    def silent_agent(self):
        """Who asks the agent gets no answer."""
        self.kill_agent()
        path = self.home / "S.gpg-agent"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen()
            try:
                yield
            finally:
                path.unlink()

    def ask_agent(self, question, *options):
        command = ["gpg-connect-agent", "--homedir", self.home, *options, question, "/bye"]
        return subprocess.run(command, capture_output=True)


class GpgTool(Tool):
    """wal-e of a user with this key ring; PostgreSQL starts it with that, too."""

    def __init__(self, binary, ring, **environment):
        super().__init__(binary, GNUPGHOME=str(ring.home), **environment)
        self.ring = ring

    def with_environment(self, **more):
        tool = GpgTool(self.binary, self.ring)
        tool.environment = {k: v for k, v in {**self.environment, **more}.items() if v is not None}
        return tool

    def on_host_with(self, ring):
        tool = GpgTool(self.binary, ring)
        tool.environment = {**self.environment, "GNUPGHOME": str(ring.home)}
        return tool

    def shell(self, folder, arguments):
        return f"env GNUPGHOME={self.ring.home} " + super().shell(folder, arguments)


class GpgOriginalTool(OriginalTool):
    """WAL-E of such a user: GNUPGHOME is in its environment."""

    def with_environment(self, **more):
        tool = GpgOriginalTool(self.script.parent.parent)
        tool.environment = {**self.environment, **more}
        return tool

    def shell(self, folder, arguments):
        return f"env GNUPGHOME={self.environment['GNUPGHOME']} " + super().shell(folder, arguments)


def is_encrypted(data):
    """A session key for a public key begins it (RFC 4880, 4.2 and 5.1), in the old or the new format."""
    return (data[0] & 0xC0) == 0xC0 and data[0] & 0x3F == 1 or (data[0] & 0xFC) == 0x84
