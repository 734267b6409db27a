"""A TCP proxy that breaks connections on request, as a process of its own.

As a program (`fault_proxy.py PORT HOST:PORT`) it takes one command a line on stdin, a name and its
arguments as a JSON list, and answers each with one JSON line. FaultProxy starts it and has a method
for each command.
"""

import json
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

HOST = "127.0.0.1"
CHUNK = 1 << 18
UP, DOWN = "up", "down"  # towards the server, towards the client
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close() sends a reset


class Rules:
    """What goes wrong at present; shared by all threads."""

    def __init__(self):
        self.lock = threading.Lock()
        self.reset_every = {UP: 0, DOWN: 0}  # bytes of one connection, 0: never
        self.rate = {UP: 0, DOWN: 0}  # bytes a second of one connection, 0: any
        self.stop_at = None  # (direction, bytes of all connections, seconds)
        self.lose = None  # how the request begins whose answer gets lost
        self.flowing = threading.Event()
        self.flowing.set()
        self.counts = {UP: 0, DOWN: 0, "connections": 0, "resets": 0, "lost": 0, "stops": 0}

    def count(self, what, number=1):
        with self.lock:
            self.counts[what] += number

    def due_stop(self, direction, size):
        """Counts bytes; returns for how long to stop if they are the ones that it waited for."""
        with self.lock:
            self.counts[direction] += size
            if not self.stop_at or self.stop_at[0] != direction:
                return None
            if self.counts[direction] < self.stop_at[1]:
                return None
            seconds, self.stop_at = self.stop_at[2], None
            return seconds

    def takes_answer(self, data):
        """Whether the answer to the request that begins here is to be lost; true only once."""
        with self.lock:
            if not self.lose or not data.startswith(self.lose):
                return False
            self.lose = None
            return True


class Link:
    """One client's connection and ours to the server."""

    def __init__(self, proxy, client):
        self.proxy, self.rules, self.client = proxy, proxy.rules, client
        self.server = socket.create_connection(proxy.target, timeout=30)
        self.server.settimeout(None)
        for end in (self.client, self.server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.loses = False
        self.gone = False
        self.lock = threading.Lock()

    def start(self):
        for direction, source, sink in ((UP, self.client, self.server), (DOWN, self.server, self.client)):
            threading.Thread(target=self.pump, args=(direction, source, sink), daemon=True).start()

    def pump(self, direction, source, sink):
        buffer = bytearray(CHUNK)
        view = memoryview(buffer)
        passed = 0
        try:
            while size := source.recv_into(buffer):
                self.rules.flowing.wait()
                if direction == UP and self.rules.takes_answer(bytes(view[:256])):
                    self.loses = True
                elif direction == DOWN and self.loses and not view[:12].tobytes().endswith(b" 100"):
                    self.rules.count("lost")
                    return self.reset()
                every = self.rules.reset_every[direction]
                if every and passed + size >= every:
                    sink.sendall(view[: every - passed])
                    return self.reset()
                sink.sendall(view[:size])
                passed += size
                if rate := self.rules.rate[direction]:
                    time.sleep(size / rate)
                seconds = self.rules.due_stop(direction, size)
                if seconds is not None:
                    return self.proxy.stop_for(seconds)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            self.close()
        else:
            self.end_one_side()

    def end_one_side(self):
        with self.lock:
            if not self.gone:
                self.gone = True
                return
        self.close()

    def reset(self):
        self.rules.count("resets")
        for end in (self.client, self.server):
            try:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            except OSError:
                pass  # closed already
        self.close()

    def close(self):
        for end in (self.client, self.server):
            try:
                # Wakes the other thread, which holds the descriptor in recv, and sends the reset if
                # that is what close() is to do.
                if end.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) == RESET:
                    abort(end)
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()
        self.proxy.forget(self)


def abort(end):
    """connect() to AF_UNSPEC drops a TCP connection with a reset at once, whoever waits on it."""
    import ctypes

    unspecified = struct.pack("H14x", socket.AF_UNSPEC)
    ctypes.CDLL(None).connect(end.fileno(), unspecified, len(unspecified))


class Proxy:
    def __init__(self, port, target):
        self.port, self.target, self.rules = port, target, Rules()
        self.links, self.lock, self.listener = set(), threading.Lock(), None

    def listen(self):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, self.port))
        listener.listen(128)
        self.listener = listener
        threading.Thread(target=self.accept, args=(listener,), daemon=True).start()

    def accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self.rules.count("connections")
            threading.Thread(target=self.connect, args=(client,), daemon=True).start()

    def connect(self, client):
        try:
            link = Link(self, client)
        except OSError:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            client.close()
            return
        with self.lock:
            self.links.add(link)
        link.start()

    def forget(self, link):
        with self.lock:
            self.links.discard(link)

    def stop_for(self, seconds):
        self.rules.count("stops")
        self.refuse()
        timer = threading.Timer(seconds, self.serve_again)
        timer.daemon = True
        timer.start()

    # -- the commands

    def refuse(self):
        listener, self.listener = self.listener, None
        if listener:
            listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
            listener.close()
        self.reset_all()

    def serve_again(self):
        self.rules.flowing.set()
        if not self.listener:
            self.listen()

    def black_hole(self):
        self.rules.flowing.clear()

    def reset_all(self):
        with self.lock:
            links = list(self.links)
        for link in links:
            link.reset()

    def reset_every(self, count, directions):
        for direction in (UP, DOWN):
            self.rules.reset_every[direction] = count if direction in directions else 0

    def slow_down(self, direction, rate):
        self.rules.rate[direction] = rate

    def stop_at(self, direction, count, seconds):
        with self.rules.lock:
            self.rules.stop_at = (direction, self.rules.counts[direction] + count, seconds)

    def lose_answer(self, request):
        with self.rules.lock:
            self.rules.lose = request.encode()

    def clear(self):
        self.reset_every(0, [])
        self.rules.rate = {UP: 0, DOWN: 0}
        with self.rules.lock:
            self.rules.stop_at = self.rules.lose = None
        self.serve_again()

    def counts(self):
        with self.rules.lock:
            return dict(self.rules.counts)


COMMANDS = ("refuse", "serve_again", "black_hole", "reset_all", "reset_every", "slow_down",
            "stop_at", "lose_answer", "clear", "counts")  # fmt: skip


def main(port, target):
    host, _, server_port = target.rpartition(":")
    proxy = Proxy(int(port), (host, int(server_port)))
    proxy.listen()
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        assert name in COMMANDS
        print(json.dumps(getattr(proxy, name)(*arguments)), flush=True)


class FaultProxy:
    """The tests' hand on a proxy in front of `url`."""

    def __init__(self, folder, url):
        from support.s3.process import Process, free_port

        self.port = free_port()
        scheme, _, target = url.partition("://")
        self.url = f"{scheme}://{'localhost' if scheme == 'https' else HOST}:{self.port}"
        folder.mkdir(parents=True, exist_ok=True)
        target = target.replace("localhost", HOST)
        self.process = Process(
            ["/usr/bin/python3", Path(__file__), self.port, target],
            folder / f"proxy-{self.port}.log", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self.answer()

    def answer(self):
        line = self.process.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the proxy has died:\n{self.process.log.read_text()}")
        return json.loads(line)

    def command(self, name, *arguments):
        self.process.process.stdin.write(json.dumps([name, *arguments]).encode() + b"\n")
        self.process.process.stdin.flush()
        return self.answer()

    def refuse(self):
        """The server is stopped: connections are reset, new ones refused."""
        self.command("refuse")

    def serve_again(self):
        self.command("serve_again")

    def black_hole(self):
        """Connections open, and nothing passes."""
        self.command("black_hole")

    def reset_every(self, count, *directions):
        """Each connection, after so many bytes in that direction (default: both)."""
        self.command("reset_every", count, directions or (UP, DOWN))

    def slow_down(self, direction, rate):
        """Each connection, to so many bytes a second in that direction."""
        self.command("slow_down", direction, rate)

    def stop_at(self, direction, count, seconds):
        """Once so many more bytes have passed, the server is stopped for so long."""
        self.command("stop_at", direction, count, seconds)

    def lose_answer(self, request):
        """The next request that begins so is done, but its answer is replaced by a reset."""
        self.command("lose_answer", request)

    def clear(self):
        self.command("clear")

    def counts(self):
        """Bytes up and down; how many connections, resets, lost answers and stops there were."""
        return self.command("counts")

    def stop(self):
        self.process.stop()
        self.process.process.stdin.close()
        self.process.process.stdout.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
