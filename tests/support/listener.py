"""Holds a TCP port open over IPv4 and IPv6, and says so for each connection that it accepts; SIGTERM lets it finish."""
import signal
import socket
import sys

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
port = socket.create_server(
    ("", int(sys.argv[1])), family=socket.AF_INET6, dualstack_ipv6=True, backlog=4096
)
print("ready", flush=True)


def accept_all():
    while True:
        connection, _ = port.accept()
        print("accepted", flush=True)
        connection.close()


try:
    accept_all()
except SystemExit:
    # What waits in the queue counts too.
    port.setblocking(False)
    try:
        accept_all()
    except BlockingIOError:
        pass
