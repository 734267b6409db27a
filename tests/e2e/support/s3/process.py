"""A server of the tests as a process of its own: started, awaited, stopped by the process we hold."""

import random
import socket
import subprocess
import time
import urllib.error
import urllib.request

HOST = "127.0.0.1"
DEADLINE = 180  # seconds to start

kept = []


def free_port():
    """Below the ports of outgoing connections, so that it stays free while its server is stopped. Nobody
    else gets it before we end: a socket of ours is bound to it, which only one with SO_REUSEADDR may
    share, as all servers have it."""
    while True:
        port = random.randrange(20000, 32000)
        keeper = socket.socket()
        try:
            keeper.bind((HOST, port))
        except OSError:
            keeper.close()
            continue
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.append(keeper)
        return port


def listens(port):
    try:
        socket.create_connection((HOST, port), timeout=1).close()
        return True
    except OSError:
        return False


def answers(url, context=None):
    """Whether there is an HTTP answer that is no failure of the server."""
    try:
        with urllib.request.urlopen(url, timeout=5, context=context):
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False


class Process:
    """Ends with the tests, even if they are killed."""

    def __init__(self, command, log, **options):
        self.log = log
        with open(log, "ab") as output:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *map(str, command)],
                stdin=options.pop("stdin", subprocess.DEVNULL),
                stdout=options.pop("stdout", output),
                stderr=output,
                start_new_session=True,
                **options,
            )

    def wait(self, ready, what):
        """Until ready() is true; fails if the process ends before."""
        end = time.monotonic() + DEADLINE
        while not ready():
            if self.process.poll() is not None or time.monotonic() > end:
                tail = self.log.read_text(errors="replace")[-3000:]
                raise RuntimeError(f"{what} does not start:\n{tail}")
            time.sleep(0.05)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
