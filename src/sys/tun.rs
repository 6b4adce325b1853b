//! A TUN device: the kernel's packets as reads, ours as writes, one IP packet each.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::check;

/// The device node that TUN devices are made with.
pub const DEVICE_NODE: &str = "/dev/net/tun";

/// An open `/dev/net/tun`, which belongs to the network namespace that its thread was in when it was opened
/// (`tun_chr_open`).
#[derive(Debug)]
pub struct TunNode(File);

impl TunNode {
    /// Opens the device node.
    ///
    /// # Errors
    ///
    /// The errno of `open`: `ENOENT` without the node, `EACCES` where its mode or `EPERM` where a container forbids it,
    /// `ENODEV` or `ENXIO` where the kernel has no driver for it.
    pub fn open() -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).custom_flags(libc::O_NONBLOCK);
        options.open(Path::new(DEVICE_NODE)).map(Self)
    }

    /// Makes a TUN device, which lasts until the result is dropped.
    ///
    /// # Errors
    ///
    /// `EINVAL` for a name that is empty or longer than 15 bytes; else the errno of the `ioctl`: `EPERM` without
    /// `CAP_NET_ADMIN` in the network namespace, `EBUSY` where the name is taken.
    pub fn create(self, name: &str) -> io::Result<Tun> {
        // IFF_NO_PI: no four bytes in front of each packet; the version in its IP header says what it is.
        let mut request = libc::ifreq {
            ifr_name: [0; libc::IFNAMSIZ],
            ifr_ifru: libc::__c_anonymous_ifr_ifru {
                ifru_flags: TUN_WITHOUT_HEADER,
            },
        };
        if name.is_empty() || name.len() >= libc::IFNAMSIZ {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
            *to = libc::c_char::from_ne_bytes([from]);
        }
        // SAFETY: this request takes a pointer to an ifreq, which is a local that outlives the call.
        let returned = unsafe { libc::ioctl(self.0.as_raw_fd(), libc::TUNSETIFF, &raw mut request) };
        check(returned)?;
        Ok(Tun(self.0))
    }
}

/// A TUN device. Dropping it removes the device.
#[derive(Debug)]
pub struct Tun(File);

impl Tun {
    /// Reads the next packet that the kernel sends, or `None` where none waits. What does not fit into `buffer` is cut.
    ///
    /// # Errors
    ///
    /// The errno of `read`: `EBADFD` where the device was removed.
    pub fn read<'buffer>(&self, buffer: &'buffer mut [u8]) -> io::Result<Option<&'buffer [u8]>> {
        loop {
            match (&self.0).read(buffer) {
                Ok(len) => return Ok(buffer.get(..len)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Gives the kernel a packet. It has been through the receive path, up to the socket it is for, when this returns.
    ///
    /// # Errors
    ///
    /// The errno of `write`: `EIO` where the device is down, `EINVAL` for what is no IP packet, `ENOMEM` or `ENOBUFS`
    /// for want of memory.
    pub fn write(&self, packet: &[u8]) -> io::Result<()> {
        loop {
            match (&self.0).write(packet) {
                Ok(_all) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl AsFd for Tun {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Both flags are below 2^15.
#[expect(clippy::cast_possible_truncation, reason = "0x1001")]
const TUN_WITHOUT_HEADER: libc::c_short = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_no_interface_names_are_refused() {
        for name in ["", "a-name-of-sixteen"] {
            let node = TunNode(File::open("/dev/null").unwrap());
            assert_eq!(
                node.create(name).unwrap_err().raw_os_error(),
                Some(libc::EINVAL),
                "{name}"
            );
        }
    }

    #[test]
    fn a_file_that_is_no_tun_node_makes_no_device() {
        let node = TunNode(File::open("/dev/null").unwrap());
        assert_eq!(node.create("lab0").unwrap_err().raw_os_error(), Some(libc::ENOTTY));
    }

    #[test]
    fn a_device_that_is_down_has_nothing_to_read_and_takes_nothing() {
        crate::sys::testing::in_fresh_network(|| {
            let tun = TunNode::open().unwrap().create("lab0").unwrap();
            assert_eq!(tun.read(&mut [0; 64]).unwrap(), None);
            assert_eq!(tun.write(&[0x45; 20]).unwrap_err().raw_os_error(), Some(libc::EIO));
            drop(tun);
            assert!(crate::sys::process::interface_index("lab0").is_err());
        });
    }
}
