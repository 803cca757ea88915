//! What is said to a camera: frames of a call out, as RTP that the audio session enciphers.
//!
//! Owns the one lane that all calls of an attempt share (its numbers go on from call to call), and the offer of the loudspeaker, which
//! stands as long as this.
use super::camera::Camera;
use super::receiving::{AUDIO_PAYLOAD_TYPE, REPORT_EVERY};
use crate::homekit::rtp::{Lane, LaneOptions};
use crate::homekit::sound::Agreed;
use crate::homekit::speakers::{Offer, Offered, Speaker, SpeakerKey, Speakers, Voice};
use bytes::Bytes;
use formats::rtp::Packets;
use media::{MediaTime, Moment};
use protocols::hap::camera::AudioConfiguration;
use std::time::Duration;
use tokio::sync::mpsc;

/// A voice that is later than its clock by more than this has paused: 200 ms. Below that a network may have held it up.
const PAUSE_MIN: Duration = Duration::from_millis(200);

/// What a call brings.
pub(super) enum Said {
    /// It begins.
    Begun,
    /// A packet to send, of the audio session.
    Packet(Packets),
}

/// The way to the camera's loudspeaker, whether it has one or not.
pub(super) struct Speaking {
    mouth: Option<Mouth>,
    _offered: Offered,
}

impl Speaking {
    /// Offers the loudspeaker, or says why there is none. `ours`: the SSRC that was named as ours, where sound was agreed on.
    pub(super) fn new(
        speakers: &Speakers,
        key: SpeakerKey,
        camera: &Camera,
        agreed: Option<(AudioConfiguration, u32)>,
    ) -> Self {
        let mouth = match (&camera.speaker, agreed) {
            (None, _) => Err("the camera has no loudspeaker: it names no Speaker service".to_owned()),
            (Some(_), None) => {
                Err("the camera has a loudspeaker, but names no sound that it takes".to_owned())
            }
            (Some(_), Some((agreed, ours))) => Agreed::of(&agreed)
                .map(|sound| Mouth::new(sound, ours, hub::now()))
                .map_err(|why| format!("the camera's loudspeaker cannot be used: {why}")),
        };
        let (mouth, offer) = match mouth {
            Ok((mouth, speaker)) => (Some(mouth), Offer::Speaker(speaker)),
            Err(why) => (None, Offer::Without(why)),
        };
        Self { mouth, _offered: speakers.offer(key, offer) }
    }

    /// What is said next. Cancel-safe.
    pub(super) async fn next(&mut self) -> Said {
        match &mut self.mouth {
            Some(mouth) => mouth.next().await,
            None => std::future::pending().await,
        }
    }

    /// The report that is due, while there is a call.
    pub(super) fn report(&mut self) -> Option<Bytes> {
        let mouth = self.mouth.as_mut().filter(|mouth| mouth.voice.is_some())?;
        mouth.lane.report(hub::now(), hub::wall_now())
    }
}

struct Mouth {
    sound: Agreed,
    lane: Lane,
    calls: mpsc::Receiver<Voice>,
    voice: Option<Voice>,
    /// When the clock of what is said stood at 0.
    begun: Moment,
    /// Where it stands behind the newest frame, in ticks of the target; none before the first frame.
    next: Option<i64>,
    /// The next frame is the first of a call.
    begins: bool,
}

impl Mouth {
    fn new(sound: Agreed, ours: u32, now: Moment) -> (Self, Speaker) {
        let options = LaneOptions {
            ssrc: ours,
            payload_type: AUDIO_PAYLOAD_TYPE,
            clock_rate: sound.clock_hz,
            report_every_s: REPORT_EVERY.as_secs_f32(),
        };
        let (speaker, calls) = Speaker::new(sound.target);
        let lane = Lane::new(options, now);
        (Self { sound, lane, calls, voice: None, begun: now, next: None, begins: true }, speaker)
    }

    async fn next(&mut self) -> Said {
        loop {
            let frame = async {
                match &mut self.voice {
                    Some(voice) => voice.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                // none: never, since the offer stands as long as this
                Some(voice) = self.calls.recv() => {
                    self.voice = Some(voice);
                    self.begins = true;
                    return Said::Begun;
                }
                frame = frame => match frame {
                    Some(frame) => return Said::Packet(self.packet(&frame, hub::now())),
                    None => self.voice = None,
                },
            }
        }
    }

    /// A frame with its number and time: behind the one before, or, after a pause, where the clock stands.
    fn packet(&mut self, frame: &Bytes, now: Moment) -> Packets {
        let rate = self.sound.target.clock_rate();
        let clock = MediaTime::ticks_of(now.since(self.begun), rate);
        let pause = MediaTime::ticks_of(PAUSE_MIN, rate);
        let begins = std::mem::take(&mut self.begins) || self.next.is_none_or(|next| clock - next > pause);
        // The call before may have run ahead of the clock: times never go back.
        let at = if begins { clock.max(self.next.unwrap_or(clock)) } else { self.next.unwrap_or(clock) };
        if begins {
            self.lane.anchor(at, rate, now);
        }
        self.next = Some(at + self.sound.frame_ticks());
        // the marker is for the first packet after silence (RFC 3551 §4.1)
        let payload = self.sound.payload(frame);
        self.lane.packets(at, rate, std::iter::once((&payload[..], begins)))
    }
}
