//! Entry for a fuzz target: arbitrary datagrams from arbitrary places; none may panic, and none is anybody's.
use super::table::{NewContext, Table};
use super::{MasterKey, Profile};
use std::net::SocketAddr;

/// Strangers' datagrams at a socket with two sessions: each is dropped, and counted.
pub fn table(data: &[u8]) {
    let mut table = Table::default();
    let address = |last: u8| SocketAddr::from(([192, 0, 2, last % 3], 5000));
    for last in [0, 1] {
        let Ok(key) = MasterKey::new(Profile::AesCm128HmacSha1_80, &[last; 16], &[last; 14]) else { return };
        let new = NewContext { remote: address(last), ssrc: 0x0101_0101, send: key.clone(), receive: key };
        if table.insert(&new).is_err() {
            return;
        }
    }
    let step = usize::from(data.first().copied().unwrap_or(0)) + 1;
    for piece in data.get(1..).unwrap_or_default().chunks(step) {
        let mut datagram = piece.to_vec();
        let from = address(piece.first().copied().unwrap_or(0));
        assert!(table.handle_datagram(from, &mut datagram).is_none(), "a stranger was taken for a peer");
    }
}
