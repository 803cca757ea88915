//! What accessories are to be. Plain values: the server makes them from the configuration.
use media::StreamName;
use protocols::hap::advertisement::Category;
use protocols::hap::pairing::{Identity, Pairing, SetupCode};
use std::net::SocketAddr;

/// An accessory: an address in HomeKit.
#[derive(Clone, PartialEq, Debug)]
pub struct AccessoryConfig {
    /// Its name in the configuration, under which keys and pairings are kept.
    pub name: String,
    /// Its name in the Home.
    pub title: String,
    /// Its identifier, `XX:XX:XX:XX:XX:XX`.
    pub id: String,
    /// Its key, where the configuration says which; else one is drawn and kept.
    pub identity: Option<Identity>,
    /// The code that pairs with it.
    pub code: SetupCode,
    /// What it is, for controllers' pictures.
    pub category: Category,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Pairings of the configuration, taken once: go2rtc keeps them there.
    pub pairings: Vec<Pairing>,
    /// Its cameras: one, unless it is a bridge.
    pub cameras: Vec<CameraConfig>,
    /// It is a bridge: an accessory without a picture, with cameras behind it.
    pub is_bridge: bool,
}

/// A camera.
#[derive(Clone, PartialEq, Debug)]
pub struct CameraConfig {
    /// The stream that it shows.
    pub stream: StreamName,
    /// Its name in the Home.
    pub title: String,
    /// It has a button.
    pub doorbell: bool,
    /// It has a motion sensor.
    pub motion: bool,
    /// What Apple's devices do not take may be transcoded.
    pub transcode: bool,
    /// Sound goes along.
    pub sound: bool,
    /// Whoever looks may talk to the stream's device, where it has a talk stream.
    pub talk: bool,
    /// Hubs may record it: Secure Video.
    pub secure_video: bool,
}
