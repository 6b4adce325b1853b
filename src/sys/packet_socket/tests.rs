use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use super::*;
use crate::sys::testing::{LONG, in_fresh_network, receive, send, udp};
use crate::sys::{Interest, PollFd, Queue, RecvBatch, Stamps, poll, process};

const IPV4: u16 = 0x0800;
/// `ETH_P_ALL`: the only one for which the kernel also shows what is sent.
const ALL: u16 = 0x0003;

/// Lets TCP segments with SYN and without ACK pass, from the IPv4 header on (which has no options here).
const SYN_ONLY: [FilterInstruction; 7] = [
    FilterInstruction {
        code: 0x30,
        jt: 0,
        jf: 0,
        k: 9,
    },
    FilterInstruction {
        code: 0x15,
        jt: 0,
        jf: 4,
        k: 6,
    },
    FilterInstruction {
        code: 0x30,
        jt: 0,
        jf: 0,
        k: 33,
    },
    FilterInstruction {
        code: 0x54,
        jt: 0,
        jf: 0,
        k: 0x12,
    },
    FilterInstruction {
        code: 0x15,
        jt: 0,
        jf: 1,
        k: 0x02,
    },
    FilterInstruction {
        code: 0x06,
        jt: 0,
        jf: 0,
        k: u32::MAX,
    },
    FilterInstruction {
        code: 0x06,
        jt: 0,
        jf: 0,
        k: 0,
    },
];

#[test]
fn a_segment_on_loopback_is_received_once_with_its_stamp() {
    in_fresh_network(|| {
        let loopback = process::interface_index("lo").unwrap();
        for (ethertype, interface) in [(IPV4, None), (IPV4, Some(loopback)), (ALL, None)] {
            let socket = open(ethertype, interface, &SYN_ONLY).unwrap();
            let fd = socket.as_fd();
            options::enable_timestamping(fd, Stamps::RxOnly).unwrap();
            let mut batch = RecvBatch::new(8, 128);
            for _ in 0..1_000_000 {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
                let port = listener.local_addr().unwrap().port();
                let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
                assert_eq!(receive(fd, Queue::Data, &mut batch), 1);
                let segment = batch.get(0);
                assert_eq!((segment.bytes[0], segment.bytes[9]), (0x45, 6));
                assert_eq!(segment.bytes[22..24], port.to_be_bytes());
                assert_eq!(segment.from, None);
                drop(stream);
                // The kernel switches stamps on with a delay.
                if segment.rx_stamp.is_some() {
                    break;
                }
            }
            assert!(batch.get(0).rx_stamp.is_some());
            // The handshake is over, so no second copy can be on its way.
            assert_eq!(batch.recv(fd, Queue::Data).unwrap(), 0);
        }
    });
}

#[test]
fn other_ethertypes_and_what_the_filter_stops_are_not_received() {
    in_fresh_network(|| {
        let arp = open(
            0x0806,
            None,
            &[FilterInstruction {
                code: 0x06,
                jt: 0,
                jf: 0,
                k: u32::MAX,
            }],
        )
        .unwrap();
        let syn = open(IPV4, None, &SYN_ONLY).unwrap();
        let (socket, address) = udp();
        send(socket.as_fd(), address, b"x").unwrap();
        let mut batch = RecvBatch::new(1, 16);
        receive(socket.as_fd(), Queue::Data, &mut batch);
        let mut waiting = [
            PollFd::new(arp.as_fd(), Interest::Read),
            PollFd::new(syn.as_fd(), Interest::Read),
        ];
        assert_eq!(poll(&mut waiting, Some(Duration::ZERO)).unwrap(), 0);
    });
}

#[test]
fn an_interface_that_goes_down_is_said_once() {
    in_fresh_network(|| {
        let loopback = process::interface_index("lo").unwrap();
        let socket = open(IPV4, Some(loopback), &SYN_ONLY).unwrap();
        crate::sys::testing::shell("ip link set lo down");
        let mut waiting = [PollFd::new(socket.as_fd(), Interest::Read)];
        assert_eq!(poll(&mut waiting, Some(LONG)).unwrap(), 1);
        let mut batch = RecvBatch::new(1, 16);
        let error = batch.recv(socket.as_fd(), Queue::Data).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENETDOWN));
        assert_eq!(batch.recv(socket.as_fd(), Queue::Data).unwrap(), 0);
    });
}

#[test]
fn an_unknown_interface_is_no_device() {
    in_fresh_network(|| {
        for interface in [4_000_000, u32::MAX] {
            let error = open(IPV4, Some(interface), &SYN_ONLY).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::ENODEV));
        }
    });
}
