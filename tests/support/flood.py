"""Keeps a constant number of bytes in the queue of the interface towards an address."""
import ipaddress
import socket
import sys

to = sys.argv[1]
family = socket.AF_INET6 if ipaddress.ip_address(to).version == 6 else socket.AF_INET
stream = socket.socket(family, socket.SOCK_DGRAM)
stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, int(sys.argv[2]))
payload = bytes(1200)

# The first datagram that would block finds the queue full.
stream.setblocking(False)
try:
    while True:
        stream.sendto(payload, (to, 9))
except BlockingIOError:
    pass
print("ready", flush=True)
stream.setblocking(True)
while True:
    stream.sendto(payload, (to, 9))
