//! Sources: we dial.
pub mod file;
