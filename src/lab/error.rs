//! What is missing for a network of one's own, and how to get it.

use std::fmt;
use std::io;

/// Something that the system did not allow or does not have.
#[derive(Debug)]
pub struct LabError {
    what: String,
    cause: io::Error,
    advice: Option<String>,
}

impl LabError {
    /// `what` did not work.
    pub(super) fn new(what: impl Into<String>, cause: io::Error) -> Self {
        Self {
            what: what.into(),
            cause,
            advice: None,
        }
    }

    /// Adds how to get it to work.
    pub(super) fn advise(mut self, advice: Option<String>) -> Self {
        self.advice = advice;
        self
    }
}

impl fmt::Display for LabError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.cause)?;
        match &self.advice {
            Some(advice) => write!(f, "; {advice}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for LabError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // The text of the cause is part of this one's.
        None
    }
}
