"""A command whose stderr is a terminal."""

import fcntl
import os
import struct
import termios
from contextlib import contextmanager


@contextmanager
def terminal(columns=120):
    """(descriptor for the program, function that reads what it writes there, to the end or `until` it has
    written that). Newlines stay as written."""
    master, slave = os.openpty()
    attributes = termios.tcgetattr(slave)
    attributes[1] &= ~termios.OPOST
    termios.tcsetattr(slave, termios.TCSANOW, attributes)
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    open_slave = [slave]

    def read(until=None):
        if not until:
            os.close(open_slave.pop())
        data = b""
        while not until or until.encode() not in data:
            try:
                data += os.read(master, 65536)
            except OSError:  # EIO: the last program closed its side
                break
        return data.decode()

    try:
        yield slave, read
    finally:
        for fd in [*open_slave, master]:
            os.close(fd)


def screen(text):
    """What is to be seen at the end, if no line wraps: lines without the blanks at their ends."""
    lines, column = [[]], 0
    for c in text:
        if c == "\r":
            column = 0
        elif c == "\n":
            lines.append([])
            column = 0
        else:
            assert c.isprintable(), f"{c!r} is for clever terminals only"
            line = lines[-1]
            line[column : column + 1] = c
            column += 1
    return ["".join(line).rstrip() for line in lines]
