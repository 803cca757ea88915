//! Sources: we dial.
