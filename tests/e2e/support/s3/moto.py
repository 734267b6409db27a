"""moto, a server that knows S3's conditional writes and server-side encryption, in memory.

It believes every signature.
"""

from pathlib import Path

from support.s3.process import HOST, Process, answers, free_port


LAUNCHER = Path(__file__).with_name("processes") / "moto_launcher.py"


class Moto:
    region = "us-east-1"
    key_id, secret = "AKIDOFTHETESTS", "secret-of-the-tests"

    def __init__(self, folder, environment):
        """`environment` is the virtual environment of support/install.py."""
        self.folder, self.environment = folder, environment
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"
        self.process = None

    def start(self):
        self.folder.mkdir(parents=True)
        command = [self.environment / "bin/python", LAUNCHER, self.port]
        self.process = Process(command, self.folder / "moto.log")
        self.process.wait(lambda: answers(f"{self.url}/moto-api/"), "moto")
        return self

    def stop(self):
        if self.process:
            self.process.stop()
