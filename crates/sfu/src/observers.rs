//! Observers of sound: who is how loud, and who speaks.
//!
//! Both take the level that senders put into each packet (RFC 6464) and return what is to be told to the
//! application; sound itself is not decoded. Names and defaults are mediasoup's.
mod active_speaker;
mod activity;
mod audio_level;
mod level;

pub use active_speaker::{ActiveSpeakerObserver, ActiveSpeakerObserverOptions};
pub use audio_level::{
    AudioLevelObserver, AudioLevelObserverEvent, AudioLevelObserverOptions, AudioLevelObserverVolume,
};
pub use level::AudioLevel;
