//! Writes RTCP packets. Each function appends one valid compound, so that its bytes are a datagram as they are.
use super::{ReportBlock, SenderReport};

/// Longest CNAME: 255 bytes, since its length is one byte; longer ones are cut.
pub const CNAME_BYTES_MAX: usize = 255;
/// Most report blocks of one report: the count has five bits.
const BLOCKS_MAX: usize = 31;

/// SR and SDES with the CNAME.
pub fn write_sender_report(report: &SenderReport, cname: &str, out: &mut Vec<u8>) {
    let start = open(report.blocks.len().min(BLOCKS_MAX) as u8, 200, out);
    out.extend_from_slice(&report.ssrc.to_be_bytes());
    out.extend_from_slice(&report.ntp.to_be_bytes());
    for word in [report.rtp_time, report.packets, report.octets] {
        out.extend_from_slice(&word.to_be_bytes());
    }
    write_blocks(&report.blocks, out);
    close(start, out);
    write_description(report.ssrc, cname, out);
}

/// RR and SDES with the CNAME.
pub fn write_receiver_report(ssrc: u32, blocks: &[ReportBlock], cname: &str, out: &mut Vec<u8>) {
    let start = open(blocks.len().min(BLOCKS_MAX) as u8, 201, out);
    out.extend_from_slice(&ssrc.to_be_bytes());
    write_blocks(blocks, out);
    close(start, out);
    write_description(ssrc, cname, out);
}

/// PLI behind an empty RR: "a key frame, please".
pub fn write_pli(sender: u32, media: u32, out: &mut Vec<u8>) {
    write_empty_report(sender, out);
    let start = open(1, 206, out);
    out.extend_from_slice(&sender.to_be_bytes());
    out.extend_from_slice(&media.to_be_bytes());
    close(start, out);
}

/// FIR behind an empty RR: "key frames, please", each with the number of the request. Nothing without requests.
/// Source: RFC 5104 §4.3.1.
pub fn write_fir(sender: u32, requests: &[(u32, u8)], out: &mut Vec<u8>) {
    if requests.is_empty() {
        return;
    }
    write_empty_report(sender, out);
    let start = open(4, 206, out);
    out.extend_from_slice(&sender.to_be_bytes());
    // the sources are in the entries
    out.extend_from_slice(&[0; 4]);
    for (ssrc, number) in requests {
        out.extend_from_slice(&ssrc.to_be_bytes());
        out.extend_from_slice(&[*number, 0, 0, 0]);
    }
    close(start, out);
}

/// Generic NACK behind an empty RR; `lost` in rising order. Nothing without losses.
pub fn write_nack(sender: u32, media: u32, lost: &[u16], out: &mut Vec<u8>) {
    if lost.is_empty() {
        return;
    }
    write_empty_report(sender, out);
    let start = open(1, 205, out);
    out.extend_from_slice(&sender.to_be_bytes());
    out.extend_from_slice(&media.to_be_bytes());
    let mut rest = lost;
    while let [first, after @ ..] = rest {
        let mut mask = 0u16;
        let mut taken = 0;
        for sequence in after {
            let bit = sequence.wrapping_sub(*first).wrapping_sub(1);
            if bit >= 16 {
                break;
            }
            mask |= 1 << bit;
            taken += 1;
        }
        out.extend_from_slice(&first.to_be_bytes());
        out.extend_from_slice(&mask.to_be_bytes());
        rest = &after[taken..];
    }
    close(start, out);
}

/// BYE of one source, behind an empty RR.
pub fn write_bye(ssrc: u32, out: &mut Vec<u8>) {
    write_empty_report(ssrc, out);
    let start = open(1, 203, out);
    out.extend_from_slice(&ssrc.to_be_bytes());
    close(start, out);
}

pub(super) fn write_empty_report(ssrc: u32, out: &mut Vec<u8>) {
    let start = open(0, 201, out);
    out.extend_from_slice(&ssrc.to_be_bytes());
    close(start, out);
}

fn write_description(ssrc: u32, cname: &str, out: &mut Vec<u8>) {
    let cname = &cname.as_bytes()[..cname.len().min(CNAME_BYTES_MAX)];
    let start = open(1, 202, out);
    out.extend_from_slice(&ssrc.to_be_bytes());
    out.extend_from_slice(&[1, cname.len() as u8]);
    out.extend_from_slice(cname);
    out.push(0);
    close(start, out);
}

fn write_blocks(blocks: &[ReportBlock], out: &mut Vec<u8>) {
    for block in blocks.iter().take(BLOCKS_MAX) {
        let cumulative = block.cumulative_lost.clamp(-0x80_0000, 0x7f_ffff) as u32 & 0xff_ffff;
        let loss = u32::from(block.fraction_lost) << 24 | cumulative;
        let words = [
            block.ssrc,
            loss,
            block.highest_sequence,
            block.jitter,
            block.last_sr,
            block.delay_since_last_sr,
        ];
        for word in words {
            out.extend_from_slice(&word.to_be_bytes());
        }
    }
}

/// Writes the head of a packet; returns where it starts, for [`close`].
pub(super) fn open(count: u8, packet_type: u8, out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0x80 | count, packet_type, 0, 0]);
    start
}

/// Fills up with zeros to a whole word and writes the length.
pub(super) fn close(start: usize, out: &mut Vec<u8>) {
    let words = (out.len() - start).div_ceil(4);
    out.resize(start + 4 * words, 0);
    let length = u16::try_from(words - 1).unwrap_or(u16::MAX).to_be_bytes();
    out[start + 2..start + 4].copy_from_slice(&length);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::rtcp::{Message, RtcpError, is_rtcp, parse};
    use crate::rtp::testing::Random;

    fn block() -> ReportBlock {
        ReportBlock {
            ssrc: 1,
            fraction_lost: 2,
            cumulative_lost: -3,
            highest_sequence: 4,
            jitter: 5,
            last_sr: 6,
            delay_since_last_sr: 7,
        }
    }

    fn report() -> SenderReport {
        SenderReport {
            ssrc: 9,
            ntp: 0xe000_0000_8000_0000,
            rtp_time: 1,
            packets: 2,
            octets: 3,
            blocks: vec![block()],
        }
    }

    fn everything() -> Vec<u8> {
        let mut out = Vec::new();
        write_sender_report(&report(), "camera@host", &mut out);
        write_receiver_report(5, &[block(), block()], "me", &mut out);
        write_pli(5, 9, &mut out);
        write_nack(5, 9, &[65_535, 0, 15, 16, 40], &mut out);
        write_bye(9, &mut out);
        out
    }

    #[test]
    fn what_is_written_is_read_again() {
        let empty = || Message::ReceiverReport { ssrc: 5, blocks: vec![] };
        let bytes = everything();
        assert!(is_rtcp(&bytes));
        assert_eq!(
            parse(&bytes).unwrap(),
            [
                Message::SenderReport(report()),
                Message::SourceDescription { ssrc: 9, cname: "camera@host".into() },
                Message::ReceiverReport { ssrc: 5, blocks: vec![block(), block()] },
                Message::SourceDescription { ssrc: 5, cname: "me".into() },
                empty(),
                Message::PictureLoss { sender: 5, media: 9 },
                empty(),
                Message::Nack { sender: 5, media: 9, lost: vec![65_535, 0, 15, 16, 40] },
                Message::ReceiverReport { ssrc: 9, blocks: vec![] },
                Message::Bye { ssrcs: vec![9], reason: None },
            ]
        );
    }

    /// The two entries are as in RFC 5104 §4.3.1.1, figure 4.
    #[test]
    fn a_full_intra_request_is_written_byte_for_byte() {
        let mut out = Vec::new();
        write_fir(5, &[(9, 77), (10, 255)], &mut out);
        assert_eq!(
            out[8..],
            [0x84, 206, 0, 6, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 9, 77, 0, 0, 0, 0, 0, 0, 10, 255, 0, 0, 0]
        );
        let request = Message::FullIntraRequest { sender: 5, requests: vec![(9, 77), (10, 255)] };
        assert_eq!(parse(&out).unwrap()[1], request);
        let written = out.len();
        write_fir(5, &[], &mut out);
        assert_eq!(out.len(), written);
    }

    #[test]
    fn a_compound_that_breaks_off_keeps_what_came_before() {
        let mut bytes = everything();
        bytes.truncate(bytes.len() - 1);
        assert_eq!(parse(&bytes).unwrap().len(), 9);
        assert_eq!(parse(&bytes[..20]), Err(RtcpError::Truncated { length: 20, wanted: 52 }));
        assert_eq!(parse(&[0x40, 200, 0, 0]), Err(RtcpError::Version { version: 1 }));
    }

    #[test]
    fn fir_and_a_bye_with_a_reason_are_understood() {
        let mut bytes = vec![0x84, 206, 0, 4, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 9, 77, 0, 0, 0];
        bytes.extend_from_slice(&[0x81, 203, 0, 2, 0, 0, 0, 9, 2, b'o', b'k', 0]);
        assert_eq!(
            parse(&bytes).unwrap(),
            [
                Message::FullIntraRequest { sender: 5, requests: vec![(9, 77)] },
                Message::Bye { ssrcs: vec![9], reason: Some("ok".into()) },
            ]
        );
    }

    #[test]
    fn no_input_panics() {
        let mut random = Random::new(2);
        let bytes = everything();
        for _ in 0..20_000 {
            let _ = parse(&random.mutate(&bytes));
        }
    }
}
