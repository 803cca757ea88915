//! Figures for `docs/performance.md`: run alone, with `--ignored --nocapture --test-threads=1`.
use super::*;

#[expect(clippy::disallowed_methods, reason = "it measures")]
fn timed<T>(total: &mut Duration, act: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = act();
    *total += start.elapsed();
    result
}

/// Resident memory in bytes.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// A server after its handshake with a client that is gone; adds the time that was its own.
fn server(versions: DtlsVersions, total: &mut Duration) -> DtlsTransport {
    let mut pair = Pair::new(versions, DtlsVersions::Both);
    let client = DtlsParameters { role: DtlsRole::Client, ..pair.client.transport.parameters() };
    let server = DtlsParameters { role: DtlsRole::Server, ..pair.server.transport.parameters() };
    pair.client.transport.connect(server, at(0)).unwrap();
    pair.client.transport.handle_path(at(0));
    timed(total, || {
        pair.server.transport.connect(client, at(0)).unwrap();
        pair.server.transport.handle_path(at(0));
    });
    loop {
        let (to_server, _) = pair.client.drain(at(0));
        let to_client = timed(total, || {
            to_server.iter().for_each(|datagram| pair.server.transport.handle_datagram(datagram, at(0)));
            pair.server.drain(at(0)).0
        });
        if to_server.is_empty() && to_client.is_empty() {
            pair.assert_connected();
            return pair.server.transport;
        }
        to_client.iter().for_each(|datagram| pair.client.transport.handle_datagram(datagram, at(0)));
    }
}

#[test]
#[ignore = "measures"]
fn what_a_handshake_and_an_idle_session_cost() {
    const SESSIONS: usize = 500;
    let mut making = Duration::ZERO;
    timed(&mut making, || DtlsContext::generate().unwrap());
    let mut again = Duration::ZERO;
    timed(&mut again, || DtlsContext::generate().unwrap());
    println!("making a context: {making:?} first, then {again:?}");
    for versions in [DtlsVersions::Only12, DtlsVersions::Only13] {
        let mut total = Duration::ZERO;
        let _warm: Vec<_> = (0..50).map(|_| server(versions, &mut total)).collect();
        let before = resident();
        total = Duration::ZERO;
        let kept: Vec<_> = (0..SESSIONS).map(|_| server(versions, &mut total)).collect();
        let bytes = (resident() - before) / kept.len();
        println!(
            "{versions:?}: {bytes} B a session, {:?} a handshake of the server",
            total / SESSIONS as u32
        );
    }
}
