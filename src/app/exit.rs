//! How the program ends.

use std::process::ExitCode;

/// The exit codes. `config::help` explains them to users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: every target answered on every protocol asked, and no threshold was crossed.
    Success,
    /// 1: some target did not answer, or a threshold was crossed.
    Failed,
    /// 2: wrong usage or configuration, an unknown name, a missing permission, or an I/O error.
    Error,
    /// That of another program, which was run on behalf of the user.
    Of(u8),
}

impl Exit {
    /// The number that the shell sees.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failed => 1,
            Self::Error => 2,
            Self::Of(code) => code,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
