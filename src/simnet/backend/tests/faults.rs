//! Stalls, outages and restarts.

use super::*;
use crate::simnet::topology::Stall;

fn stalled(stall: Stall) -> BackendSettings {
    BackendSettings {
        stall: Some(stall),
        ..settings()
    }
}

fn serials(answers: &[Answer]) -> Vec<u64> {
    answers.iter().map(|answer| answer.serial).collect()
}

#[test]
fn what_arrives_during_a_stall_is_answered_at_its_end_in_order() {
    both(|family| {
        let mut bench = Bench::new(family, &settings());
        bench.reconfigure(0, &stalled(Stall::Both));
        let held = (Taken::Held, vec![]);
        assert_eq!(bench.echo(1, b"a"), held);
        assert_eq!(bench.segment(2, PEER), held);
        assert_eq!(bench.echo(3, b"b"), held);
        let burst = bench.reconfigure(400, &settings());
        assert_eq!(serials(&burst), [0, 1, 2]);
        assert!(burst.iter().all(|answer| answer.after == Duration::ZERO));
        assert_eq!(bench.echo(401, b"c").1.len(), 1);
        assert_eq!(bench.reconfigure(402, &settings()), vec![]);
    });
}

#[test]
fn a_stall_of_one_protocol_leaves_the_other_alone_and_can_end_in_parts() {
    let mut bench = Bench::new(Family::V4, &settings());
    bench.reconfigure(0, &stalled(Stall::Tcp));
    assert_eq!(bench.echo(1, b"").1.len(), 1);
    assert_eq!(bench.segment(2, PEER).1, vec![]);
    bench.reconfigure(3, &stalled(Stall::Both));
    assert_eq!(bench.echo(4, b"").1, vec![]);
    assert_eq!(serials(&bench.reconfigure(5, &stalled(Stall::Icmp))), [1]);
    assert_eq!(serials(&bench.reconfigure(6, &stalled(Stall::None))), [2]);
}

#[test]
fn a_stall_keeps_a_thousand_packets_and_no_more() {
    let mut bench = Bench::new(Family::V4, &stalled(Stall::Icmp));
    for _ in 0..1000 {
        assert_eq!(bench.echo(1, b"").0, Taken::Held);
    }
    assert_eq!(bench.echo(1, b"").0, Taken::Dropped(DropReason::BackendDown));
    assert_eq!(
        serials(&bench.reconfigure(2, &settings())),
        (0..1000).collect::<Vec<_>>()
    );
}

#[test]
fn each_packet_that_was_kept_has_a_fate_when_the_stall_or_the_backend_ends() {
    let mut bench = Bench::new(Family::V4, &stalled(Stall::Both));
    bench.echo(1, b"");
    bench.segment(1, Peer { to: 82, ..PEER });
    let fates = bench.backend.reconfigure(at(2), &settings(), &mut bench.out);
    assert_eq!(fates, [Taken::Consumed, Taken::Dropped(DropReason::Filtered)]);

    bench.reconfigure(3, &stalled(Stall::Icmp));
    bench.echo(4, b"");
    bench.echo(4, b"");
    let off = BackendSettings {
        off: Some(true),
        ..settings()
    };
    let fates = bench.backend.reconfigure(at(5), &off, &mut bench.out);
    assert_eq!(fates, [Taken::Dropped(DropReason::BackendDown); 2]);
    assert_eq!(bench.backend.reconfigure(at(6), &settings(), &mut bench.out), []);
}

#[test]
fn timers_stand_still_with_tcp_and_run_out_once_when_it_goes_on() {
    let mut bench = Bench::new(Family::V4, &settings());
    bench.open(0, PEER);
    bench.reconfigure(500, &stalled(Stall::Tcp));
    assert_eq!(bench.backend.next_deadline(), None);
    bench.backend.handle_deadline(at(5000), &mut bench.out);
    assert_eq!(bench.answers(), vec![]);
    // Twice overdue by then, at 1 and 3 s; as with a frozen machine's timers it is one SYN-ACK, and 2 s to the next.
    assert_eq!(serials(&bench.reconfigure(5000, &settings())), [0]);
    assert_eq!(bench.backend.next_deadline(), Some(at(7000)));
}

#[test]
fn off_is_off_and_forgets_everything() {
    both(|family| {
        let mut bench = Bench::new(family, &settings());
        let own = bench.open(0, PEER).wrapping_add(1);
        let ack = Peer {
            flags: ACK,
            seq: 1001,
            ack: own,
            ..PEER
        };
        bench.segment(1, ack);
        bench.open(1, Peer { from: 40_002, ..PEER });
        let off = BackendSettings {
            off: Some(true),
            stall: Some(Stall::Icmp),
            ..settings()
        };
        bench.reconfigure(1, &stalled(Stall::Icmp));
        bench.echo(2, b"");
        assert_eq!(bench.reconfigure(2, &off), vec![]);
        assert!(bench.backend.is_off());
        assert_eq!(bench.backend.next_deadline(), None);
        let down = (Taken::Dropped(DropReason::BackendDown), vec![]);
        assert_eq!(bench.echo(3, b""), down);
        assert_eq!(bench.segment(3, PEER), down);

        assert_eq!(bench.reconfigure(4000, &settings()), vec![]);
        assert!(!bench.backend.is_off());
        let reset = Said::Segment {
            flags: RST,
            seq: own,
            ack: 0,
        };
        assert_eq!(bench.segment(4001, ack).1, one(6, reset));
        bench.open(
            4002,
            Peer {
                from: 40_002,
                seq: 5,
                ..PEER
            },
        );
    });
}

#[test]
fn a_restart_closes_the_port_and_its_connections_and_no_others() {
    both(|family| {
        let mut ports = settings();
        ports.other_ports = Some(Port::Open);
        let mut bench = Bench::new(family, &ports);
        let ack = |to, own: u32| Peer {
            to,
            flags: ACK,
            seq: 1001,
            ack: own,
            ..PEER
        };
        let [own, other] = [80, 8080].map(|to| bench.open(0, Peer { to, ..PEER }).wrapping_add(1));
        bench.segment(1, ack(80, own));
        bench.segment(1, ack(8080, other));
        bench.open(1, Peer { from: 40_002, ..PEER });

        let mut closed = ports.clone();
        closed.ports = Some([(80, Port::Closed)].into());
        assert_eq!(bench.reconfigure(10, &closed), vec![]);
        let refused = bench.segment(11, Peer { from: 40_003, ..PEER }).1;
        let reset = |flags, seq, ack| Said::Segment { flags, seq, ack };
        assert_eq!(refused, one(5, reset(RST | ACK, 0, 1001)));
        assert_eq!(bench.segment(12, ack(80, own)).1, one(6, reset(RST, own, 0)));
        assert_eq!(bench.segment(12, ack(8080, other)).1, vec![]);

        bench.reconfigure(2000, &ports);
        bench.open(
            2001,
            Peer {
                from: 40_002,
                seq: 9,
                ..PEER
            },
        );
        assert_eq!(bench.segment(2002, ack(8080, other)).1, vec![]);
    });
}

#[test]
fn a_change_of_something_else_keeps_connections() {
    let mut bench = Bench::new(Family::V4, &settings());
    let own = bench.open(0, PEER).wrapping_add(1);
    let mut changed = settings();
    changed.echo = Some(Echo::Dropped);
    // A firewall that drops SYNs does not touch what is there.
    changed.ports = Some([(80, Port::Dropped)].into());
    bench.reconfigure(1, &changed);
    let data = Peer {
        flags: ACK,
        seq: 1001,
        ack: own,
        payload: b"x",
        ..PEER
    };
    let said = Said::Segment {
        flags: ACK,
        seq: own,
        ack: 1002,
    };
    assert_eq!(bench.segment(2, data).1, one(1, said));
}
