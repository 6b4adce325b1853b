//! The Python of the tests.

use std::ffi::OsString;

/// The Python that has the libraries which `bash tests/run` installs.
pub(crate) fn python() -> Option<OsString> {
    let python = std::env::var_os("PATHJITTER_PYTHON");
    if python.is_none() {
        let advice = "NOT TESTED: no PATHJITTER_PYTHON; run `bash tests/run`";
        assert!(
            std::env::var_os("PATHJITTER_LAB").is_none_or(|v| v != "required"),
            "{advice}"
        );
        eprintln!("{advice}");
    }
    python
}
