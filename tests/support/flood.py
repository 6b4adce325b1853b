"""Keeps a constant number of bytes in the queue of the interface towards an address."""
import ipaddress
import os
import socket
import sys
import time

to = sys.argv[1]
family = socket.AF_INET6 if ipaddress.ip_address(to).version == 6 else socket.AF_INET
stream = socket.socket(family, socket.SOCK_DGRAM)
stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, int(sys.argv[2]))
# A blocked sender is woken when half of its buffer is free, which would make the queue a sawtooth; so this one asks.
stream.setblocking(False)
payload = bytes(1200)
try:
    # The queue must not run dry because somebody else has the processor.
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
except PermissionError:
    pass


def fill():
    try:
        while True:
            stream.sendto(payload, (to, 9))
    except BlockingIOError:
        pass


fill()
print("ready", flush=True)
while True:
    time.sleep(0.0005)
    fill()
