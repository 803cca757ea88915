//! What a router can carry: the codecs and header extensions that negotiation begins from.
//!
//! A router forwards packets and decodes nothing, so a codec is here when its key frames and layers can be read.
//! Ids of header extensions are mediasoup's (0.33), so that captures and old notes stay true.
//!
//! `audio/red` (RFC 2198) repeats Opus; who does not list it gets the Opus in it. An application lists it behind Opus:
//! `mediasoup-client` sends the first codec that it can and no other, and RED alone is refused. So it sends Opus, and
//! receives both.
//!
//! H.264, H.265, VP9 and AV1 are listed by the profiles that browsers offer; others are carried as well when an
//! application asks for them.
use crate::rtp_parameters::{
    MediaKind, MimeTypeAudio, MimeTypeVideo, RtcpFeedback, RtpCapabilities, RtpCodecCapability,
    RtpCodecParametersParameters, RtpHeaderExtension, RtpHeaderExtensionDirection, RtpHeaderExtensionUri,
};
use std::num::{NonZeroU8, NonZeroU32};

/// Clock rate of every video codec here, in hertz.
const VIDEO_CLOCK: u32 = 90_000;

/// Profiles of H.264 that browsers offer, at level 3.1: Baseline, Constrained Baseline, Main, High, Constrained
/// High and High 4:4:4 Predictive.
const H264_PROFILES: [&str; 6] = ["42001f", "42e01f", "4d001f", "64001f", "640c1f", "f4001f"];

/// All codecs and header extensions that a router can carry. Codecs whose payload type is fixed by RFC 3551 say so.
pub fn supported_rtp_capabilities() -> RtpCapabilities {
    RtpCapabilities {
        codecs: audio_codecs().into_iter().chain(video_codecs()).collect(),
        header_extensions: header_extensions(),
    }
}

fn audio_codecs() -> Vec<RtpCodecCapability> {
    use MimeTypeAudio::{Cn, G722, MultiChannelOpus, Opus, Pcma, Pcmu, Red, TelephoneEvent};
    let opus_feedback = || vec![RtcpFeedback::Nack, RtcpFeedback::TransportCc];
    let plain = || vec![RtcpFeedback::TransportCc];
    let audio = |mime_type, payload_type, clock_rate, channels, parameters, rtcp_feedback| {
        RtpCodecCapability::Audio {
            mime_type,
            preferred_payload_type: payload_type,
            clock_rate: hertz(clock_rate),
            channels: NonZeroU8::new(channels).unwrap_or(NonZeroU8::MIN),
            parameters,
            rtcp_feedback,
        }
    };
    // Chromium's layouts of four, six (5.1) and eight (7.1) channels
    let surround = |channels, mapping: &'static str, streams: u32, coupled: u32| {
        let parameters = RtpCodecParametersParameters::from([
            ("channel_mapping", mapping.into()),
            ("num_streams", streams.into()),
            ("coupled_streams", coupled.into()),
        ]);
        audio(MultiChannelOpus, None, 48_000, channels, parameters, opus_feedback())
    };
    let none = RtpCodecParametersParameters::default;
    let mut codecs = vec![
        audio(Opus, None, 48_000, 2, none(), opus_feedback()),
        surround(4, "0,1,2,3", 2, 2),
        surround(6, "0,4,1,2,3,5", 4, 2),
        surround(8, "0,6,1,2,3,4,5,7", 5, 3),
        audio(Pcmu, Some(0), 8_000, 1, none(), plain()),
        audio(Pcma, Some(8), 8_000, 1, none(), plain()),
        audio(G722, Some(9), 8_000, 1, none(), plain()),
    ];
    codecs.extend([32_000, 16_000, 8_000].map(|rate| audio(Cn, Some(13), rate, 1, none(), vec![])));
    codecs.extend(
        [48_000, 32_000, 16_000, 8_000].map(|rate| audio(TelephoneEvent, None, rate, 1, none(), vec![])),
    );
    codecs.push(audio(Red, None, 48_000, 2, none(), plain()));
    codecs
}

fn video_codecs() -> Vec<RtpCodecCapability> {
    let mut codecs = vec![video(MimeTypeVideo::Vp8, RtpCodecParametersParameters::default())];
    codecs
        .extend([0_u32, 2].map(|profile| video(MimeTypeVideo::Vp9, [("profile-id", profile.into())].into())));
    for packetization_mode in [1_u32, 0] {
        codecs.extend(H264_PROFILES.map(|profile| {
            let parameters = [
                ("level-asymmetry-allowed", 1_u32.into()),
                ("packetization-mode", packetization_mode.into()),
                ("profile-level-id", profile.into()),
            ];
            video(MimeTypeVideo::H264, parameters.into())
        }));
    }
    // Main and Main 10 at level 6.0 (180 / 30); the level is no part of what has to match
    codecs.extend([1_u32, 2].map(|profile| {
        let parameters = [
            ("profile-id", profile.into()),
            ("tier-flag", 0_u32.into()),
            ("level-id", 180_u32.into()),
            ("tx-mode", "SRST".into()),
        ];
        video(MimeTypeVideo::H265, parameters.into())
    }));
    codecs.extend([0_u32, 1].map(|profile| {
        let parameters = [("profile", profile.into()), ("level-idx", 5_u32.into()), ("tier", 0_u32.into())];
        video(MimeTypeVideo::AV1, parameters.into())
    }));
    codecs
}

fn video(mime_type: MimeTypeVideo, parameters: RtpCodecParametersParameters) -> RtpCodecCapability {
    RtpCodecCapability::Video {
        mime_type,
        preferred_payload_type: None,
        clock_rate: hertz(VIDEO_CLOCK),
        parameters,
        rtcp_feedback: vec![
            RtcpFeedback::Nack,
            RtcpFeedback::NackPli,
            RtcpFeedback::CcmFir,
            RtcpFeedback::GoogRemb,
            RtcpFeedback::TransportCc,
        ],
    }
}

fn header_extensions() -> Vec<RtpHeaderExtension> {
    use MediaKind::{Audio, Video};
    use RtpHeaderExtensionDirection::{RecvOnly, SendRecv};
    use RtpHeaderExtensionUri as Uri;
    let both: &[MediaKind] = &[Audio, Video];
    let rows: [(u16, Uri, &[MediaKind], RtpHeaderExtensionDirection); 11] = [
        (1, Uri::Mid, both, SendRecv),
        // a consumer is one stream, so stream ids end at the router
        (2, Uri::RtpStreamId, &[Video], RecvOnly),
        (3, Uri::RepairRtpStreamId, &[Video], RecvOnly),
        (4, Uri::AbsSendTime, &[Video], SendRecv),
        (5, Uri::TransportWideCcDraft01, both, SendRecv),
        (6, Uri::SsrcAudioLevel, &[Audio], SendRecv),
        // a router picks layers for a consumer and does not rewrite the descriptor, so it ends here as well
        (7, Uri::DependencyDescriptor, &[Video], RecvOnly),
        (8, Uri::VideoOrientation, &[Video], SendRecv),
        (9, Uri::AbsCaptureTime, both, SendRecv),
        (10, Uri::PlayoutDelay, both, SendRecv),
        (11, Uri::MediasoupPacketId, both, SendRecv),
    ];
    let extension = |kind, uri, preferred_id, direction| RtpHeaderExtension {
        kind,
        uri,
        preferred_id,
        preferred_encrypt: false,
        direction,
    };
    rows.iter()
        .flat_map(|(id, uri, kinds, direction)| {
            kinds.iter().map(move |kind| extension(*kind, *uri, *id, *direction))
        })
        .collect()
}

fn hertz(rate: u32) -> NonZeroU32 {
    NonZeroU32::new(rate).unwrap_or(NonZeroU32::MIN)
}
