//! From evidence to a verdict: the first row of a table that matches.

use super::{Evidence, Suspect, VerdictCode};

/// What is made of the evidence.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// In one word.
    pub code: VerdictCode,
    /// Who is at fault.
    pub suspect: Option<Suspect>,
    /// What was ruled out, in words.
    pub ruled_out: Vec<String>,
    /// One sentence for a ticket.
    pub message: String,
}

/// Decides.
#[must_use]
pub fn decide(_evidence: &Evidence) -> Verdict {
    Verdict {
        code: VerdictCode::Unknown,
        suspect: None,
        ruled_out: Vec::new(),
        message: String::new(),
    }
}
