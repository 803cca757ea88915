//! The sending half of a transport: sources, and what they are told as `rtpParameters`.
use super::super::BotError;
use super::super::parameters::{RtcpParameters, RtpEncodingParameters, RtpParameters, RtxParameters};
use super::super::report::SourceReport;
use super::super::source::{AudioOptions, Layering, Source, VideoOptions, Voice};
use super::{BotTransport, Published, RTX_AGE, RTX_PACKETS};
use std::time::{Duration, Instant};
use str0m::media::{MediaKind, Mid, Rid};
use str0m::rtp::{ExtensionValues, RtpWrite};

impl BotTransport {
    /// Adds a camera; it sends as soon as the connection is there. Returns what the server's `produce` takes.
    ///
    /// # Errors
    /// If the router does not know the codec, or the layers do not go with it.
    pub fn publish_video(&mut self, options: VideoOptions) -> Result<RtpParameters, BotError> {
        let svc = options.layering == Layering::Svc;
        if options.layers.is_empty()
            || options.layers.len() > 3
            || svc && options.codec.name() != "VP9"
            || options.fps == 0
        {
            return Err(BotError::Layers);
        }
        let (payload_type, repairs, codecs) = self.device.sending(options.codec.name())?;
        let mid = self.next_mid();
        self.rtc.direct_api().declare_media(mid, MediaKind::Video);
        let (mut streams, mut encodings) = (Vec::new(), Vec::new());
        for index in 0..options.encodings() {
            let several = options.encodings() > 1 || options.layering == Layering::Rids;
            // Without names str0m would take all streams of one media for one. A server that was told SSRCs goes by those.
            let name =
                if options.layering == Layering::Rids { format!("r{index}") } else { format!("s{index}") };
            let rid: Option<Rid> = several.then(|| name.as_str().into());
            let mut api = self.rtc.direct_api();
            let ssrc = api.new_ssrc();
            let rtx = repairs.then(|| api.new_ssrc());
            let stream = api.declare_stream_tx(ssrc, rtx, mid, rid);
            // All repairs that are asked for, however many: a bot is to be repaired, not to be fair.
            stream.set_rtx_cache(RTX_PACKETS, RTX_AGE, None);
            streams.push((ssrc, rid));
            let by_name = options.layering == Layering::Rids;
            encodings.push(RtpEncodingParameters {
                ssrc: (!by_name).then_some(*ssrc),
                rid: by_name.then_some(name),
                rtx: rtx.filter(|_| !by_name).map(|ssrc| RtxParameters { ssrc: *ssrc }),
                dtx: None,
                scalability_mode: Some(options.scalability_mode()),
                max_bitrate: Some(if svc { options.layers.iter().sum() } else { options.layers[index] }),
            });
        }
        let tag = options.tag;
        let payload_type = payload_type.into();
        let source = Source::camera(options);
        self.sources.insert(tag, Published { source, mid, payload_type, streams, began: None, video: true });
        let header_extensions = self.device.sent_extensions("video");
        Ok(RtpParameters {
            mid: Some(mid.to_string()),
            codecs,
            header_extensions,
            encodings,
            rtcp: self.rtcp(mid),
        })
    }

    /// Adds a microphone; it sends as soon as the connection is there. Returns what the server's `produce` takes.
    ///
    /// # Errors
    /// If the router does not know Opus.
    pub fn publish_audio(&mut self, options: AudioOptions) -> Result<RtpParameters, BotError> {
        let (payload_type, _, codecs) = self.device.sending("OPUS")?;
        let mid = self.next_mid();
        let mut api = self.rtc.direct_api();
        api.declare_media(mid, MediaKind::Audio);
        let ssrc = api.new_ssrc();
        api.declare_stream_tx(ssrc, None, mid, None);
        let encoding = RtpEncodingParameters {
            ssrc: Some(*ssrc),
            dtx: (options.voice == Voice::Dtx).then_some(true),
            ..RtpEncodingParameters::default()
        };
        let published = Published {
            source: Source::microphone(options),
            mid,
            payload_type: payload_type.into(),
            streams: vec![(ssrc, None)],
            began: None,
            video: false,
        };
        self.sources.insert(options.tag, published);
        let (encodings, header_extensions) = (vec![encoding], self.device.sent_extensions("audio"));
        Ok(RtpParameters {
            mid: Some(mid.to_string()),
            codecs,
            header_extensions,
            encodings,
            rtcp: self.rtcp(mid),
        })
    }

    fn rtcp(&self, mid: Mid) -> RtcpParameters {
        let cname = self.rtc.media(mid).map(|media| media.cname().to_owned());
        RtcpParameters { cname, reduced_size: true }
    }

    /// Goes on or stops sending, as a producer that is paused at the client.
    pub fn set_source_enabled(&mut self, tag: u32, enabled: bool) {
        if let Some(published) = self.sources.get_mut(&tag) {
            published.source.set_enabled(enabled);
        }
    }

    /// What a microphone hears from now on.
    pub fn set_voice(&mut self, tag: u32, voice: Voice) {
        if let Some(published) = self.sources.get_mut(&tag) {
            published.source.set_voice(voice);
        }
    }

    /// Ends a source.
    pub fn unpublish(&mut self, tag: u32) -> Option<SourceReport> {
        let published = self.sources.remove(&tag)?;
        self.rtc.direct_api().remove_media(published.mid);
        Some(published.source.report().clone())
    }

    /// What a source sent until now.
    pub fn source_report(&self, tag: u32) -> Option<SourceReport> {
        self.sources.get(&tag).map(|published| published.source.report().clone())
    }

    pub(super) fn handle_key_frame_request(&mut self, mid: Mid, rid: Option<Rid>) {
        for published in self.sources.values_mut().filter(|published| published.mid == mid) {
            let wanted = published.streams.iter().position(|(_, own)| *own == rid);
            published.source.request_key_frame(wanted.unwrap_or_default());
        }
    }

    /// Writes the packets that are due; says whether there were any.
    pub(super) fn write_media(&mut self, now: Instant) -> bool {
        let mut any = false;
        for published in self.sources.values_mut() {
            let began = *published.began.get_or_insert(now);
            published.source.poll(now.saturating_duration_since(began), &mut self.packets);
            for packet in self.packets.drain(..) {
                let (ssrc, _) = published.streams[packet.encoding];
                let mut api = self.rtc.direct_api();
                let Some(stream) = api.stream_tx(&ssrc) else { continue };
                let captured = began + packet.captured;
                let extensions = ExtensionValues {
                    audio_level: packet.level.map(|(level, _)| -(level.min(127) as i8)),
                    voice_activity: packet.level.map(|(_, voice)| voice),
                    ..ExtensionValues::default()
                };
                let sequence = packet.sequence.into();
                let write = RtpWrite::new(
                    published.payload_type,
                    sequence,
                    packet.timestamp,
                    captured,
                    packet.payload,
                );
                let write = write.marker(packet.marker).ext_vals(extensions).nackable(published.video);
                stream.write_rtp(write);
                any = true;
            }
        }
        any
    }

    pub(super) fn media_wake(&self, now: Instant) -> Instant {
        let due = self
            .sources
            .values()
            .map(|published| published.began.unwrap_or(now) + published.source.next_at());
        due.min().unwrap_or(now + Duration::from_secs(3_600))
    }
}
