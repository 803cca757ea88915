//! Which producer of a transport a packet belongs to.
//!
//! By SSRC when it is known; else by `mid` and `rid` in the packet, and then the SSRC is known too. Source: RFC 8843
//! §9.2; the `mid` of a producer is unique within its transport, its `rid`s within the producer.
use super::keys::ProducerKey;
use crate::payload::Elements;
use crate::producer::ProduceError;
use crate::rtp_parameters::{RtpHeaderExtensionUri, RtpParameters};
use formats::rtp::Packet;
use std::collections::HashMap;

/// Most SSRCs that are learnt for a transport: 256. A browser has a handful; what comes beyond is not taken.
const SSRCS_MAX: usize = 256;

/// A stream of a producer, or its retransmission.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Target {
    pub(crate) producer: ProducerKey,
    pub(crate) stream: usize,
    pub(crate) is_rtx: bool,
}

/// The names of a transport's producers.
#[derive(Debug, Default)]
pub(crate) struct Listener {
    ssrcs: HashMap<u32, Target>,
    mids: HashMap<String, ProducerKey>,
    rids: HashMap<String, ProducerKey>,
    /// The endpoint's numbers of `mid`, `rid` and `rrid`.
    mid_id: Option<u8>,
    rid_id: Option<u8>,
    rrid_id: Option<u8>,
    pub(crate) transport_cc_id: Option<u8>,
    pub(crate) abs_send_time_id: Option<u8>,
}

/// How a packet names its stream.
pub(crate) enum Found<'a> {
    /// By its SSRC.
    Known(Target),
    /// The producer is known, its stream not yet.
    Named(ProducerKey, Option<&'a str>),
    Unknown,
}

impl Listener {
    /// Whether a producer with these parameters could be told from those there.
    pub(crate) fn check(&self, parameters: &RtpParameters) -> Result<(), ProduceError> {
        for (index, encoding) in parameters.encodings.iter().enumerate() {
            for ssrc in encoding.ssrc.into_iter().chain(encoding.rtx.as_ref().map(|rtx| rtx.ssrc)) {
                if self.ssrcs.contains_key(&ssrc) {
                    return Err(ProduceError::SsrcInUse(ssrc));
                }
            }
            if encoding.ssrc.is_none() && encoding.rid.is_none() && parameters.mid.is_none() {
                return Err(ProduceError::Nameless(index));
            }
            if let (None, Some(rid)) = (&parameters.mid, &encoding.rid)
                && self.rids.contains_key(rid)
            {
                return Err(ProduceError::MidInUse(rid.clone()));
            }
        }
        match &parameters.mid {
            Some(mid) if self.mids.contains_key(mid) => Err(ProduceError::MidInUse(mid.clone())),
            Some(_) | None => Ok(()),
        }
    }

    pub(crate) fn add(&mut self, producer: ProducerKey, parameters: &RtpParameters) {
        for (stream, encoding) in parameters.encodings.iter().enumerate() {
            if let Some(ssrc) = encoding.ssrc {
                self.ssrcs.insert(ssrc, Target { producer, stream, is_rtx: false });
            }
            if let Some(rtx) = &encoding.rtx {
                self.ssrcs.insert(rtx.ssrc, Target { producer, stream, is_rtx: true });
            }
            if let (None, Some(rid)) = (&parameters.mid, &encoding.rid) {
                self.rids.insert(rid.clone(), producer);
            }
        }
        if let Some(mid) = &parameters.mid {
            self.mids.insert(mid.clone(), producer);
        }
        for extension in &parameters.header_extensions {
            let id = u8::try_from(extension.id).ok();
            match extension.uri {
                RtpHeaderExtensionUri::Mid => self.mid_id = id,
                RtpHeaderExtensionUri::RtpStreamId => self.rid_id = id,
                RtpHeaderExtensionUri::RepairRtpStreamId => self.rrid_id = id,
                RtpHeaderExtensionUri::TransportWideCcDraft01 => self.transport_cc_id = id,
                RtpHeaderExtensionUri::AbsSendTime => self.abs_send_time_id = id,
                RtpHeaderExtensionUri::SsrcAudioLevel
                | RtpHeaderExtensionUri::DependencyDescriptor
                | RtpHeaderExtensionUri::VideoOrientation
                | RtpHeaderExtensionUri::AbsCaptureTime
                | RtpHeaderExtensionUri::PlayoutDelay
                | RtpHeaderExtensionUri::MediasoupPacketId => {}
            }
        }
    }

    pub(crate) fn remove(&mut self, producer: ProducerKey) {
        self.ssrcs.retain(|_, target| target.producer != producer);
        self.mids.retain(|_, other| *other != producer);
        self.rids.retain(|_, other| *other != producer);
    }

    /// Remembers the SSRC of a stream. False when too many are known.
    pub(crate) fn learn(&mut self, ssrc: u32, target: Target) -> bool {
        let room = self.ssrcs.len() < SSRCS_MAX;
        if room {
            self.ssrcs.insert(ssrc, target);
        }
        room
    }

    /// The producer that an SSRC belongs to.
    pub(crate) fn by_ssrc(&self, ssrc: u32) -> Option<Target> {
        self.ssrcs.get(&ssrc).copied()
    }

    pub(crate) fn find<'a>(&self, packet: &'a Packet) -> Found<'a> {
        if let Some(target) = self.ssrcs.get(&packet.header.ssrc) {
            return Found::Known(*target);
        }
        let Some(extension) = &packet.extension else { return Found::Unknown };
        let element = |wanted: Option<u8>| {
            let wanted = wanted?;
            let (_, data) = Elements::new(extension).find(|(id, _)| *id == wanted)?;
            std::str::from_utf8(data).ok()
        };
        let rid = element(self.rrid_id).or_else(|| element(self.rid_id));
        let by_mid = element(self.mid_id).and_then(|mid| self.mids.get(mid));
        match by_mid.or_else(|| rid.and_then(|rid| self.rids.get(rid))) {
            Some(producer) => Found::Named(*producer, rid),
            None => Found::Unknown,
        }
    }
}
