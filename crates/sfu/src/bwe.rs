//! How much a transport's way to its peer bears, and when packets go.
