//! DTLS of one transport: who the peer is, and the keys of its media.
