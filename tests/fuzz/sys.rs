//! What the kernel says about packets: private in the package, and read as bytes here.

use std::hint::black_box;

#[path = "../../src/sys/control.rs"]
#[expect(dead_code, reason = "there is no kernel here that would fill its buffers")]
mod control;

use crate::wire::Family;

mod batch_recv {
    use crate::units::Wall;
    use std::net::IpAddr;

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct TxStamp {
        pub id: u32,
        pub at: Wall,
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct QueuedIcmpError {
        pub icmp_type: u8,
        pub code: u8,
        pub offender: Option<IpAddr>,
        pub errno: i32,
    }
}

/// Reads control messages and a socket address.
pub fn read(bytes: &[u8]) {
    let control = control::decode(bytes);
    let (rx, tx, error) = (control.rx_stamp(), control.tx_stamp(), control.icmp_error());
    // One stamp is of the arrival or of the sending; one error is of the network or about the sending.
    assert!(rx.is_none() || tx.is_none());
    assert!(tx.is_none() || error.is_none());
    // What nobody looks at would not be computed.
    black_box((rx, tx, error, control.ttl, control::decode_address(bytes)));
}
