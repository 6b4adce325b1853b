//! Quantities as people write them: `"200us"`, `"10/min"`, `"100Mbit/s"`, `"64kB"`.

use std::time::Duration;

use serde::Deserialize;

/// A duration with its unit, in the grammar of the command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Span(pub Duration);

/// So many in a second, minute, hour or day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Rate {
    /// How many.
    pub count: u32,
    /// In how long.
    pub per: Duration,
}

/// Bits a second: `"100Mbit/s"`, `"1Gbit/s"`, `"64kbit/s"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct BitRate(pub u64);

/// A size: `"64kB"` (1000), `"64KiB"` (1024), `"1500B"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Bytes(pub u64);

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(_text: String) -> Result<Self, Self::Error> {
        unimplemented!()
    }
}

impl TryFrom<String> for Rate {
    type Error = String;

    fn try_from(_text: String) -> Result<Self, Self::Error> {
        unimplemented!()
    }
}

impl TryFrom<String> for BitRate {
    type Error = String;

    fn try_from(_text: String) -> Result<Self, Self::Error> {
        unimplemented!()
    }
}

impl TryFrom<String> for Bytes {
    type Error = String;

    fn try_from(_text: String) -> Result<Self, Self::Error> {
        unimplemented!()
    }
}
