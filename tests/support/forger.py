"""Answers probes with everything right but the secret in them.

echo SOURCE spoil|keep   replies to echo requests from SOURCE, with the payload spoilt or as it was
tcp DEVICE PORT          replies to SYNs with segments that acknowledge what was never sent
errors DEVICE SOURCE     errors in the name of SOURCE, whose TTL is exceeded, about echo requests that leave by DEVICE, spoilt
"""
import ipaddress
import signal
import socket
import struct
import sys


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def forge_echo(source, spoil):
    six = ipaddress.ip_address(source).version == 6
    family, protocol = (socket.AF_INET6, socket.IPPROTO_ICMPV6) if six else (socket.AF_INET, socket.IPPROTO_ICMP)
    request_type, reply_type = (128, 129) if six else (8, 0)
    ear = socket.socket(family, socket.SOCK_RAW, protocol)
    mouth = socket.socket(family, socket.SOCK_RAW, protocol)
    mouth.bind((source, 0))
    print("ready", flush=True)
    while True:
        packet, sender = ear.recvfrom(65535)
        message = packet if six else packet[(packet[0] & 15) * 4 :]
        if message[0] != request_type:
            continue
        payload = bytes(b ^ 0xA5 for b in message[8:]) if spoil else message[8:]
        reply = struct.pack("!BBH", reply_type, 0, 0) + message[4:8] + payload
        # The kernel fills in the checksum of ICMPv6, which covers addresses.
        if not six:
            reply = reply[:2] + struct.pack("!H", checksum(reply)) + reply[4:]
        mouth.sendto(reply, (sender[0], 0))
        print("forged", flush=True)


def forge_tcp(device, port):
    # A packet socket hears the SYN before the firewall drops it.
    ear = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
    ear.bind((device, 0x0800))
    mouth = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
    print("ready", flush=True)
    while True:
        packet, origin = ear.recvfrom(65535)
        header = (packet[0] & 15) * 4
        if origin[2] == socket.PACKET_OUTGOING or packet[9] != socket.IPPROTO_TCP:
            continue
        sport, dport, isn = struct.unpack("!HHI", packet[header : header + 8])
        if dport != port or packet[header + 13] & 0x17 != 0x02:
            continue
        prober, us = packet[12:16], packet[16:20]
        syn_ack, rst_ack, ack = 0x12, 0x14, 0x10
        for flags, acknowledged in ((syn_ack, isn + 2), (syn_ack, isn), (rst_ack, isn + 2), (rst_ack, 0), (ack, isn + 77)):
            segment = struct.pack("!HHIIBBHHH", dport, sport, 1000, acknowledged & 0xFFFFFFFF, 0x50, flags, 1024, 0, 0)
            pseudo = us + prober + struct.pack("!BBH", 0, socket.IPPROTO_TCP, len(segment))
            segment = segment[:16] + struct.pack("!H", checksum(pseudo + segment)) + segment[18:]
            mouth.sendto(segment, (socket.inet_ntoa(prober), 0))
            print("forged", flush=True)


def forge_errors(device, source):
    ear = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0003))
    ear.bind((device, 0x0003))
    mouth = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    print("ready", flush=True)
    while True:
        packet, origin = ear.recvfrom(65535)
        if origin[2] != socket.PACKET_OUTGOING or origin[1] != 0x0800 or packet[9] != socket.IPPROTO_ICMP:
            continue
        header = (packet[0] & 15) * 4
        if packet[header] != 8:
            continue
        # Identifier and sequence number stay right, and the secret does not.
        quote = packet[: header + 8] + bytes(b ^ 0xA5 for b in packet[header + 8 :])
        message = struct.pack("!BBHI", 11, 0, 0, 0) + quote
        message = message[:2] + struct.pack("!H", checksum(message)) + message[4:]
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(message), 0, 0, 64, socket.IPPROTO_ICMP, 0,
                         socket.inet_aton(source), packet[12:16])
        mouth.sendto(ip + message, (socket.inet_ntoa(packet[12:16]), 0))
        print("forged", flush=True)


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
if sys.argv[1] == "echo":
    forge_echo(sys.argv[2], sys.argv[3] == "spoil")
elif sys.argv[1] == "errors":
    forge_errors(sys.argv[2], sys.argv[3])
else:
    forge_tcp(sys.argv[2], int(sys.argv[3]))
