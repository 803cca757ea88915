//! The receiving half of a transport: consumers, and the judges behind them.
use super::super::BotError;
use super::super::judge::{Judge, Verify};
use super::super::parameters::RtpParameters;
use super::super::payload::{Format, VideoCodec};
use super::super::report::BotReport;
use super::{BotTransport, Consumed, LOOK_INTERVAL};
use std::time::Instant;
use str0m::media::{KeyframeRequestKind, MediaKind};
use str0m::rtp::RtpPacket;

/// Stream with which mediasoup probes a way, when there is video with transport-wide feedback.
const PROBATOR_STREAM: u32 = 1_234;

impl BotTransport {
    /// Expects a consumer's stream. `tag` says whose packets these must be; without it they must be those of whoever is first.
    /// Returns the stream's number, which is the consumer's name here.
    ///
    /// # Errors
    /// If the parameters are not those of a consumer, or have other numbers than the router has told.
    pub fn consume(
        &mut self,
        parameters: &RtpParameters,
        tag: Option<u32>,
        now: Instant,
    ) -> Result<u32, BotError> {
        let wrong = |why: &str| BotError::Json { what: "consumer's rtpParameters", why: why.to_owned() };
        let [encoding] = parameters.encodings.as_slice() else { return Err(wrong("not one encoding")) };
        let ssrc = encoding.ssrc.ok_or_else(|| wrong("no ssrc"))?;
        let rtx = encoding.rtx.map(|rtx| rtx.ssrc);
        let codec = parameters.codecs.first().ok_or_else(|| wrong("no codec"))?;
        let mid = parameters.mid.as_deref().ok_or_else(|| wrong("no mid"))?.into();
        parameters.codecs.iter().try_for_each(|codec| self.device.check(codec))?;
        parameters
            .header_extensions
            .iter()
            .try_for_each(|extension| self.device.check_extension(extension))?;
        if self.known.contains(&ssrc) || self.consumers.values().any(|consumed| consumed.mid == mid) {
            return Err(wrong("a stream or mid that is in use"));
        }
        let name = codec.name();
        let format = match VideoCodec::of_name(&name) {
            Some(codec) => Format::Video(codec),
            None if name == "OPUS" => Format::Opus,
            None => return Err(BotError::Codec(name)),
        };
        let video = format != Format::Opus;
        let mut api = self.rtc.direct_api();
        api.declare_media(mid, if video { MediaKind::Video } else { MediaKind::Audio });
        let stream = api.expect_stream_rx(ssrc.into(), rtx.map(Into::into), mid, None);
        stream.suppress_nack(rtx.is_none());
        if video && self.device.has_transport_cc() && self.known.insert(PROBATOR_STREAM) {
            let probator = "probator".into();
            api.declare_media(probator, MediaKind::Video);
            api.expect_stream_rx(PROBATOR_STREAM.into(), None, probator, None).suppress_nack(true);
        }
        self.known.insert(ssrc);
        self.known.extend(rtx);
        let judge = Judge::new(format, self.options.verify, tag, now);
        self.consumers.insert(ssrc, Consumed { judge, mid, rtx });
        self.wake = now;
        Ok(ssrc)
    }

    /// The server was told to send nothing, or to send again: nothing is missed meanwhile.
    pub fn set_consumer_paused(&mut self, consumer: u32, paused: bool, now: Instant) {
        if let Some(consumed) = self.consumers.get_mut(&consumer) {
            consumed.judge.set_paused(paused, now);
        }
    }

    /// Ends a consumer. What still comes of it counts as stray, so the server is to be told first.
    pub fn close_consumer(&mut self, consumer: u32) -> Option<BotReport> {
        let consumed = self.consumers.remove(&consumer)?;
        self.known.remove(&consumer);
        if let Some(rtx) = consumed.rtx {
            self.known.remove(&rtx);
        }
        let mut api = self.rtc.direct_api();
        api.remove_stream_rx(consumer.into());
        api.remove_media(consumed.mid);
        Some(consumed.judge.report())
    }

    /// What a consumer saw until now.
    pub fn consumer_report(&self, consumer: u32) -> Option<BotReport> {
        self.consumers.get(&consumer).map(|consumed| consumed.judge.report())
    }

    /// What each consumer saw until now.
    pub fn consumer_reports(&self) -> Vec<BotReport> {
        self.consumers.values().map(|consumed| consumed.judge.report()).collect()
    }

    pub(super) fn handle_packet(&mut self, packet: &RtpPacket, now: Instant) {
        let header = &packet.header;
        if let Some(consumed) = self.consumers.get_mut(&*header.ssrc) {
            let payload = &packet.payload;
            consumed.judge.handle_packet(*packet.seq_no, header.timestamp, header.marker, payload, now);
        }
    }

    /// Lets the judges look at the clock; says whether a key frame was asked for.
    pub(super) fn look(&mut self, now: Instant) -> bool {
        if self.options.verify != Verify::Full || now < self.look_at {
            return false;
        }
        self.look_at = now + LOOK_INTERVAL;
        let mut asked = false;
        for (ssrc, consumed) in &mut self.consumers {
            consumed.judge.handle_timeout(now);
            if consumed.judge.take_key_frame_request(now) {
                let mut api = self.rtc.direct_api();
                if let Some(stream) = api.stream_rx(&(*ssrc).into()) {
                    stream.request_keyframe(KeyframeRequestKind::Pli);
                    asked = true;
                }
            }
        }
        asked
    }
}
