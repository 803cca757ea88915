//! Reads compound RTCP packets, as leniently as they are sent: unknown types are skipped, and what follows
//! something broken is left out.
use super::{Message, ReportBlock, SenderReport, extended, remb, transport_feedback};
use media::Fault;

/// Most packets read of one compound: 64. Real ones have two or three; 1500 bytes hold 187 without content.
const MESSAGES_MAX: usize = 64;

/// Why a datagram is no RTCP.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RtcpError {
    /// Its first packet is cut.
    #[error("RTCP packet of {length} bytes ends within its first part, which says {wanted}")]
    Truncated {
        /// Length of the datagram.
        length: usize,
        /// Length that the first part needs.
        wanted: usize,
    },
    /// The version bits are not 2.
    #[error("RTCP version {version} instead of 2")]
    Version {
        /// What they say.
        version: u8,
    },
}

impl RtcpError {
    /// Whose fault it is.
    pub const fn fault(&self) -> Fault {
        Fault::Peer
    }
}

/// True if a datagram on a port shared by both is RTCP rather than RTP. Source: RFC 5761 §4.
pub fn is_rtcp(data: &[u8]) -> bool {
    matches!(data, [first, packet_type, ..] if first >> 6 == 2 && (192..=223).contains(packet_type))
}

/// Reads a compound packet.
pub fn parse(data: &[u8]) -> Result<Vec<Message>, RtcpError> {
    let mut messages = Vec::new();
    let mut rest = data;
    while !rest.is_empty() && messages.len() < MESSAGES_MAX {
        match parse_one(rest, &mut messages) {
            Ok(after) => rest = after,
            Err(error) if messages.is_empty() => return Err(error),
            Err(_) => break,
        }
    }
    if data.is_empty() {
        return Err(RtcpError::Truncated { length: 0, wanted: 4 });
    }
    Ok(messages)
}

fn parse_one<'a>(data: &'a [u8], messages: &mut Vec<Message>) -> Result<&'a [u8], RtcpError> {
    let &[first, packet_type, l0, l1, ..] = data else {
        return Err(RtcpError::Truncated { length: data.len(), wanted: 4 });
    };
    if first >> 6 != 2 {
        return Err(RtcpError::Version { version: first >> 6 });
    }
    let wanted = 4 * (usize::from(u16::from_be_bytes([l0, l1])) + 1);
    let Some((packet, rest)) = data.split_at_checked(wanted) else {
        return Err(RtcpError::Truncated { length: data.len(), wanted });
    };
    let mut body = &packet[4..];
    if first & 0x20 != 0 {
        let padding = usize::from(body.last().copied().unwrap_or(0));
        body = &body[..body.len().saturating_sub(padding)];
    }
    let count = first & 0x1f;
    let other = Message::Other { packet_type, count };
    match (packet_type, count) {
        (200, _) => messages.push(sender_report(body, count).unwrap_or(other)),
        (201, _) => messages.push(match word(body, 0) {
            Some(ssrc) => Message::ReceiverReport { ssrc, blocks: blocks(&body[4..], count) },
            None => other,
        }),
        (202, _) => descriptions(body, count, messages),
        (203, _) => messages.push(bye(body, count)),
        (205, 1) => messages.push(nack(body).unwrap_or(other)),
        (205, 15) => messages.push(transport_feedback::parse(body).unwrap_or(other)),
        (206, 1) => messages.push(match (word(body, 0), word(body, 4)) {
            (Some(sender), Some(media)) => Message::PictureLoss { sender, media },
            _ => other,
        }),
        (206, 4) => messages.push(fir(body).unwrap_or(other)),
        (206, 15) => messages.push(remb::parse(body).unwrap_or(other)),
        (207, _) => extended::parse(body, messages),
        _ => messages.push(other),
    }
    Ok(rest)
}

pub(super) fn word(data: &[u8], at: usize) -> Option<u32> {
    let bytes: &[u8; 4] = data.get(at..)?.first_chunk()?;
    Some(u32::from_be_bytes(*bytes))
}

fn sender_report(body: &[u8], count: u8) -> Option<Message> {
    Some(Message::SenderReport(SenderReport {
        ssrc: word(body, 0)?,
        ntp: u64::from(word(body, 4)?) << 32 | u64::from(word(body, 8)?),
        rtp_time: word(body, 12)?,
        packets: word(body, 16)?,
        octets: word(body, 20)?,
        blocks: blocks(&body[24..], count),
    }))
}

fn blocks(data: &[u8], count: u8) -> Vec<ReportBlock> {
    let block = |data: &[u8]| {
        let loss = word(data, 4)?;
        Some(ReportBlock {
            ssrc: word(data, 0)?,
            fraction_lost: (loss >> 24) as u8,
            // The lower 24 bits are signed.
            cumulative_lost: ((loss << 8) as i32) >> 8,
            highest_sequence: word(data, 8)?,
            jitter: word(data, 12)?,
            last_sr: word(data, 16)?,
            delay_since_last_sr: word(data, 20)?,
        })
    };
    data.chunks_exact(24).take(usize::from(count)).filter_map(block).collect()
}

fn descriptions(body: &[u8], count: u8, messages: &mut Vec<Message>) {
    let mut at = 0;
    for _ in 0..count {
        let Some(ssrc) = word(body, at) else { return };
        at += 4;
        let mut cname = None;
        while let Some(&kind) = body.get(at).filter(|kind| **kind != 0) {
            let Some(&length) = body.get(at + 1) else { return };
            let Some(text) = body.get(at + 2..at + 2 + usize::from(length)) else { return };
            if kind == 1 {
                cname = Some(String::from_utf8_lossy(text).into_owned());
            }
            at += 2 + usize::from(length);
        }
        // One to four zeros end the chunk on a word.
        at = (at / 4 + 1) * 4;
        if let Some(cname) = cname {
            messages.push(Message::SourceDescription { ssrc, cname });
        }
    }
}

fn bye(body: &[u8], count: u8) -> Message {
    let ssrcs: Vec<u32> = (0..usize::from(count)).map_while(|index| word(body, 4 * index)).collect();
    let reason = body.get(4 * ssrcs.len()..).and_then(|rest| match rest {
        [length, text @ ..] => text.get(..usize::from(*length)),
        [] => None,
    });
    Message::Bye { ssrcs, reason: reason.map(|text| String::from_utf8_lossy(text).into_owned()) }
}

fn nack(body: &[u8]) -> Option<Message> {
    let mut lost = Vec::new();
    for entry in body.get(8..)?.chunks_exact(4) {
        let first = u16::from_be_bytes([entry[0], entry[1]]);
        let mask = u16::from_be_bytes([entry[2], entry[3]]);
        lost.push(first);
        lost.extend((0..16).filter(|bit| mask >> bit & 1 == 1).map(|bit| first.wrapping_add(bit + 1)));
    }
    Some(Message::Nack { sender: word(body, 0)?, media: word(body, 4)?, lost })
}

fn fir(body: &[u8]) -> Option<Message> {
    let entry = |entry: &[u8]| word(entry, 0).map(|ssrc| (ssrc, entry[4]));
    let requests = body.get(8..)?.chunks_exact(8).filter_map(entry).collect();
    Some(Message::FullIntraRequest { sender: word(body, 0)?, requests })
}
