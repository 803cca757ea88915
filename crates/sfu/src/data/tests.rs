//! Two associations over a link that loses, delays, reorders and repeats, in virtual time.
#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks at the outputs that it is about")]
mod endings;
mod hostile;
mod link;
mod streams;
mod throughput;
mod traffic;
