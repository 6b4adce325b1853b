//! The errno of a failed send as the outcome of a probe.

use crate::outcome::SendError;

/// Why a probe did not leave this host, by the errno of its send call.
#[must_use]
pub const fn send_error_from_errno(errno: i32) -> SendError {
    match errno {
        libc::EPERM | libc::EACCES => SendError::Denied,
        libc::ENETUNREACH | libc::EHOSTUNREACH | libc::ENETDOWN => SendError::NoRoute,
        libc::ENOBUFS | libc::EAGAIN | libc::ENOMEM => SendError::NoBuffer,
        libc::EMSGSIZE => SendError::TooBig,
        libc::EADDRNOTAVAIL | libc::EADDRINUSE => SendError::NoAddress,
        other => SendError::Other(other),
    }
}

/// Whether a send that failed with this errno has used up a number of the send stamp counter, once per try.
///
/// Numbers are given out when the packet is built and, since Linux 6.8, taken back if building it fails. But an output
/// rule of the firewall (`EPERM`) and a full queue (`ENOBUFS`) drop the finished packet, number and all. (`ENOBUFS` for
/// want of memory while building is the exception; it is rare for small packets.)
#[must_use]
pub const fn uses_tx_number(errno: i32) -> bool {
    matches!(errno, libc::EPERM | libc::ENOBUFS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_errno_of_a_send_has_its_outcome() {
        for (errno, outcome) in [
            (libc::EPERM, SendError::Denied),
            (libc::EACCES, SendError::Denied),
            (libc::ENETUNREACH, SendError::NoRoute),
            (libc::EHOSTUNREACH, SendError::NoRoute),
            (libc::ENETDOWN, SendError::NoRoute),
            (libc::ENOBUFS, SendError::NoBuffer),
            (libc::EWOULDBLOCK, SendError::NoBuffer),
            (libc::ENOMEM, SendError::NoBuffer),
            (libc::EMSGSIZE, SendError::TooBig),
            (libc::EADDRNOTAVAIL, SendError::NoAddress),
            (libc::EADDRINUSE, SendError::NoAddress),
            (libc::EINVAL, SendError::Other(libc::EINVAL)),
        ] {
            assert_eq!(send_error_from_errno(errno), outcome, "errno {errno}");
        }
    }
}
