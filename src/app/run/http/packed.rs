//! Pages as they are kept: packed. Metrics of thousands of series are hundreds of megabytes as text, and a thirtieth of that as gzip.
//!
//! Who takes gzip is sent what is kept; for others it is unpacked piece by piece as they take it.

use std::io::{self, Read as _, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Buf as _;
use bytes::Bytes;
use bytes::buf::Reader;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use hyper::body::{Body, Frame, SizeHint};

/// A page.
#[derive(Clone)]
pub(super) struct Packed {
    gzip: Bytes,
    /// Bytes before packing.
    length: u64,
}

impl Packed {
    /// What `write` writes.
    ///
    /// # Errors
    /// Those of `write`, for memory has none.
    pub(super) fn of<E: From<io::Error>>(write: impl FnOnce(&mut dyn Write) -> Result<(), E>) -> Result<Self, E> {
        let mut packer = Packer {
            // What matters is the time of a scrape.
            gzip: GzEncoder::new(Vec::new(), Compression::fast()),
            length: 0,
        };
        write(&mut packer)?;
        let mut gzip = packer.gzip.finish()?;
        gzip.shrink_to_fit();
        Ok(Self {
            gzip: gzip.into(),
            length: packer.length,
        })
    }

    /// As it is kept.
    pub(super) fn gzip(&self) -> Content {
        Content::Whole(Some(self.gzip.clone()))
    }

    /// As it was before.
    pub(super) fn unpacked(&self) -> Content {
        Content::Unpacking {
            gzip: Box::new(GzDecoder::new(self.gzip.clone().reader())),
            left: self.length,
        }
    }

    /// Whether nobody else has it any more.
    pub(super) fn is_unique(&self) -> bool {
        self.gzip.is_unique()
    }
}

struct Packer {
    gzip: GzEncoder<Vec<u8>>,
    length: u64,
}

impl Write for Packer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.gzip.write(bytes)?;
        self.length += u64::try_from(count).unwrap_or(u64::MAX);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.gzip.flush()
    }
}

/// The body of an answer.
pub(super) enum Content {
    /// All of it at once; `None` when it was taken.
    Whole(Option<Bytes>),
    /// A page that is unpacked as it is taken.
    Unpacking {
        gzip: Box<GzDecoder<Reader<Bytes>>>,
        left: u64,
    },
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        Self::Whole(Some(text.into()))
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let piece = match &mut *self {
            Self::Whole(whole) => whole.take().filter(|whole| !whole.is_empty()).map(Ok),
            Self::Unpacking { left: 0, .. } => None,
            Self::Unpacking { gzip, left } => {
                let mut piece = Vec::with_capacity(PIECE);
                let read = gzip.by_ref().take(PIECE as u64).read_to_end(&mut piece);
                *left = left.saturating_sub(piece.len() as u64);
                Some(read.map(|_| piece.into()))
            }
        };
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None) | Self::Unpacking { left: 0, .. })
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match self {
            Self::Whole(whole) => whole.as_ref().map_or(0, |whole| whole.len() as u64),
            Self::Unpacking { left, .. } => *left,
        })
    }
}

/// So much is unpacked at once.
const PIECE: usize = 64 << 10;

#[cfg(test)]
pub(super) mod tests {
    use std::task::Waker;

    use super::*;

    /// All that a body has.
    pub(in crate::app::run::http) fn read(mut content: Content) -> Vec<u8> {
        let mut all = Vec::new();
        let promised = content.size_hint().exact().expect("a length");
        while let Poll::Ready(Some(frame)) = Pin::new(&mut content).poll_frame(&mut Context::from_waker(Waker::noop()))
        {
            all.extend_from_slice(frame.expect("a frame").data_ref().expect("data"));
        }
        assert!(content.is_end_stream());
        assert_eq!(u64::try_from(all.len()).unwrap(), promised);
        all
    }

    #[test]
    fn what_was_packed_comes_back_piece_by_piece() {
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 5 * PIECE] {
            let bytes: Vec<u8> = (0_u8..251).cycle().take(length).collect();
            let packed = Packed::of(|to| to.write_all(&bytes)).unwrap();
            assert!(read(packed.unpacked()) == bytes, "{length}");
            let mut again = Vec::new();
            let gzip = read(packed.gzip());
            GzDecoder::new(&*gzip).read_to_end(&mut again).unwrap();
            assert!(again == bytes, "{length}");
        }
    }

    #[test]
    fn a_page_is_nobodys_once_its_bodies_are_gone() {
        let packed = Packed::of(|to| to.write_all(b"words")).unwrap();
        let body = packed.unpacked();
        assert!(!packed.is_unique());
        drop(body);
        assert!(packed.is_unique());
    }

    #[test]
    fn who_can_t_write_says_so() {
        let failed = Packed::of(|_| Err(io::Error::other("nothing to say")));
        assert_eq!(failed.map(drop).unwrap_err().to_string(), "nothing to say");
    }
}
