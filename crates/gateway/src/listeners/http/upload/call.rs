//! The call to a device before the first word is said: silence, until the device takes sound.
//!
//! A call is opened with the first sound, and what is said before it is open is lost. Of a file nothing may be lost, so that
//! it waits; of somebody who speaks live nothing may be late, so that what was said meanwhile is left out.
use super::over::Over;
use super::pour::Pour;
use crate::ingest::pace::LEAD;
use ::http::StatusCode;
use bytes::Bytes;
use formats::demux::DemuxEvent;
use hub::OutputReport;
use media::{Codec, Moment, Unit};
use std::time::Duration;

/// How long a device may take to open a call: 10 s, five times what slow ones need.
const OPEN_MAX: Duration = Duration::from_secs(10);
/// How often it is looked whether it has.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// One unit of silence, and of the body.
const FRAME: Duration = Duration::from_millis(20);
/// Somebody who speaks has said no more than was time for, and this: 250 ms, the piece in which a microphone comes.
const SPOKEN_SLACK: Duration = Duration::from_millis(250);
/// A call that opened faster than this tells nothing about the sender: 100 ms.
const TELLING: Duration = Duration::from_millis(100);

/// What the devices do.
enum Devices {
    Listen,
    /// One is being called; what went wrong before that, if something did.
    Called(Option<String>),
    Failed(String),
}

impl Pour {
    /// Says nothing until the device takes sound.
    pub(super) async fn call(&mut self) -> Result<(), Over> {
        let began = hub::now();
        let (mut look_at, mut said) = (began, 0);
        loop {
            let now = hub::now();
            if now >= look_at {
                look_at = now + LOOK_EVERY;
                match self.devices().await {
                    Devices::Listen => break,
                    Devices::Failed(why) => {
                        let why = format!("the device does not take the call: {why}");
                        return Err(Over::Refused(StatusCode::BAD_GATEWAY, why));
                    }
                    Devices::Called(why) if now.since(began) > OPEN_MAX => {
                        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
                        let why =
                            format!("the device did not take the call in {} s{why}", OPEN_MAX.as_secs());
                        return Err(Over::Refused(StatusCode::GATEWAY_TIMEOUT, why));
                    }
                    Devices::Called(_) => {}
                }
            }
            said += self.be_silent(said, began).await?;
        }
        self.join(said, began);
        Ok(())
    }

    async fn devices(&self) -> Devices {
        let outputs = self.hub.report(&self.name).await.map(|report| report.outputs).unwrap_or_default();
        let failed = |output: &OutputReport| output.state == "gave_up";
        let error = || outputs.iter().find_map(|output| output.error.clone());
        if outputs.iter().all(failed) {
            return Devices::Failed(error().unwrap_or_else(|| "there is none any more".to_owned()));
        }
        if outputs.iter().all(|output| failed(output) || output.opened.is_some()) {
            return Devices::Listen;
        }
        Devices::Called(error())
    }

    /// Publishes one unit of silence when it is time for it, and hears meanwhile what somebody unknown sends. Returns how
    /// many ticks it lasts.
    pub(super) async fn be_silent(&mut self, at: i64, began: Moment) -> Result<i64, Over> {
        let Some(sound) = &mut self.sound else { return Ok(0) };
        let (frames, channels) = (sound.track.clock_rate / 50, usize::from(sound.track.channels.max(1)));
        let samples = frames as usize * channels;
        let data = match sound.track.codec {
            Codec::Pcma => vec![0xd5; samples],
            Codec::Pcmu => vec![0xff; samples],
            Codec::L16
            | Codec::H264
            | Codec::H265
            | Codec::Av1
            | Codec::Vp8
            | Codec::Vp9
            | Codec::Mjpeg
            | Codec::Aac
            | Codec::Opus
            | Codec::G722
            | Codec::Mp3 => vec![0; samples * 2],
        };
        let (time, now) = (sound.time(at), hub::now());
        // Not ahead of its time: what follows would be that late at the device.
        sound.pace.wait(time, now);
        let until = now + sound.pace.plays_in(time, now);
        while hub::now() < until {
            if !self.is_unknown(began) {
                self.hold(until).await?;
                break;
            }
            let Self { sender, outlet, .. } = self;
            let piece = tokio::select! {
                () = hub::sleep_until(until) => break,
                piece = sender.next() => piece?,
                ended = outlet.ended() => return Err(ended.into()),
            };
            self.take(piece);
        }
        let (arrival, wall) = (hub::now(), hub::wall_now());
        let (keyframe, discontinuity, data) = (true, false, Bytes::from(data));
        self.publish(Unit { track: 0, pts: at, dts: at, arrival, wall, keyframe, discontinuity, data })
            .await?;
        Ok(i64::from(frames))
    }

    /// Whether it still is to be found out what the sender does. A body that is whole, or that came faster than one speaks, is
    /// a file.
    fn is_unknown(&mut self, began: Moment) -> bool {
        let is_file = self.ended || self.queued() > hub::now().since(began) + SPOKEN_SLACK;
        let Some(sound) = self.sound.as_mut().filter(|sound| sound.pace.is_unknown()) else { return false };
        if is_file {
            sound.pace.judge(false);
        }
        !is_file
    }

    /// The device listens: what the body says follows on the silence.
    fn join(&mut self, said: i64, began: Moment) {
        let took = hub::now().since(began);
        let speaks_live = self.is_unknown(began) && took >= TELLING;
        let Some(sound) = &mut self.sound else { return };
        sound.joins = Some(said);
        if speaks_live {
            sound.pace.judge(true);
            self.forget(self.queued().saturating_sub(LEAD));
        } else {
            self.idle += took;
        }
    }

    /// How much sound of the body waits.
    fn queued(&self) -> Duration {
        FRAME * self.queue.iter().filter(|event| matches!(event, DemuxEvent::Unit(_))).count() as u32
    }

    /// Leaves out the oldest sound.
    fn forget(&mut self, duration: Duration) {
        let mut units = duration.as_millis() / FRAME.as_millis();
        self.queue.retain(|event| {
            let forgets = units > 0 && matches!(event, DemuxEvent::Unit(_));
            units -= u128::from(forgets);
            !forgets
        });
    }
}
