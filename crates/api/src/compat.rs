//! Other servers' APIs, with their exact shapes.
pub(crate) mod go2rtc;
pub(crate) mod zlmediakit;
