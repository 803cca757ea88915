//! The services and characteristics that cameras, doorbells and bridges are made of.
//!
//! Source: HAP specification (R2) §8 and §9.
use super::{Format, Limits, Perms};

/// A service of Apple's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KnownService {
    /// Its type.
    pub number: u32,
}

/// A characteristic of Apple's.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct KnownCharacteristic {
    /// Its type.
    pub number: u32,
    /// Its format.
    pub format: Format,
    /// What may be done with it.
    pub perms: Perms,
    /// Unit, lowest, highest value and step.
    range: Option<(Option<&'static str>, f64, f64, f64)>,
    /// The values that are possible.
    valid: &'static [i64],
}

impl KnownCharacteristic {
    const fn new(number: u32, format: Format, perms: Perms) -> Self {
        Self { number, format, perms, range: None, valid: &[] }
    }

    const fn percentage(number: u32) -> Self {
        let range = Some((Some("percentage"), 0.0, 100.0, 1.0));
        Self { number, format: Format::Uint8, perms: Perms::ALL, range, valid: &[] }
    }

    const fn one_of(number: u32, perms: Perms, valid: &'static [i64]) -> Self {
        Self { number, format: Format::Uint8, perms, range: None, valid }
    }

    pub(super) fn limits(&self) -> Limits {
        let mut limits = Limits { valid: self.valid.to_vec(), ..Limits::default() };
        if let Some((unit, min, max, step)) = self.range {
            limits.unit = unit.map(str::to_owned);
            (limits.min, limits.max, limits.step) = (Some(min), Some(max), Some(step));
        }
        limits
    }
}

/// Services.
pub mod services {
    use super::KnownService;

    /// Who the accessory is; each has it as its first.
    pub const ACCESSORY_INFORMATION: KnownService = KnownService { number: 0x3e };
    /// Which protocol is spoken; the first accessory behind an address has it.
    pub const PROTOCOL_INFORMATION: KnownService = KnownService { number: 0xa2 };
    /// One stream of a camera; as many of it as streams at once.
    pub const CAMERA_RTP_STREAM_MANAGEMENT: KnownService = KnownService { number: 0x110 };
    /// What a camera records, and how.
    pub const CAMERA_RECORDING_MANAGEMENT: KnownService = KnownService { number: 0x204 };
    /// What a camera may do at all.
    pub const CAMERA_OPERATING_MODE: KnownService = KnownService { number: 0x21a };
    /// Sets up data streams; recordings go over one.
    pub const DATA_STREAM_TRANSPORT_MANAGEMENT: KnownService = KnownService { number: 0x129 };
    /// The camera's microphone.
    pub const MICROPHONE: KnownService = KnownService { number: 0x112 };
    /// The camera's loudspeaker.
    pub const SPEAKER: KnownService = KnownService { number: 0x113 };
    /// A doorbell.
    pub const DOORBELL: KnownService = KnownService { number: 0x121 };
    /// A motion sensor.
    pub const MOTION_SENSOR: KnownService = KnownService { number: 0x85 };
    /// A contact sensor.
    pub const CONTACT_SENSOR: KnownService = KnownService { number: 0x80 };
    /// A sensor of presence.
    pub const OCCUPANCY_SENSOR: KnownService = KnownService { number: 0x86 };
    /// A button.
    pub const STATELESS_PROGRAMMABLE_SWITCH: KnownService = KnownService { number: 0x89 };
    /// A battery.
    pub const BATTERY: KnownService = KnownService { number: 0x96 };
    /// A switch.
    pub const SWITCH: KnownService = KnownService { number: 0x49 };
}

/// Characteristics.
pub mod characteristics {
    use super::{Format, KnownCharacteristic as Known, Perms};

    /// Makes the accessory show itself.
    pub const IDENTIFY: Known = Known::new(0x14, Format::Bool, Perms::WRITE);
    /// Who made it.
    pub const MANUFACTURER: Known = Known::new(0x20, Format::String, Perms::READ);
    /// Its model.
    pub const MODEL: Known = Known::new(0x21, Format::String, Perms::READ);
    /// Its name.
    pub const NAME: Known = Known::new(0x23, Format::String, Perms::READ);
    /// Its serial number.
    pub const SERIAL_NUMBER: Known = Known::new(0x30, Format::String, Perms::READ);
    /// Its firmware, as `1.2.3`.
    pub const FIRMWARE_REVISION: Known = Known::new(0x52, Format::String, Perms::READ);
    /// Its hardware.
    pub const HARDWARE_REVISION: Known = Known::new(0x53, Format::String, Perms::READ);
    /// A version of the protocol.
    pub const VERSION: Known = Known::new(0x37, Format::String, Perms::READ);
    /// Video that the camera can send: [`crate::hap::camera::SupportedVideo`].
    pub const SUPPORTED_VIDEO: Known = Known::new(0x114, Format::Tlv8, Perms::READ);
    /// Sound that the camera can send: [`crate::hap::camera::SupportedAudio`].
    pub const SUPPORTED_AUDIO: Known = Known::new(0x115, Format::Tlv8, Perms::READ);
    /// How it can encipher: [`crate::hap::camera::SupportedRtp`].
    pub const SUPPORTED_RTP: Known = Known::new(0x116, Format::Tlv8, Perms::READ);
    /// Starts, changes and ends a stream: [`crate::hap::camera::SelectedStream`].
    pub const SELECTED_STREAM: Known = Known::new(0x117, Format::Tlv8, Perms::READ_WRITE);
    /// Addresses and keys of a stream: [`crate::hap::camera::SetupRequest`] is written, [`crate::hap::camera::SetupResponse`] read.
    pub const SETUP_ENDPOINTS: Known =
        Known::new(0x118, Format::Tlv8, Perms { write_response: true, ..Perms::READ_WRITE });
    /// Whether it streams: [`crate::hap::camera::StreamingStatus`].
    pub const STREAMING_STATUS: Known = Known::new(0x120, Format::Tlv8, Perms::READ_NOTIFY);
    /// Whether this stream management is in use at all.
    pub const ACTIVE: Known = Known::one_of(0xb0, Perms::ALL, &[0, 1]);
    /// Times of recordings that the camera can make: [`crate::hap::camera::recording::RecordingTimes`].
    pub const SUPPORTED_RECORDING: Known = Known::new(0x205, Format::Tlv8, Perms::READ_NOTIFY);
    /// Pictures of recordings: [`crate::hap::camera::recording::SupportedRecordingVideo`].
    pub const SUPPORTED_RECORDING_VIDEO: Known = Known::new(0x206, Format::Tlv8, Perms::READ_NOTIFY);
    /// Sound of recordings: [`crate::hap::camera::recording::SupportedRecordingAudio`].
    pub const SUPPORTED_RECORDING_AUDIO: Known = Known::new(0x207, Format::Tlv8, Perms::READ_NOTIFY);
    /// How it is to be recorded: [`crate::hap::camera::recording::SelectedRecording`].
    pub const SELECTED_RECORDING: Known = Known::new(0x209, Format::Tlv8, Perms::ALL);
    /// Whether sound is recorded.
    pub const RECORDING_AUDIO_ACTIVE: Known = Known::one_of(0x226, Perms::ALL, &[0, 1]);
    /// Whether the camera is on, as far as HomeKit goes.
    pub const HOMEKIT_CAMERA_ACTIVE: Known = Known::one_of(0x21b, Perms::ALL, &[0, 1]);
    /// Whether pictures may be made of what happens.
    pub const EVENT_SNAPSHOTS_ACTIVE: Known = Known::one_of(0x223, Perms::ALL, &[0, 1]);
    /// Whether pictures may be made now and then.
    pub const PERIODIC_SNAPSHOTS_ACTIVE: Known = Known::one_of(0x225, Perms::ALL, &[0, 1]);
    /// Which transports of data streams there are: [`crate::hap::data_stream::setup::supported`].
    pub const SUPPORTED_DATA_STREAM_TRANSPORT: Known = Known::new(0x130, Format::Tlv8, Perms::READ);
    /// Sets up a data stream: [`crate::hap::data_stream::setup::SetupRequest`] is written, the answer is
    /// [`crate::hap::data_stream::setup::SetupResponse`].
    pub const SETUP_DATA_STREAM_TRANSPORT: Known =
        Known::new(0x131, Format::Tlv8, Perms { write_response: true, ..Perms::READ_WRITE });
    /// How loud.
    pub const VOLUME: Known = Known::percentage(0x119);
    /// Whether it is silent.
    pub const MUTE: Known = Known::new(0x11a, Format::Bool, Perms::ALL);
    /// A button was pressed: 0 once, 1 twice, 2 long. It has no state.
    pub const PROGRAMMABLE_SWITCH_EVENT: Known = Known::one_of(0x73, Perms::READ_NOTIFY, &[0, 1, 2]);
    /// A button of a remote control was pressed. It has no state.
    pub const BUTTON_EVENT: Known = Known::new(0x126, Format::Tlv8, Perms::READ_NOTIFY);
    /// Something moves.
    pub const MOTION_DETECTED: Known = Known::new(0x22, Format::Bool, Perms::READ_NOTIFY);
    /// 1 when the contact is open.
    pub const CONTACT_SENSOR_STATE: Known = Known::one_of(0x6a, Perms::READ_NOTIFY, &[0, 1]);
    /// 1 when somebody is there.
    pub const OCCUPANCY_DETECTED: Known = Known::one_of(0x71, Perms::READ_NOTIFY, &[0, 1]);
    /// Whether a sensor works.
    pub const STATUS_ACTIVE: Known = Known::new(0x75, Format::Bool, Perms::READ_NOTIFY);
    /// 1 when there is a fault.
    pub const STATUS_FAULT: Known = Known::one_of(0x77, Perms::READ_NOTIFY, &[0, 1]);
    /// Charge of a battery.
    pub const BATTERY_LEVEL: Known = Known { perms: Perms::READ_NOTIFY, ..Known::percentage(0x68) };
    /// 0 not charging, 1 charging, 2 cannot be charged.
    pub const CHARGING_STATE: Known = Known::one_of(0x8f, Perms::READ_NOTIFY, &[0, 1, 2]);
    /// 1 when a battery is low.
    pub const STATUS_LOW_BATTERY: Known = Known::one_of(0x79, Perms::READ_NOTIFY, &[0, 1]);
    /// Whether something is on.
    pub const ON: Known = Known::new(0x25, Format::Bool, Perms::ALL);
}
