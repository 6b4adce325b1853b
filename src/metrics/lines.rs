//! Text on its way out, line by line: a scrape of thousands of series is never in memory as a whole.

use std::fmt;
use std::io::{self, Write};

/// Passes lines of `OpenMetrics` on, as they are or as lines of the older format.
pub(super) struct Lines<'w> {
    to: &'w mut dyn Write,
    /// The beginning of a line.
    line: String,
    classic: Option<Classic>,
    /// Why nothing more is taken: a formatter can't say so itself.
    pub(super) failure: Option<io::Error>,
}

impl<'w> Lines<'w> {
    /// Lines of `OpenMetrics`.
    pub(super) fn open_metrics(to: &'w mut dyn Write) -> Self {
        Self {
            to,
            line: String::new(),
            classic: None,
            failure: None,
        }
    }

    /// Lines of version 0.0.4 of the text format.
    pub(super) fn classic(to: &'w mut dyn Write) -> Self {
        let classic = Some(Classic::default());
        Self {
            classic,
            ..Self::open_metrics(to)
        }
    }

    fn pass_on(&mut self) -> io::Result<()> {
        match &mut self.classic {
            None => self.to.write_all(self.line.as_bytes())?,
            Some(classic) => classic.write(&self.line, self.to)?,
        }
        self.line.clear();
        Ok(())
    }
}

impl fmt::Write for Lines<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for part in text.split_inclusive('\n') {
            self.line.push_str(part);
            if part.ends_with('\n') {
                self.pass_on().map_err(|error| {
                    self.failure = Some(error);
                    fmt::Error
                })?;
            }
        }
        Ok(())
    }
}

/// `OpenMetrics` text as version 0.0.4 of the text format, which calls counters by the names of their samples, and knows no units and no end.
#[derive(Default)]
struct Classic {
    /// Of a counter, the help comes before the type that tells what it is.
    help: String,
}

impl Classic {
    fn write(&mut self, line: &str, to: &mut dyn Write) -> io::Result<()> {
        let Some(comment) = line.strip_prefix("# ") else {
            return to.write_all(line.as_bytes());
        };
        if let Some((_, text)) = comment.strip_prefix("HELP ").and_then(|text| text.split_once(' ')) {
            text.clone_into(&mut self.help);
        } else if let Some((name, kind)) = comment.strip_prefix("TYPE ").and_then(|text| text.split_once(' ')) {
            let suffix = if kind.trim_end() == "counter" { "_total" } else { "" };
            if !self.help.is_empty() {
                write!(to, "# HELP {name}{suffix} {}", self.help)?;
                self.help.clear();
            }
            write!(to, "# TYPE {name}{suffix} {kind}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    const OPEN_METRICS: &str = "# HELP a Some.\n# TYPE a counter\na_total{x=\"# TYPE b counter\\n\"} 1\n# HELP b_seconds Other.\n\
                                # TYPE b_seconds gauge\n# UNIT b_seconds seconds\nb_seconds 2.5\n# EOF\n";

    #[test]
    fn counters_get_the_names_of_their_samples_and_nothing_else_changes() {
        let expected = "# HELP a_total Some.\n# TYPE a_total counter\na_total{x=\"# TYPE b counter\\n\"} 1\n\
                        # HELP b_seconds Other.\n# TYPE b_seconds gauge\nb_seconds 2.5\n";
        // However the text is cut.
        for length in [1, 2, 7, 1_000] {
            let mut classic = Vec::new();
            let mut lines = Lines::classic(&mut classic);
            for part in OPEN_METRICS.as_bytes().chunks(length) {
                lines.write_str(std::str::from_utf8(part).unwrap()).unwrap();
            }
            assert_eq!(String::from_utf8(classic).unwrap(), expected, "{length}");
        }
    }

    #[test]
    fn what_can_t_be_written_ends_it() {
        let mut full: &mut [u8] = &mut [0; 20];
        let mut lines = Lines::open_metrics(&mut full);
        assert!(lines.write_str(OPEN_METRICS).is_err());
        assert_eq!(lines.failure.map(|error| error.kind()), Some(io::ErrorKind::WriteZero));
    }
}
