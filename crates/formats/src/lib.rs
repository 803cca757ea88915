//! Bytes to units and back, pure: no I/O, no clock, no lock.
//!
//! - [`bitstream`]: what is inside a frame: NAL units, OBUs, headers, decoder configuration.
//! - [`rtp`]: RTP packets, payload formats, reordering, RTCP.
//! - [`sdp`]: tracks to session descriptions and back.
//! - [`amf0`], [`flv`]: what RTMP and HTTP-FLV carry.
//! - [`probe`]: which container a byte stream is; [`demux`]: what is in it.
//! - [`mpegts`], [`elementary`], [`mjpeg`], [`pcm`]: what else is read from byte streams; the first is written, too.
//! - [`mp4`]: fragments for browsers, segments of recordings and movies made of them, files to read.
//! - [`hls`]: playlists for players.
//! - [`replay`]: a file's units in real time, again and again.
pub mod amf0;
pub mod bitstream;
pub mod demux;
pub mod elementary;
pub mod flv;
pub mod hls;
pub mod mjpeg;
pub mod mp4;
pub mod mpegts;
pub mod pcm;
pub mod probe;
pub mod replay;
pub mod rtp;
pub mod sdp;
