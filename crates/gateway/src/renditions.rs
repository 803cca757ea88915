//! The hub's formats: what a unit becomes on the wire, made once per stream and worker for all readers of a format.
pub mod flv;
pub mod fmp4;
pub mod rtmp;
pub mod rtp;
pub mod talk;
