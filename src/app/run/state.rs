//! What a service knows of its targets, kept over a restart.
//!
//! A JSON file, written beside its place and moved there, so that a crash leaves the old one or the new one and nothing between. Who
//! starts again within a day goes on with the baselines that it had; older ones say nothing about the network of today. A
//! file that can't be read costs the warm-up and no more.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::detect::Saved;
use crate::series::{Endpoint, Series};
use crate::units::Wall;

/// The past of series.
pub(super) type Baselines = HashMap<Series, Saved>;

/// Why there are no baselines of before.
#[derive(Debug, thiserror::Error)]
pub(super) enum StateError {
    /// It could not be read.
    #[error("the state file {path} can't be read: {source}")]
    Read {
        /// Which file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// It holds something else.
    #[error("the state file {path} is not what this version writes: {source}")]
    Content {
        /// Which file.
        path: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// It holds too much.
    #[error("the state file {path} is larger than {MAX_BYTES} bytes")]
    Large {
        /// Which file.
        path: String,
    },
}

/// Reads the baselines that were kept in `path`: none where there is no such file, or where it is older than a day at `now`.
///
/// # Errors
/// See [`StateError`].
pub(super) fn read(path: &Path, now: Wall) -> Result<Baselines, StateError> {
    let named = || path.display().to_string();
    let failed = |source| StateError::Read { path: named(), source };
    let mut text = String::new();
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Baselines::new()),
        Err(error) => return Err(failed(error)),
    };
    file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(failed)?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > MAX_BYTES {
        return Err(StateError::Large { path: named() });
    }
    let document: Document =
        serde_json::from_str(&text).map_err(|source| StateError::Content { path: named(), source })?;
    let age = now.nanos_since(Wall::from_nanos(document.saved_at_ns));
    // A clock that was set back tells no age; what was saved is then as good as new.
    if u64::try_from(age).is_ok_and(|age| Duration::from_nanos(age) > MAX_AGE) {
        return Ok(Baselines::new());
    }
    let all = document.series.into_iter();
    Ok(all.map(|kept| (kept.series(), kept.saved)).collect())
}

/// Writes the baselines to `path`.
///
/// # Errors
/// What the system says; the old file is then as it was.
pub(super) fn write(path: &Path, now: Wall, baselines: Vec<(Series, Saved)>) -> io::Result<()> {
    let series = baselines.into_iter().map(|(series, saved)| Kept::new(&series, saved));
    let document = Document {
        schema: Schema::State1,
        saved_at_ns: now.as_nanos(),
        series: series.collect(),
    };
    let text = serde_json::to_vec(&document).map_err(io::Error::other)?;
    let beside = beside(path);
    let mut file = File::create(&beside)?;
    file.write_all(&text)?;
    // Without this, a power cut may leave an empty file under the new name.
    file.sync_all()?;
    fs::rename(&beside, path)
}

/// Where the new file is made: in the same directory, so that it can be moved in one step.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    PathBuf::from(name)
}

#[derive(Serialize, Deserialize)]
struct Document {
    schema: Schema,
    saved_at_ns: u64,
    series: Vec<Kept>,
}

#[derive(Serialize, Deserialize)]
enum Schema {
    #[serde(rename = "pathjitter-state/1")]
    State1,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    target: String,
    address: IpAddr,
    scope_id: u32,
    /// The port; none is ICMP echo.
    tcp: Option<u16>,
    saved: Saved,
}

impl Kept {
    fn new(series: &Series, saved: Saved) -> Self {
        Self {
            target: series.target.to_string(),
            address: series.address,
            scope_id: series.scope_id,
            tcp: series.endpoint.port(),
            saved,
        }
    }

    fn series(&self) -> Series {
        Series {
            target: self.target.as_str().into(),
            address: self.address,
            scope_id: self.scope_id,
            endpoint: self.tcp.map_or(Endpoint::Icmp, Endpoint::Tcp),
            flow: 0,
        }
    }
}

/// Networks have a daily rhythm: what was normal yesterday at this hour is the oldest that is of use.
const MAX_AGE: Duration = Duration::from_hours(24);

/// Some KiB for each of 100,000 series.
const MAX_BYTES: u64 = 1 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_NS: u64 = 86_400_000_000_000;

    fn series(endpoint: Endpoint) -> Series {
        Series {
            target: "app01".into(),
            address: "192.0.2.1".parse().unwrap(),
            scope_id: 0,
            endpoint,
            flow: 0,
        }
    }

    fn written(at: u64) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        let all = [Endpoint::Icmp, Endpoint::Tcp(443)].map(|endpoint| (series(endpoint), Saved::default()));
        write(&path, Wall::from_nanos(at), all.to_vec()).unwrap();
        (folder, path)
    }

    #[test]
    fn what_was_written_is_read_again_for_a_day() {
        let (_folder, path) = written(DAY_NS);
        let read_at = |at| read(&path, Wall::from_nanos(at)).unwrap();
        let read = read_at(2 * DAY_NS);
        assert_eq!(read.len(), 2);
        assert!(read.contains_key(&series(Endpoint::Tcp(443))) && read.contains_key(&series(Endpoint::Icmp)));
        assert_eq!(read_at(2 * DAY_NS + 1).len(), 0, "yesterday is over");
        assert_eq!(read_at(0).len(), 2, "a clock that was set back tells no age");
    }

    #[test]
    fn no_file_is_no_past_and_no_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(&folder.path().join("none"), Wall::default()).unwrap().is_empty());
    }

    #[test]
    fn a_file_that_is_cut_off_or_of_another_kind_says_so() {
        let (_folder, path) = written(0);
        let whole = fs::read_to_string(&path).unwrap();
        for text in [
            "",
            "{}",
            &whole[..whole.len() - 1],
            &whole.replace("state/1", "state/2"),
        ] {
            fs::write(&path, text).unwrap();
            let error = read(&path, Wall::default()).unwrap_err().to_string();
            assert!(error.contains("state.json"), "{error}");
        }
    }

    #[test]
    fn a_file_that_can_not_be_written_leaves_the_old_one() {
        let (_folder, path) = written(7);
        // A folder in the place of the file beside it: root may write everywhere else.
        fs::create_dir(beside(&path)).unwrap();
        write(&path, Wall::from_nanos(8), Vec::new()).unwrap_err();
        assert_eq!(read(&path, Wall::from_nanos(8)).unwrap().len(), 2);
    }
}
