//! `SelectedRTPStreamConfiguration`: starts, changes, interrupts and ends a stream.
use super::{AudioConfiguration, H264Level, H264Profile, SessionId, VideoAttributes, one_of, required};
use crate::hap::tlv8::{Tlv8, Tlv8Error};

const CONTROL: u8 = 1;
const VIDEO: u8 = 2;
const AUDIO: u8 = 3;
const SESSION: u8 = 1;
const COMMAND: u8 = 2;

/// What a controller wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Command {
    /// No more of this stream.
    End,
    /// Media, as it is said.
    Start,
    /// None for now.
    Suspend,
    /// Media again.
    Resume,
    /// Another picture or bit rate.
    Reconfigure,
}

impl Command {
    const ALL: [Self; 5] = [Self::End, Self::Start, Self::Suspend, Self::Resume, Self::Reconfigure];
}

/// How RTP of one medium is to be. What a reconfiguration does not change, it leaves out.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct StreamParameters {
    /// Payload type; 99 is usual for video, 110 for sound.
    pub payload_type: Option<u8>,
    /// SSRC of what the controller sends.
    pub ssrc: Option<u32>,
    /// Highest bit rate, in kbit/s.
    pub kbits_max: u16,
    /// Seconds between two RTCP reports.
    pub rtcp_interval_s: f32,
    /// Longest packet, in bytes; 1378 over IPv4 and 1228 over IPv6 when it is not said. Video only.
    pub mtu_bytes: Option<u16>,
    /// Payload type of comfort noise. Sound only.
    pub comfort_noise_payload_type: Option<u8>,
}

impl StreamParameters {
    const PAYLOAD_TYPE: u8 = 1;
    const SSRC: u8 = 2;
    const KBITS: u8 = 3;
    const INTERVAL: u8 = 4;
    const MTU: u8 = 5;
    const COMFORT: u8 = 6;

    fn to_bytes(self) -> Vec<u8> {
        let mut items = Tlv8::new();
        if let Some(payload_type) = self.payload_type {
            items.push(Self::PAYLOAD_TYPE, [payload_type]);
        }
        if let Some(ssrc) = self.ssrc {
            items.push(Self::SSRC, ssrc.to_le_bytes());
        }
        items.push(Self::KBITS, self.kbits_max.to_le_bytes());
        items.push(Self::INTERVAL, self.rtcp_interval_s.to_le_bytes());
        if let Some(mtu) = self.mtu_bytes {
            items.push(Self::MTU, mtu.to_le_bytes());
        }
        if let Some(payload_type) = self.comfort_noise_payload_type {
            items.push(Self::COMFORT, [payload_type]);
        }
        items.to_bytes()
    }

    fn parse(items: &Tlv8) -> Result<Self, Tlv8Error> {
        Ok(Self {
            payload_type: optional(items, Self::PAYLOAD_TYPE)?,
            ssrc: optional(items, Self::SSRC)?,
            kbits_max: required(items, Self::KBITS)?,
            rtcp_interval_s: f32::from_le_bytes(items.array(Self::INTERVAL)?),
            mtu_bytes: optional(items, Self::MTU)?,
            comfort_noise_payload_type: optional(items, Self::COMFORT)?,
        })
    }
}

/// The codec of video that was chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SelectedVideoCodec {
    /// Its profile.
    pub profile: H264Profile,
    /// Its level.
    pub level: H264Level,
}

/// The video that was chosen.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SelectedVideo {
    /// Its codec; a reconfiguration leaves it as it is.
    pub codec: Option<SelectedVideoCodec>,
    /// Its pictures; a reconfiguration may leave them as they are.
    pub attributes: Option<VideoAttributes>,
    /// Its packets.
    pub rtp: StreamParameters,
}

impl SelectedVideo {
    const CODEC: u8 = 1;
    const PARAMETERS: u8 = 2;
    const ATTRIBUTES: u8 = 3;
    const RTP: u8 = 4;
    const PROFILE: u8 = 1;
    const LEVEL: u8 = 2;
    const PACKETISATION: u8 = 3;
    const H264: u8 = 0;

    fn to_bytes(self) -> Vec<u8> {
        let mut items = Tlv8::new();
        if let Some(SelectedVideoCodec { profile, level }) = self.codec {
            let parameters =
                Tlv8::new().with(Self::PROFILE, [profile as u8]).with(Self::LEVEL, [level as u8]);
            items.push(Self::CODEC, [Self::H264]);
            items.push(Self::PARAMETERS, parameters.with(Self::PACKETISATION, [0]).to_bytes());
        }
        if let Some(attributes) = self.attributes {
            items.push(Self::ATTRIBUTES, attributes.to_bytes());
        }
        items.with(Self::RTP, self.rtp.to_bytes()).to_bytes()
    }

    fn parse(items: &Tlv8) -> Result<Self, Tlv8Error> {
        if let Some(number) = items.uint(Self::CODEC)?.filter(|number| *number != u64::from(Self::H264)) {
            return Err(Tlv8Error::Value { kind: Self::CODEC, number });
        }
        let codec = |parameters: &Tlv8| {
            Ok(SelectedVideoCodec {
                profile: one_of(Self::PROFILE, required(parameters, Self::PROFILE)?, &H264Profile::ALL)?,
                level: one_of(Self::LEVEL, required(parameters, Self::LEVEL)?, &H264Level::ALL)?,
            })
        };
        let parameters = items.get(Self::PARAMETERS).map(Tlv8::parse).transpose()?;
        Ok(Self {
            codec: parameters.as_ref().map(codec).transpose()?,
            attributes: items.get(Self::ATTRIBUTES).map(VideoAttributes::parse).transpose()?,
            rtp: StreamParameters::parse(&items.nested(Self::RTP)?)?,
        })
    }
}

/// The sound that was chosen.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SelectedAudio {
    /// Its codec.
    pub configuration: AudioConfiguration,
    /// Its packets.
    pub rtp: StreamParameters,
    /// Whether there is comfort noise.
    pub comfort_noise: bool,
}

impl SelectedAudio {
    const RTP: u8 = 3;
    const COMFORT_NOISE: u8 = 4;

    fn to_bytes(self) -> Vec<u8> {
        let mut items = Tlv8::new();
        self.configuration.push_to(&mut items);
        items
            .with(Self::RTP, self.rtp.to_bytes())
            .with(Self::COMFORT_NOISE, [u8::from(self.comfort_noise)])
            .to_bytes()
    }

    fn parse(items: &Tlv8) -> Result<Self, Tlv8Error> {
        Ok(Self {
            configuration: AudioConfiguration::parse(items)?,
            rtp: StreamParameters::parse(&items.nested(Self::RTP)?)?,
            comfort_noise: items.uint(Self::COMFORT_NOISE)?.is_some_and(|number| number != 0),
        })
    }
}

/// `SelectedRTPStreamConfiguration`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SelectedStream {
    /// The stream's identifier.
    pub session: SessionId,
    /// What is wanted.
    pub command: Command,
    /// [`Command::Start`] has it, [`Command::Reconfigure`] may.
    pub video: Option<SelectedVideo>,
    /// [`Command::Start`] has it where there is sound.
    pub audio: Option<SelectedAudio>,
}

impl SelectedStream {
    /// A command that needs nothing else.
    pub const fn command(session: SessionId, command: Command) -> Self {
        Self { session, command, video: None, audio: None }
    }

    /// As a characteristic's value.
    pub fn to_base64(&self) -> String {
        let control = Tlv8::new().with(SESSION, self.session).with(COMMAND, [self.command as u8]);
        let mut items = Tlv8::new().with(CONTROL, control.to_bytes());
        if let Some(video) = self.video {
            items.push(VIDEO, video.to_bytes());
        }
        if let Some(audio) = self.audio {
            items.push(AUDIO, audio.to_bytes());
        }
        items.to_base64()
    }

    /// Reads a characteristic's value.
    ///
    /// # Errors
    /// It is none, or a start has no video.
    pub fn from_base64(text: &str) -> Result<Self, Tlv8Error> {
        let items = Tlv8::from_base64(text)?;
        let control = items.nested(CONTROL)?;
        let command = one_of(COMMAND, required(&control, COMMAND)?, &Command::ALL)?;
        let nested = |kind| items.get(kind).map(Tlv8::parse).transpose();
        let video = nested(VIDEO)?.as_ref().map(SelectedVideo::parse).transpose()?;
        let complete = video.is_some_and(|video| video.codec.is_some() && video.attributes.is_some());
        if command == Command::Start && !complete {
            return Err(Tlv8Error::Missing { kind: VIDEO });
        }
        let audio = nested(AUDIO)?.as_ref().map(SelectedAudio::parse).transpose()?;
        Ok(Self { session: control.array(SESSION)?, command, video, audio })
    }
}

fn optional<T: TryFrom<u64>>(items: &Tlv8, kind: u8) -> Result<Option<T>, Tlv8Error> {
    items.uint(kind)?.map(|_| required(items, kind)).transpose()
}
