"""Run as a process in a private network namespace: makes it usable, then becomes the command that is to run in it.

    unshare --net python inside.py FD COMMAND...

brings the loopback interface up, opens 127.0.0.1:80 there and hands that listening socket out through the Unix
socket FD (-1: nobody is to listen), and becomes COMMAND.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import sys

_SIOCSIFFLAGS = 0x8914
_IFF_UP = 1


def main(descriptor: int, command: list[str]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))
    if descriptor >= 0:
        with socket.create_server(("127.0.0.1", 80)) as listener, socket.socket(fileno=descriptor) as out:
            socket.send_fds(out, [b"80"], [listener.fileno()])
            out.recv(1)  # until it was taken over
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
