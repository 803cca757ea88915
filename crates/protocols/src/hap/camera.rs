//! Streams of a camera: what it can do, addresses and keys, start and end. Values of the characteristics of
//! `CameraRTPStreamManagement`, both ways, since we are accessory and controller.
//!
//! Source: HAP specification (R2) §11 and §9 (the characteristics), and what HAP-python and hap-nodejs write: lists with and
//! without separators, frame rates of one and two bytes. The order is: [`SetupRequest`] is written and [`SetupResponse`] read on the
//! same connection, then [`SelectedStream`] is written with [`Command::Start`], and at last with [`Command::End`]. [`recording`] is Secure Video.
pub mod recording;
mod selected;
mod setup;
mod sound;
mod supported;
#[cfg(test)]
mod tests;

pub use selected::{
    Command, SelectedAudio, SelectedStream, SelectedVideo, SelectedVideoCodec, StreamParameters,
};
pub use setup::{Endpoint, SetupRequest, SetupResponse, SetupStatus, SrtpParameters};
pub use sound::{AudioCodec, AudioConfiguration, SampleRate, SupportedAudio};
pub use supported::{
    CryptoSuite, H264Level, H264Profile, SupportedRtp, SupportedVideo, VideoAttributes, VideoConfiguration,
};

use crate::hap::tlv8::{Tlv8, Tlv8Error};

/// The identifier of a stream: 16 bytes that the controller draws.
pub type SessionId = [u8; 16];

/// The type of the items that keep others of one type apart.
const SEPARATOR: u8 = 0;

/// Whether a stream management can be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StreamingStatus {
    /// It can.
    Available,
    /// It streams.
    InUse,
    /// It cannot.
    Unavailable,
}

impl StreamingStatus {
    const STATUS: u8 = 1;

    /// As a characteristic's value.
    pub fn to_base64(self) -> String {
        Tlv8::new().with(Self::STATUS, [self as u8]).to_base64()
    }

    /// Reads a characteristic's value.
    ///
    /// # Errors
    /// It is none.
    pub fn from_base64(text: &str) -> Result<Self, Tlv8Error> {
        let number = required_uint(&Tlv8::from_base64(text)?, Self::STATUS)?;
        one_of(Self::STATUS, number, &[Self::Available, Self::InUse, Self::Unavailable])
    }
}

/// A number that must be there.
fn required_uint(items: &Tlv8, kind: u8) -> Result<u64, Tlv8Error> {
    items.uint(kind)?.ok_or(Tlv8Error::Missing { kind })
}

/// A number that must be there and fit.
pub(super) fn required<T: TryFrom<u64>>(items: &Tlv8, kind: u8) -> Result<T, Tlv8Error> {
    let number = required_uint(items, kind)?;
    T::try_from(number).map_err(|_| Tlv8Error::Value { kind, number })
}

/// The one of these that has this number: each stands at its own.
pub(super) fn one_of<T: Copy>(kind: u8, number: u64, all: &[T]) -> Result<T, Tlv8Error> {
    let index = usize::try_from(number).ok();
    index.and_then(|index| all.get(index)).copied().ok_or(Tlv8Error::Value { kind, number })
}

/// Appends items of one type, kept apart.
fn push_list(items: &mut Tlv8, kind: u8, values: impl Iterator<Item = Vec<u8>>) {
    for (index, value) in values.enumerate() {
        if index > 0 {
            items.push(SEPARATOR, []);
        }
        items.push(kind, value);
    }
}
