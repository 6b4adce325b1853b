//! The TCP of a backend: listening ports, the table of half-open connections, and connections just far enough to be closed.
