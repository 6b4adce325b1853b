"""Connects by the kernel's TCP, to one port after the other, and says what came of each in a line of JSON.

connect.py TIMEOUT_S PAUSE_S BYTES [ADDRESS PORT]...

With BYTES, so many are sent, then this side closes and waits until the other has closed too.
"""

import errno
import json
import socket
import struct
import sys
import time


def tcp_info(connection):
    """Fields of `struct tcp_info` in linux/tcp.h, by their offsets."""
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 232)
    words = {"unacked": 24, "lost": 32, "rtt_us": 68, "total_retrans": 100}
    said = {name: struct.unpack_from("=I", info, offset)[0] for name, offset in words.items()}
    said["bytes_acked"] = struct.unpack_from("=Q", info, 120)[0]
    return said


def connect(address, port, timeout, size):
    said = {"began_ms": time.monotonic() * 1e3}
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        try:
            connection.connect((address, port))
            said["outcome"] = "connected"
        except socket.timeout:
            said["outcome"] = "timeout"
        except OSError as error:
            said["outcome"] = errno.errorcode[error.errno]
        said["took_ms"] = time.monotonic() * 1e3 - said["began_ms"]
        if said["outcome"] == "connected":
            if size:
                connection.sendall(bytes(size))
                connection.shutdown(socket.SHUT_WR)
                said["received"] = len(connection.recv(1))
            said.update(tcp_info(connection))
    return said


timeout, pause, size, *targets = sys.argv[1:]
for address, port in zip(targets[::2], targets[1::2]):
    print(json.dumps(connect(address, int(port), float(timeout), int(size))), flush=True)
    time.sleep(float(pause))
