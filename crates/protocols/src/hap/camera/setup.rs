//! `SetupEndpoints`: addresses, ports and keys of a stream; a controller writes the request and reads the response.
use super::{CryptoSuite, SessionId, one_of, required};
use crate::hap::tlv8::{Tlv8, Tlv8Error};
use std::fmt;
use std::net::IpAddr;

const SESSION: u8 = 1;
const STATUS: u8 = 2;
const ADDRESS: u8 = 3;
const VIDEO_SRTP: u8 = 4;
const AUDIO_SRTP: u8 = 5;
const VIDEO_SSRC: u8 = 6;
const AUDIO_SSRC: u8 = 7;

/// Where one side takes RTP and RTCP.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Endpoint {
    /// Its address.
    pub address: IpAddr,
    /// The port of video.
    pub video_port: u16,
    /// The port of sound.
    pub audio_port: u16,
}

impl Endpoint {
    const VERSION: u8 = 1;
    const ADDRESS: u8 = 2;
    const VIDEO_PORT: u8 = 3;
    const AUDIO_PORT: u8 = 4;

    fn to_bytes(self) -> Vec<u8> {
        let items = Tlv8::new().with(Self::VERSION, [u8::from(self.address.is_ipv6())]);
        let items = items.with(Self::ADDRESS, self.address.to_string());
        let items = items.with(Self::VIDEO_PORT, self.video_port.to_le_bytes());
        items.with(Self::AUDIO_PORT, self.audio_port.to_le_bytes()).to_bytes()
    }

    /// The text says which version it is; what stands beside it is not needed.
    fn parse(items: &Tlv8) -> Result<Self, Tlv8Error> {
        let text = items.required(Self::ADDRESS)?;
        let refused = Tlv8Error::Length { kind: Self::ADDRESS, length: text.len() };
        let address = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(refused)?;
        let (video_port, audio_port) =
            (required(items, Self::VIDEO_PORT)?, required(items, Self::AUDIO_PORT)?);
        Ok(Self { address, video_port, audio_port })
    }
}

/// Key and salt of one medium; `Debug` shows neither.
#[derive(Clone, PartialEq, Eq)]
pub struct SrtpParameters {
    /// How it is enciphered.
    pub suite: CryptoSuite,
    /// The master key, of [`CryptoSuite::key_and_salt_bytes`].
    pub key: Vec<u8>,
    /// The master salt.
    pub salt: Vec<u8>,
}

impl fmt::Debug for SrtpParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SrtpParameters").field("suite", &self.suite).finish_non_exhaustive()
    }
}

impl SrtpParameters {
    const SUITE: u8 = 1;
    const KEY: u8 = 2;
    const SALT: u8 = 3;

    fn to_bytes(&self) -> Vec<u8> {
        let items = Tlv8::new().with(Self::SUITE, [self.suite as u8]).with(Self::KEY, self.key.as_slice());
        items.with(Self::SALT, self.salt.as_slice()).to_bytes()
    }

    fn parse(items: &Tlv8) -> Result<Self, Tlv8Error> {
        let suite = one_of(Self::SUITE, required(items, Self::SUITE)?, &CryptoSuite::ALL)?;
        let (key_bytes, salt_bytes) = suite.key_and_salt_bytes();
        let part = |kind: u8, length: usize| match items.get(kind).unwrap_or_default() {
            value if value.len() == length => Ok(value.to_vec()),
            value => Err(Tlv8Error::Length { kind, length: value.len() }),
        };
        Ok(Self { suite, key: part(Self::KEY, key_bytes)?, salt: part(Self::SALT, salt_bytes)? })
    }
}

/// What a controller writes. The keys are those of both directions, unless the accessory answers with others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SetupRequest {
    /// The stream's identifier.
    pub session: SessionId,
    /// Where the controller takes media.
    pub controller: Endpoint,
    /// How video is enciphered.
    pub video: SrtpParameters,
    /// How sound is enciphered.
    pub audio: SrtpParameters,
}

impl SetupRequest {
    /// As a characteristic's value.
    pub fn to_base64(&self) -> String {
        let items = Tlv8::new().with(SESSION, self.session).with(ADDRESS, self.controller.to_bytes());
        items.with(VIDEO_SRTP, self.video.to_bytes()).with(AUDIO_SRTP, self.audio.to_bytes()).to_base64()
    }

    /// Reads a characteristic's value.
    ///
    /// # Errors
    /// It is none.
    pub fn from_base64(text: &str) -> Result<Self, Tlv8Error> {
        let items = Tlv8::from_base64(text)?;
        Ok(Self {
            session: items.array(SESSION)?,
            controller: Endpoint::parse(&items.nested(ADDRESS)?)?,
            video: SrtpParameters::parse(&items.nested(VIDEO_SRTP)?)?,
            audio: SrtpParameters::parse(&items.nested(AUDIO_SRTP)?)?,
        })
    }
}

/// Whether an accessory takes a stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SetupStatus {
    /// It does.
    Success {
        /// Where the accessory takes media.
        accessory: Endpoint,
        /// How video is enciphered. All accessories known to us answer with what they were asked, for both directions; one
        /// that says something else is taken to send with that, as RFC 4568 has it and go2rtc reads it.
        video: SrtpParameters,
        /// How sound is enciphered, in the same way.
        audio: SrtpParameters,
        /// Of the video that it sends.
        video_ssrc: u32,
        /// Of the sound that it sends.
        audio_ssrc: u32,
    },
    /// All its streams are taken.
    Busy,
    /// It cannot.
    Error,
}

/// What a controller reads afterwards.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SetupResponse {
    /// The stream's identifier; a refusal may leave it out.
    pub session: Option<SessionId>,
    /// Whether the accessory takes it.
    pub status: SetupStatus,
}

impl SetupResponse {
    /// As a characteristic's value.
    pub fn to_base64(&self) -> String {
        let mut items = Tlv8::new();
        if let Some(session) = self.session {
            items.push(SESSION, session);
        }
        match &self.status {
            SetupStatus::Busy => items.push(STATUS, [1]),
            SetupStatus::Error => items.push(STATUS, [2]),
            SetupStatus::Success { accessory, video, audio, video_ssrc, audio_ssrc } => {
                items.push(STATUS, [0]);
                items.push(ADDRESS, accessory.to_bytes());
                items.push(VIDEO_SRTP, video.to_bytes());
                items.push(AUDIO_SRTP, audio.to_bytes());
                items.push(VIDEO_SSRC, video_ssrc.to_le_bytes());
                items.push(AUDIO_SSRC, audio_ssrc.to_le_bytes());
            }
        }
        items.to_base64()
    }

    /// Reads a characteristic's value.
    ///
    /// # Errors
    /// It is none.
    pub fn from_base64(text: &str) -> Result<Self, Tlv8Error> {
        let items = Tlv8::from_base64(text)?;
        let status = match required::<u64>(&items, STATUS)? {
            0 => SetupStatus::Success {
                accessory: Endpoint::parse(&items.nested(ADDRESS)?)?,
                video: SrtpParameters::parse(&items.nested(VIDEO_SRTP)?)?,
                audio: SrtpParameters::parse(&items.nested(AUDIO_SRTP)?)?,
                video_ssrc: required(&items, VIDEO_SSRC)?,
                audio_ssrc: required(&items, AUDIO_SSRC)?,
            },
            1 => SetupStatus::Busy,
            2 => SetupStatus::Error,
            number => return Err(Tlv8Error::Value { kind: STATUS, number }),
        };
        let session = items.get(SESSION).map(|_| items.array(SESSION)).transpose()?;
        Ok(Self { session, status })
    }
}
