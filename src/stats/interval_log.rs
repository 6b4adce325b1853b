//! Windows as lines of an HdrHistogram interval log (`.hlog`), which the tools of HdrHistogram read in Java, Python and others.
//!
//! Format version 1.3 of the Java `HistogramLogWriter`: `Tag=NAME,START,LENGTH,MAX,HISTOGRAM`, the times in seconds since the epoch, the
//! histogram compressed (V2, deflate, base64). Its values are ns, the column MAX is ms.

use std::fmt::Write as _;
use std::time::Duration;

use hdrhistogram::Histogram as Hdr;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use super::Summary;
use super::histogram::empty_hdr;
use crate::series::Series;
use crate::units::Wall;

/// Writes such lines, one at a time.
pub struct IntervalLines {
    serializer: V2DeflateSerializer,
    histogram: Hdr<u64>,
    line: Vec<u8>,
}

impl Default for IntervalLines {
    fn default() -> Self {
        Self {
            serializer: V2DeflateSerializer::new(),
            histogram: empty_hdr(),
            line: Vec::new(),
        }
    }
}

impl std::fmt::Debug for IntervalLines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IntervalLines").finish_non_exhaustive()
    }
}

impl IntervalLines {
    /// What a file begins with that was opened at `now`.
    #[must_use]
    pub fn header(now: Wall) -> String {
        let seconds = now.as_nanos() / 1_000_000_000;
        format!(
            "#[Histogram log format version 1.3]\n\
             #[StartTime: {seconds}.000 (seconds since epoch)]\n\
             #[MaxValueDivisor: {NANOS_PER_MILLI:.3}]\n\
             \"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n"
        )
    }

    /// The line of a window of `series` that began at `start`; `None` where nothing replied.
    pub fn window(&mut self, series: &Series, start: Wall, length: Duration, summary: &Summary) -> Option<&[u8]> {
        if summary.rtt_cells.is_empty() {
            return None;
        }
        self.histogram.reset();
        for &(edge, count) in &summary.rtt_cells {
            self.histogram.saturating_record_n(edge, count);
        }
        self.line.clear();
        let name = tag(series);
        // Writing to memory fails only where the histogram can't be serialised, which its bounds allow.
        let mut log = IntervalLogWriterBuilder::new()
            .with_max_value_divisor(NANOS_PER_MILLI)
            .begin_log_with(&mut self.line, &mut self.serializer)
            .ok()?;
        log.write_histogram(
            &self.histogram,
            Duration::from_nanos(start.as_nanos()),
            length,
            Tag::new(&name),
        )
        .ok()?;
        // The builder repeats the divisor before the line; it is in the header.
        let comment = self.line.iter().position(|byte| *byte == b'\n')? + 1;
        self.line.get(comment..)
    }
}

/// `app01/10.10.1.11/tcp/8080`, without what a tag must not hold.
fn tag(series: &Series) -> String {
    let mut name = format!(
        "{}/{}/{}",
        series.target,
        series.address,
        series.endpoint.proto().as_str()
    );
    if let Some(port) = series.endpoint.port() {
        // Writing to a String cannot fail.
        let _ = write!(name, "/{port}");
    }
    name.replace([',', ' ', '\r', '\n'], "_")
}

/// The column of maxima is ms, as people read them.
const NANOS_PER_MILLI: f64 = 1e6;

#[cfg(test)]
mod tests {
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    use super::*;
    use crate::outcome::StampSource;
    use crate::series::Endpoint;
    use crate::stats::{WindowOptions, WindowStats};

    fn series(target: &str) -> Series {
        Series {
            target: target.into(),
            address: "192.0.2.1".parse().unwrap(),
            scope_id: 0,
            endpoint: Endpoint::Tcp(443),
            flow: 0,
        }
    }

    fn summary(cells: &[(u64, u64)]) -> Summary {
        let options = WindowOptions {
            stamp: StampSource::Kernel,
            user_rtt: false,
        };
        Summary {
            rtt_cells: cells.to_vec(),
            ..WindowStats::new(options).summary()
        }
    }

    #[test]
    fn the_reader_of_the_format_finds_what_was_written() {
        let mut lines = IntervalLines::default();
        let start = Wall::from_nanos(1_700_000_000_250_000_000);
        let length = Duration::from_secs(10);
        let mut log = IntervalLines::header(start).into_bytes();
        let cells = [(400_000, 49), (84_000_000, 1)];
        log.extend(
            lines
                .window(&series("app 1,x"), start, length, &summary(&cells))
                .unwrap(),
        );
        log.extend(
            lines
                .window(&series("b"), start, length, &summary(&cells[..1]))
                .unwrap(),
        );
        let entries: Vec<_> = IntervalLogIterator::new(&log).map(Result::unwrap).collect();
        let intervals = entries.iter().filter_map(|entry| match entry {
            LogEntry::Interval(interval) => Some(interval),
            _ => None,
        });
        let found: Vec<_> = intervals
            .map(|interval| {
                let encoded = interval.encoded_histogram();
                let bytes = base64_decoded(encoded);
                let histogram: Hdr<u64> = Deserializer::new().deserialize(&mut &bytes[..]).unwrap();
                let counts: Vec<_> = cells.iter().map(|(edge, _)| histogram.count_at(*edge)).collect();
                (
                    interval.tag().map(|tag| tag.as_str().to_owned()),
                    interval.duration(),
                    counts,
                )
            })
            .collect();
        let of = |name: &str, counts: [u64; 2]| (Some(name.to_owned()), length, counts.to_vec());
        assert_eq!(
            found,
            [
                of("app_1_x/192.0.2.1/tcp/443", [49, 1]),
                of("b/192.0.2.1/tcp/443", [49, 0])
            ]
        );
    }

    #[test]
    fn nothing_is_written_of_silence() {
        let mut lines = IntervalLines::default();
        assert_eq!(
            lines.window(&series("b"), Wall::default(), Duration::ZERO, &summary(&[])),
            None
        );
    }

    /// RFC 4648, section 4.
    fn base64_decoded(text: &str) -> Vec<u8> {
        const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let digits = text.bytes().take_while(|byte| *byte != b'=');
        let values = digits.map(|byte| DIGITS.iter().position(|digit| *digit == byte).unwrap());
        let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0_usize);
        for value in values {
            held = (held << 6 | value) & 0xffff;
            bits += 6;
            if bits >= 8 {
                bits -= 8;
                bytes.push(u8::try_from(held >> bits & 0xff).unwrap());
            }
        }
        bytes
    }
}
