//! Whose a datagram is, and what becomes of those that are nobody's.
use super::*;
use crate::srtp::Profile;
use proptest::prelude::*;

const PROFILE: Profile = Profile::AesCm128HmacSha1_80;

fn address(last: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, last], port))
}

fn master(seed: u8) -> MasterKey {
    MasterKey::new(PROFILE, &[seed; 16], &[seed.wrapping_add(1); 14]).unwrap()
}

/// A peer: where it is, and what it sends with.
struct Peer {
    at: SocketAddr,
    ssrc: u32,
    protector: Protector,
    unprotector: Unprotector,
    sequence: u16,
}

impl Peer {
    /// It, and its context in the table.
    fn join(table: &mut Table, at: SocketAddr, ssrc: u32, seed: u8) -> (Self, ContextKey) {
        let (theirs, ours) = (master(seed), master(seed.wrapping_add(100)));
        let peer = Self {
            at,
            ssrc,
            protector: Protector::new(&theirs).unwrap(),
            unprotector: Unprotector::new(&ours).unwrap(),
            sequence: 0,
        };
        let key = table.insert(&NewContext { remote: at, ssrc, send: ours, receive: theirs }).unwrap();
        (peer, key)
    }

    fn rtp(&mut self) -> Vec<u8> {
        self.sequence += 1;
        let mut packet = vec![0x80, 99];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend([0; 4]);
        packet.extend(self.ssrc.to_be_bytes());
        packet.extend(b"a picture");
        self.protector.protect_rtp(&mut packet, 0).unwrap();
        packet
    }

    fn rtcp(&mut self) -> Vec<u8> {
        let mut packet = report(self.ssrc);
        self.protector.protect_rtcp(&mut packet, 0).unwrap();
        packet
    }
}

/// A receiver report without blocks.
fn report(ssrc: u32) -> Vec<u8> {
    [&[0x80, 201, 0, 1][..], &ssrc.to_be_bytes()].concat()
}

#[test]
fn each_gets_what_is_its_own_by_address_and_ssrc_together() {
    let mut table = Table::default();
    // two cameras that chose the same SSRC, one of them with sound from another port
    let (mut door, door_key) = Peer::join(&mut table, address(1, 5000), 7, 1);
    let (mut yard, yard_key) = Peer::join(&mut table, address(2, 5000), 7, 2);
    let (mut sound, sound_key) = Peer::join(&mut table, address(2, 5002), 8, 3);
    for (peer, key) in [(&mut door, door_key), (&mut yard, yard_key), (&mut sound, sound_key)] {
        let mut packet = peer.rtp();
        let accepted = table.handle_datagram(peer.at, &mut packet).unwrap();
        assert_eq!((accepted.context, accepted.kind, accepted.moved_to), (key, Kind::Rtp, None));
        assert_eq!(&packet[12..accepted.length], b"a picture");
        let mut packet = peer.rtcp();
        let accepted = table.handle_datagram(peer.at, &mut packet).unwrap();
        assert_eq!((accepted.context, accepted.kind), (key, Kind::Rtcp));
        assert_eq!(&packet[..accepted.length], report(peer.ssrc));
        // and the other way
        let mut packet = report(1);
        assert_eq!(table.protect_rtcp(key, &mut packet, 0), Ok(peer.at));
        assert_eq!(peer.unprotector.unprotect_rtcp(&mut packet).unwrap(), report(1).len());
    }
    assert_eq!(table.dropped().sum(), 0);
    let again = NewContext { remote: door.at, ssrc: 7, send: master(9), receive: master(9) };
    assert_eq!(table.insert(&again), Err(InsertError::Taken { remote: door.at, ssrc: 7 }));
}

#[test]
fn what_is_nobodys_is_counted_by_its_reason_and_disturbs_nobody() {
    let mut table = Table::default();
    let (mut door, key) = Peer::join(&mut table, address(1, 5000), 7, 1);
    let stranger = address(66, 6666);
    let first = door.rtp();
    table.handle_datagram(door.at, &mut first.clone()).unwrap();
    let mut changed = door.rtp();
    changed[14] ^= 1;
    let mut other = Table::default();
    let (mut unknown, _) = Peer::join(&mut other, stranger, 1234, 5);
    let mut guessed = Peer::join(&mut other, address(67, 1), 7, 6).0;
    // a number that was not received yet
    guessed.sequence = 100;
    for (from, datagram, expected) in [
        (door.at, vec![], Dropped { short: 1, ..Dropped::default() }),
        (door.at, vec![0x80; 11], Dropped { short: 1, ..Dropped::default() }),
        (door.at, vec![0x80, 200, 0, 0, 0, 0, 0], Dropped { short: 1, ..Dropped::default() }),
        (door.at, first[..15].to_vec(), Dropped { short: 1, ..Dropped::default() }),
        (door.at, b"\x16\xfe\xfd hello".to_vec(), Dropped { no_rtp: 1, ..Dropped::default() }),
        (stranger, unknown.rtp(), Dropped { foreign: 1, ..Dropped::default() }),
        // the SSRC of somebody else, from anywhere
        (stranger, guessed.rtp(), Dropped { foreign: 1, ..Dropped::default() }),
        (door.at, changed, Dropped { forged: 1, ..Dropped::default() }),
        (door.at, first.clone(), Dropped { replayed: 1, ..Dropped::default() }),
        // who repeats what was heard does not draw the answers to himself
        (stranger, first, Dropped { replayed: 1, ..Dropped::default() }),
    ] {
        let before = table.dropped();
        assert_eq!(table.handle_datagram(from, &mut datagram.clone()), None);
        let after = table.dropped();
        let step = Dropped {
            short: after.short - before.short,
            no_rtp: after.no_rtp - before.no_rtp,
            foreign: after.foreign - before.foreign,
            forged: after.forged - before.forged,
            replayed: after.replayed - before.replayed,
        };
        assert_eq!(step, expected, "{datagram:?}");
    }
    assert_eq!(table.remote(key), Some(door.at));
    assert!(table.handle_datagram(door.at, &mut door.rtp()).is_some());
}

#[test]
fn who_comes_from_another_address_is_believed_by_an_authentic_packet() {
    let mut table = Table::default();
    let (mut door, key) = Peer::join(&mut table, address(1, 5000), 7, 1);
    let (mut yard, yard_key) = Peer::join(&mut table, address(2, 5000), 7, 2);
    let elsewhere = address(9, 40_000);
    let accepted = table.handle_datagram(elsewhere, &mut yard.rtp()).unwrap();
    assert_eq!((accepted.context, accepted.moved_to), (yard_key, Some(elsewhere)));
    let accepted = table.handle_datagram(elsewhere, &mut yard.rtcp()).unwrap();
    assert_eq!((accepted.context, accepted.moved_to), (yard_key, None));
    assert_eq!(table.protect_rtcp(yard_key, &mut report(1), 0), Ok(elsewhere));
    assert_eq!(table.handle_datagram(door.at, &mut door.rtp()).unwrap().context, key);
    // the place that it left is free
    let new = NewContext { remote: yard.at, ssrc: 7, send: master(9), receive: master(9) };
    assert!(table.insert(&new).is_ok());
}

#[test]
fn what_was_removed_is_a_stranger_and_its_place_is_free() {
    let mut table = Table::default();
    let (mut door, key) = Peer::join(&mut table, address(1, 5000), 7, 1);
    assert!(table.remove(key) && !table.remove(key) && table.is_empty());
    assert_eq!(table.handle_datagram(door.at, &mut door.rtp()), None);
    assert_eq!(table.dropped().foreign, 1);
    assert_eq!(table.protect_rtp(key, &mut vec![0; 20], 0), Err(SendError::Gone));
    let (mut again, again_key) = Peer::join(&mut table, door.at, 7, 4);
    assert_ne!(key, again_key);
    // of the session before
    assert_eq!(table.handle_datagram(door.at, &mut door.rtp()), None);
    assert_eq!(table.dropped().forged, 1);
    assert!(table.handle_datagram(door.at, &mut again.rtp()).is_some());
}

proptest! {
    #[test]
    fn whatever_comes_is_dropped_for_one_reason(datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 1..40)) {
        let mut table = Table::default();
        let (mut door, _) = Peer::join(&mut table, address(1, 5000), 0x0101_0101, 1);
        let count = datagrams.len() as u64;
        for mut datagram in datagrams {
            prop_assert_eq!(table.handle_datagram(door.at, &mut datagram), None);
        }
        prop_assert_eq!(table.dropped().sum(), count);
        prop_assert!(table.handle_datagram(door.at, &mut door.rtp()).is_some());
    }
}
