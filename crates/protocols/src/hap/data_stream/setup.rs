//! How a data stream is set up: values of the characteristics of `DataStreamTransportManagement`, both ways.
//!
//! Source: hap-nodejs 1.2.0, `DataStreamManagement`.
use super::keys::SALT_BYTES;
use crate::hap::camera::{one_of, required};
use crate::hap::tlv8::{Tlv8, Tlv8Error};

/// The version that accessories tell.
pub const VERSION: &str = "1.0";

/// `TCP`, the only transport there is.
const TRANSPORT_TCP: u8 = 0;
/// The only command there is.
const START: u8 = 0;

/// `SupportedDataStreamTransportConfiguration` of an accessory: TCP.
pub fn supported() -> String {
    const CONFIGURATION: u8 = 1;
    const TRANSPORT: u8 = 1;
    let transport = Tlv8::new().with(TRANSPORT, [TRANSPORT_TCP]);
    Tlv8::new().with(CONFIGURATION, transport.to_bytes()).to_base64()
}

/// What a controller writes to `SetupDataStreamTransport`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SetupRequest {
    /// The controller's part of the keys' salt.
    pub salt: [u8; SALT_BYTES],
}

impl SetupRequest {
    const COMMAND: u8 = 1;
    const TRANSPORT: u8 = 2;
    const SALT: u8 = 3;

    /// As a characteristic's value.
    pub fn to_base64(&self) -> String {
        let items = Tlv8::new().with(Self::COMMAND, [START]).with(Self::TRANSPORT, [TRANSPORT_TCP]);
        items.with(Self::SALT, self.salt).to_base64()
    }

    /// Reads a characteristic's value.
    ///
    /// # Errors
    /// It is none, or asks for something else than a stream over TCP.
    pub fn from_base64(text: &str) -> Result<Self, Tlv8Error> {
        let items = Tlv8::from_base64(text)?;
        one_of(Self::COMMAND, required(&items, Self::COMMAND)?, &[START])?;
        one_of(Self::TRANSPORT, required(&items, Self::TRANSPORT)?, &[TRANSPORT_TCP])?;
        Ok(Self { salt: items.array(Self::SALT)? })
    }
}

/// What it gets in the answer to that write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SetupResponse {
    /// It may connect within ten seconds.
    Success {
        /// Where the accessory listens.
        port: u16,
        /// The accessory's part of the keys' salt.
        salt: [u8; SALT_BYTES],
    },
    /// It cannot be.
    Error,
    /// There are too many already.
    Busy,
}

impl SetupResponse {
    const STATUS: u8 = 1;
    const PARAMETERS: u8 = 2;
    const SALT: u8 = 3;
    const PORT: u8 = 1;

    /// As a characteristic's value.
    pub fn to_base64(&self) -> String {
        match self {
            Self::Success { port, salt } => {
                let parameters = Tlv8::new().with(Self::PORT, port.to_le_bytes());
                let items = Tlv8::new().with(Self::STATUS, [0]).with(Self::PARAMETERS, parameters.to_bytes());
                items.with(Self::SALT, *salt).to_base64()
            }
            Self::Error => Tlv8::new().with(Self::STATUS, [1]).to_base64(),
            Self::Busy => Tlv8::new().with(Self::STATUS, [2]).to_base64(),
        }
    }

    /// Reads a characteristic's value.
    ///
    /// # Errors
    /// It is none.
    pub fn from_base64(text: &str) -> Result<Self, Tlv8Error> {
        let items = Tlv8::from_base64(text)?;
        match required::<u64>(&items, Self::STATUS)? {
            0 => Ok(Self::Success {
                port: required(&items.nested(Self::PARAMETERS)?, Self::PORT)?,
                salt: items.array(Self::SALT)?,
            }),
            1 => Ok(Self::Error),
            2 => Ok(Self::Busy),
            number => Err(Tlv8Error::Value { kind: Self::STATUS, number }),
        }
    }
}
