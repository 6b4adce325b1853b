//! What a channel makes of failures to send, on sockets of loopback.

use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use super::*;
use crate::clock::ClockEpoch;
use crate::engine::Admission;
use crate::outcome::{StampSource, What};
use crate::series::Pace;
use crate::sys::testing::{LONG, in_fresh_network, shell};
use crate::sys::{Family, Interest, PollFd, Stamps};
use crate::units::Mono;

/// A channel over a UDP socket, which raises ICMP errors as datagram ICMP sockets do, with probes to send.
struct Bench {
    channel: Channel,
    prober: Prober,
    /// ICMP errors from the queue.
    errors: usize,
}

impl Bench {
    /// `room` is the size of the receive buffer, in which queued errors count.
    fn new(room: usize) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_nonblocking(true).unwrap();
        options::recv_err(socket.as_fd(), Family::V4).unwrap();
        options::enable_timestamping(socket.as_fd(), Stamps::TxRx).unwrap();
        socket2::SockRef::from(&socket).set_recv_buffer_size(room).unwrap();
        let channel = Channel::new(Proto::Icmp, OwnedFd::from(socket), None, 64, TtlBy::Message);
        let mut prober = Prober::new(None);
        let pace = Pace {
            interval: Duration::from_nanos(1),
            timeout: Duration::from_mins(1),
            count: None,
        };
        prober.admit(
            Mono::from_nanos(0),
            Admission {
                proto: Proto::Icmp,
                pace,
                stamp: StampSource::Kernel,
                memory: 256,
                window: 16,
            },
        );
        Self {
            channel,
            prober,
            errors: 0,
        }
    }

    /// Sends one probe to each of these, in one batch.
    fn send(&mut self, to: &[SocketAddr]) {
        for &to in to {
            let due = self
                .prober
                .poll_due(Mono::from_nanos(1_000_000), ClockEpoch::default(), |_, _| 0);
            self.channel.push(due.unwrap(), to, |slot| {
                slot[0] = 1;
                1
            });
        }
        let errors = &mut self.errors;
        self.channel
            .flush(Wall::from_nanos(0), &mut self.prober, |_, _| *errors += 1);
    }

    /// What became of the sends since the last call.
    fn outcomes(&mut self) -> Vec<Result<(), SendError>> {
        let outcome = |what| match what {
            What::Sent { .. } => Some(Ok(())),
            What::SendFailed(error) => Some(Err(error)),
            _ => None,
        };
        std::iter::from_fn(|| self.prober.poll_event())
            .filter_map(|event| outcome(event.what))
            .collect()
    }

    fn wait_for_an_error(&self) {
        let sender = self.channel.sender.as_fd();
        let ready = sys::poll(&mut [PollFd::new(sender, Interest::Errors)], Some(LONG)).unwrap();
        assert_eq!(ready, 1);
    }
}

/// Nothing listens here in a fresh network.
const CLOSED: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9);

/// There is no route to it.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 9);

#[test]
fn the_icmp_error_of_one_probe_is_never_the_failure_of_another() {
    in_fresh_network(|| {
        let mut bench = Bench::new(1 << 16);
        for round in 1..=50 {
            bench.send(&[CLOSED; 4]);
            bench.wait_for_an_error();
            assert_eq!(bench.outcomes(), [Ok(()); 4], "round {round}");
        }
        assert!(bench.errors > 0, "they are read on the way");
    });
}

#[test]
fn an_icmp_error_that_the_queue_had_no_room_for_is_not_the_failure_of_another_probe() {
    in_fresh_network(|| {
        let mut bench = Bench::new(0);
        // The queue of the smallest buffer: what does not fit is dropped.
        let own = socket2::SockRef::from(&bench.channel.sender)
            .local_addr()
            .unwrap()
            .as_socket()
            .unwrap();
        let other = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        for _ in 0..64 {
            other.send_to(&[0; 512], own).unwrap();
        }
        for round in 1..=10 {
            bench.send(&[CLOSED]);
            bench.wait_for_an_error();
            assert_eq!(bench.outcomes(), [Ok(())], "round {round}");
        }
        assert_eq!(bench.errors, 0, "none was queued");
    });
}

#[test]
fn a_failure_of_this_host_is_told_of_the_probe_that_failed_among_icmp_errors_of_others() {
    in_fresh_network(|| {
        shell("nft 'table ip t { chain o { type filter hook output priority 0; ip daddr 127.0.0.9 drop; }; }'");
        let denied = SocketAddr::from(([127, 0, 0, 9], 9));
        let mut bench = Bench::new(1 << 16);
        for round in 1..=10 {
            bench.send(&[CLOSED, NOWHERE, CLOSED, denied, CLOSED]);
            let expected = [Ok(()), Err(SendError::NoRoute), Ok(()), Err(SendError::Denied), Ok(())];
            let mut outcomes = bench.outcomes();
            let order = |outcome: &Result<(), SendError>| format!("{outcome:?}");
            outcomes.sort_by_key(order);
            let mut expected = expected.to_vec();
            expected.sort_by_key(order);
            assert_eq!(outcomes, expected, "round {round}");
        }
    });
}
