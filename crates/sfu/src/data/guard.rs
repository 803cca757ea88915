//! What may come before `sctp-proto`: packets are checked, cleaned or dropped here, so that a peer's odd or hostile
//! bytes neither end an association nor cost more than they should.
//!
//! Source: RFC 9260 §3.2 (unknown chunks), §5.2 (unexpected INIT), §6.2; reading `sctp-proto` 0.10.8, which
//! - drops a whole packet for one chunk that it does not know, HEARTBEAT-ACK among them, where the standard says: skip it;
//! - ends the association on any ERROR chunk, and on an INIT that the network delayed or doubled until after the handshake;
//! - counts neither chunks without data nor the chunks' own size against the window, and looks through all parts of
//!   a message at each new part, so that tiny parts cost memory and time out of proportion;
//! - takes the peer's window for its slow start threshold, and adds to the congestion window in 32 bits until then.
//!
//! Owns nothing. A packet is passed on untouched unless something had to go; then its checksum was right before.
use super::options::PACKET_MAX;
use super::packet::{self, Chunk, Header, kind};
use bytes::Bytes;

/// Largest window of a peer believed at its INIT: 16 MiB, three times the largest default (ours and dcSCTP's 5 MiB).
const PEER_WINDOW_MAX: u32 = 16 << 20;

/// How far ahead of the last acknowledged number data may be: 65535, as far as an acknowledgement can say (16 bits).
const AHEAD_MAX: u32 = 65_535;

/// Smallest part from the middle of a message: 10 bytes, the smallest that dcSCTP makes. Others fill their packets.
const MIDDLE_PART_MIN: usize = 10;

/// Number, stream, sequence, identifier: what a DATA chunk has before its data.
const DATA_HEAD: usize = 12;

const INIT_BODY_MIN: usize = 16;
const WINDOW_MIN: u32 = 1_500;
const FIRST_PART: u8 = 2;
const LAST_PART: u8 = 1;

/// A packet that may go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Passed {
    /// The packet, perhaps with less in it.
    pub(super) packet: Bytes,
    /// Whom it is for; 0 with an INIT.
    pub(super) tag: u32,
    /// The tag that the peer takes, when this is an INIT.
    pub(super) init: Option<u32>,
    /// The number of the peer's first data, when this is an INIT or its acknowledgement.
    pub(super) initial_tsn: Option<u32>,
    /// Whether the peer ends the association with this.
    pub(super) ends: bool,
}

/// Why a packet may not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dropped {
    /// Longer than [`PACKET_MAX`], shorter than a header, or a chunk that does not fit.
    Malformed,
    /// Wrong checksum.
    Checksum,
    /// An INIT that no association may start with.
    Init,
    /// Nothing of it is of use.
    Nothing,
}

enum Fate {
    Keep,
    Skip,
    /// This and what follows (RFC 9260 §3.2, upper bits 00 and 01).
    Stop,
}

/// Looks at one packet. `acknowledged` is the number up to which all of the peer's data has come, when that is known.
pub(super) fn inspect(packet: Bytes, acknowledged: Option<u32>) -> Result<Passed, Dropped> {
    if packet.len() > PACKET_MAX {
        return Err(Dropped::Malformed);
    }
    let header = Header::read(&packet).ok_or(Dropped::Malformed)?;
    if header.source_port == 0 || header.destination_port == 0 {
        return Err(Dropped::Malformed);
    }
    let mut passed =
        Passed { packet: Bytes::new(), tag: header.tag, init: None, initial_tsn: None, ends: false };
    let (mut kept, mut all, mut window_too_large) = (0, 0, false);
    let mut stopped = false;
    for chunk in packet::chunks(&packet) {
        let chunk = chunk.map_err(|_| Dropped::Malformed)?;
        all += 1;
        match fate(&chunk, acknowledged) {
            Fate::Keep if !stopped => kept += 1,
            Fate::Stop => stopped = true,
            Fate::Keep | Fate::Skip => continue,
        }
        match chunk.kind {
            kind::INIT | kind::INIT_ACK => {
                let tag = chunk.u32_at(0).ok_or(Dropped::Init)?;
                window_too_large = chunk.u32_at(4).is_some_and(|window| window > PEER_WINDOW_MAX);
                passed.initial_tsn = chunk.u32_at(12);
                passed.init = (chunk.kind == kind::INIT).then_some(tag);
                check_init(&chunk, &header)?;
            }
            kind::ABORT | kind::SHUTDOWN | kind::SHUTDOWN_ACK | kind::SHUTDOWN_COMPLETE => passed.ends = true,
            _ => {}
        }
    }
    let alone = passed.initial_tsn.is_none() || all == 1;
    if !alone {
        return Err(Dropped::Init);
    }
    if kept == 0 {
        return Err(Dropped::Nothing);
    }
    let clean = kept == all && !window_too_large;
    passed.packet = if clean { packet } else { rewrite(&packet, &header, acknowledged)? };
    Ok(passed)
}

fn fate(chunk: &Chunk<'_>, acknowledged: Option<u32>) -> Fate {
    match chunk.kind {
        kind::DATA => data_fate(chunk, acknowledged),
        kind::INIT
        | kind::INIT_ACK
        | kind::SACK
        | kind::HEARTBEAT
        | kind::ABORT
        | kind::SHUTDOWN
        | kind::SHUTDOWN_ACK
        | kind::COOKIE_ECHO
        | kind::COOKIE_ACK
        | kind::SHUTDOWN_COMPLETE
        | kind::RECONFIG
        | kind::FORWARD_TSN => Fate::Keep,
        HEARTBEAT_ACK | ERROR | ECNE | CWR | I_FORWARD_TSN => Fate::Skip,
        unknown if unknown & 0x80 != 0 => Fate::Skip,
        _ => Fate::Stop,
    }
}

// Known to RFC 9260 and 8260, and of no use here: we send no heartbeats, no ECN and no interleaved data.
const HEARTBEAT_ACK: u8 = 5;
const ERROR: u8 = 9;
const ECNE: u8 = 12;
const CWR: u8 = 13;
const I_FORWARD_TSN: u8 = 194;

fn data_fate(chunk: &Chunk<'_>, acknowledged: Option<u32>) -> Fate {
    let Some(length) = chunk.body.len().checked_sub(DATA_HEAD).filter(|&length| length > 0) else {
        return Fate::Skip;
    };
    if chunk.flags & (FIRST_PART | LAST_PART) == 0 && length < MIDDLE_PART_MIN {
        return Fate::Skip;
    }
    let ahead = chunk.u32_at(0).zip(acknowledged).map(|(tsn, acknowledged)| tsn.wrapping_sub(acknowledged));
    // From 2^31 on the number is behind, not ahead: a repetition, which must be acknowledged again.
    if ahead.is_some_and(|ahead| (AHEAD_MAX + 1..1 << 31).contains(&ahead)) { Fate::Skip } else { Fate::Keep }
}

/// What RFC 9260 §3.3.2 asks of an INIT; a fault would end the association that it starts.
fn check_init(chunk: &Chunk<'_>, header: &Header) -> Result<(), Dropped> {
    let tag_fits = (chunk.kind == kind::INIT) == (header.tag == 0);
    let streams = chunk.u16_at(8).zip(chunk.u16_at(10)).is_some_and(|(out, into)| out > 0 && into > 0);
    let window = chunk.u32_at(4).is_some_and(|window| window >= WINDOW_MIN);
    let tag = chunk.u32_at(0).is_some_and(|tag| tag != 0);
    let whole = chunk.body.len() >= INIT_BODY_MIN && chunk.flags == 0;
    if tag_fits && streams && window && tag && whole { Ok(()) } else { Err(Dropped::Init) }
}

/// The packet with only what may stay. Its checksum is checked first: a new one must not hide that the old was wrong.
fn rewrite(packet: &[u8], header: &Header, acknowledged: Option<u32>) -> Result<Bytes, Dropped> {
    if !packet::checksum_is_right(packet) {
        return Err(Dropped::Checksum);
    }
    let mut body = Vec::with_capacity(packet.len());
    for chunk in packet::chunks(packet).map_while(Result::ok) {
        match fate(&chunk, acknowledged) {
            Fate::Keep => {}
            Fate::Skip => continue,
            Fate::Stop => break,
        }
        let start = body.len();
        body.extend_from_slice(chunk.whole);
        let window = body.get_mut(start + 8..start + 12);
        if let (kind::INIT | kind::INIT_ACK, Some(window)) = (chunk.kind, window) {
            let said = chunk.u32_at(4).unwrap_or(0);
            window.copy_from_slice(&said.min(PEER_WINDOW_MAX).to_be_bytes());
        }
    }
    Ok(header.packet([body.as_slice()]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BufMut as _;

    const PEER: Header = Header { source_port: 5_000, destination_port: 5_000, tag: 7 };

    fn chunk(kind: u8, flags: u8, body: &[u8]) -> Vec<u8> {
        let mut chunk = vec![kind, flags];
        chunk.put_u16(u16::try_from(packet::CHUNK_HEADER + body.len()).unwrap());
        chunk.extend_from_slice(body);
        chunk.resize(chunk.len().next_multiple_of(4), 0);
        chunk
    }

    fn data(tsn: u32, flags: u8, length: usize) -> Vec<u8> {
        let mut body = Vec::new();
        body.put_u32(tsn);
        body.resize(DATA_HEAD + length, 1);
        chunk(kind::DATA, flags, &body)
    }

    fn init(tag: u32, window: u32, streams: u16) -> Vec<u8> {
        let mut body = Vec::new();
        body.put_u32(tag);
        body.put_u32(window);
        body.put_u16(streams);
        body.put_u16(streams);
        body.put_u32(99);
        chunk(kind::INIT, 0, &body)
    }

    fn see(header: Header, chunks: &[Vec<u8>]) -> Result<Passed, Dropped> {
        inspect(header.packet(chunks.iter().map(Vec::as_slice)), Some(100))
    }

    fn kinds(passed: &Passed) -> Vec<u8> {
        assert!(packet::checksum_is_right(&passed.packet));
        packet::chunks(&passed.packet).map(|chunk| chunk.unwrap().kind).collect()
    }

    #[test]
    fn a_usual_packet_passes_untouched() {
        let packet = PEER.packet([data(101, 3, 5).as_slice(), &chunk(kind::SACK, 0, &[0; 12])]);
        assert_eq!(inspect(packet.clone(), Some(100)).map(|passed| passed.packet), Ok(packet));
    }

    #[test]
    fn chunks_nobody_knows_are_skipped_or_end_the_packet_as_their_upper_bits_say() {
        let pad = chunk(0x84, 0, &[0; 40]);
        let low = chunk(0x3e, 0, &[]);
        let skipped = see(PEER, &[data(101, 3, 5), pad.clone(), data(102, 3, 5)]).unwrap();
        assert_eq!(kinds(&skipped), [kind::DATA, kind::DATA]);
        let ended = see(PEER, &[data(101, 3, 5), low.clone(), data(102, 3, 5)]).unwrap();
        assert_eq!(kinds(&ended), [kind::DATA]);
        assert_eq!(see(PEER, &[pad]), Err(Dropped::Nothing));
        assert_eq!(see(PEER, &[low]), Err(Dropped::Nothing));
        assert_eq!(see(PEER, &[chunk(ERROR, 0, &[0, 6, 0, 4])]), Err(Dropped::Nothing));
    }

    #[test]
    fn data_that_is_empty_tiny_in_the_middle_or_too_far_ahead_is_left_out() {
        let passed = |chunks: &[Vec<u8>]| see(PEER, chunks).map(|passed| kinds(&passed).len());
        assert_eq!(passed(&[data(101, 3, 1), data(102, 3, 0)]), Ok(1));
        assert_eq!(passed(&[data(101, 0, 9), data(102, 0, 10), data(103, 1, 1)]), Ok(2));
        assert_eq!(passed(&[data(100 + AHEAD_MAX, 3, 1), data(101 + AHEAD_MAX, 3, 1)]), Ok(1));
        assert_eq!(passed(&[data(3, 3, 1), data(100, 3, 1)]), Ok(2), "repetitions are acknowledged again");
        assert_eq!(passed(&[data(5_000_000, 3, 1)]), Err(Dropped::Nothing));
    }

    #[test]
    fn an_init_must_be_alone_and_able_to_start_an_association() {
        let all = Header { tag: 0, ..PEER };
        let passed = see(all, &[init(5, 70_000, 10)]).unwrap();
        assert_eq!((passed.init, passed.initial_tsn, passed.tag), (Some(5), Some(99), 0));
        assert_eq!(see(PEER, &[init(5, 70_000, 10)]), Err(Dropped::Init));
        assert_eq!(see(all, &[init(0, 70_000, 10)]), Err(Dropped::Init));
        assert_eq!(see(all, &[init(5, 1_499, 10)]), Err(Dropped::Init));
        assert_eq!(see(all, &[init(5, 70_000, 0)]), Err(Dropped::Init));
        assert_eq!(see(all, &[init(5, 70_000, 10), data(1, 3, 1)]), Err(Dropped::Init));
        assert_eq!(see(all, &[chunk(kind::INIT, 0, &[1; 7])]), Err(Dropped::Init));
    }

    #[test]
    fn a_window_of_four_gigabytes_is_not_believed() {
        let passed = see(Header { tag: 0, ..PEER }, &[init(5, u32::MAX, 10)]).unwrap();
        assert!(packet::checksum_is_right(&passed.packet));
        let chunk = packet::chunks(&passed.packet).next().unwrap().unwrap();
        assert_eq!(chunk.u32_at(4), Some(PEER_WINDOW_MAX));
    }

    #[test]
    fn a_cleaned_packet_does_not_hide_a_wrong_checksum() {
        let mut packet = PEER.packet([data(101, 3, 5).as_slice(), &chunk(0x84, 0, &[0; 40])]).to_vec();
        packet[30] ^= 1;
        assert_eq!(inspect(packet.into(), Some(100)), Err(Dropped::Checksum));
    }
}
