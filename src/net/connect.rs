//! stub
use crate::outcome::{SendError, Unreachable};
use crate::series::PacketOptions;
use crate::units::{Mono, ProbeSeq, Rtt, SeriesId};
use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
pub(super) struct Connector {
    epoll: crate::sys::Epoll,
}
pub(super) struct Concluded {
    pub(super) probe: (SeriesId, ProbeSeq),
    pub(super) how: How,
}
pub(super) enum How {
    Connected(Rtt),
    Retransmitted,
    Refused,
    Reset,
    Unreachable(Unreachable),
    SendFailed(SendError),
}
impl Connector {
    pub(super) fn new(_: &PacketOptions) -> io::Result<Self> {
        Ok(Self {
            epoll: crate::sys::Epoll::new(1)?,
        })
    }
    pub(super) fn start(&mut self, _: (SeriesId, ProbeSeq), _: SocketAddr, _: Mono) -> Result<(), SendError> {
        Err(SendError::NoAddress)
    }
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        std::os::fd::AsFd::as_fd(&self.epoll)
    }
    pub(super) fn poll(&mut self, _: impl FnMut(Concluded)) -> io::Result<()> {
        Ok(())
    }
    pub(super) fn close_before(&mut self, _: Mono) {}
}
