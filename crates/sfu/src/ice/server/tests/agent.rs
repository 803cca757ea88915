//! The crate `is` as a full agent, as a browser is one.
use super::*;
use ::is::stun::{StunMessage, StunPacket};
use ::is::{Candidate, IceAgent, IceConnectionState, IceCreds};
use std::time::Instant;

#[derive(Debug)]
struct AwsLc;

impl ::is::Sha1HmacProvider for AwsLc {
    fn sha1_hmac(&self, key: &[u8], payloads: &[&[u8]]) -> [u8; 20] {
        hmac_sha1(key, payloads)
    }
}

/// An agent with one address per port, and our server, until `until`.
struct Pair {
    agent: IceAgent,
    start: Instant,
    server: IceServer,
    now: u64,
}

impl Pair {
    fn new(controlling: bool, ports: &[u16]) -> Self {
        let mut agent = IceAgent::with_hmac(IceCreds::new(), &AwsLc);
        agent.set_controlling(controlling);
        for port in ports {
            agent.add_local_candidate(Candidate::host(tuple(*port).remote, "udp").unwrap()).unwrap();
        }
        let server = server();
        agent.set_remote_credentials(creds(server.parameters()));
        agent.add_remote_candidate(Candidate::host(tuple(0).local, "udp").unwrap());
        #[expect(
            clippy::disallowed_methods,
            reason = "the agent counts in Instants; only differences matter"
        )]
        let start = Instant::now();
        Self { agent, start, server, now: 0 }
    }

    /// Lets time pass in steps of 10 ms; `reaches` says whether datagrams of a port arrive.
    fn run(&mut self, millis: u64, reaches: impl Fn(u16) -> bool) {
        for _ in 0..millis / 10 {
            self.now += 10;
            let instant = self.start + Duration::from_millis(self.now);
            self.agent.handle_timeout(instant);
            while let Some(sent) = self.agent.poll_transmit() {
                if !reaches(sent.source.port()) {
                    continue;
                }
                self.server.handle_datagram(&sent.contents, tuple(sent.source.port()), at(self.now));
                for output in drain(&mut self.server, at(self.now)) {
                    if let IceOutput::Send { tuple, datagram } = output {
                        let message = StunMessage::parse(&datagram).unwrap();
                        let (source, destination) = (tuple.local, tuple.remote);
                        let packet = StunPacket { proto: sent.proto, source, destination, message };
                        self.agent.handle_packet(instant, packet);
                    }
                }
            }
            while self.agent.poll_event().is_some() {}
            drain(&mut self.server, at(self.now));
        }
    }
}

fn creds(parameters: &IceParameters) -> IceCreds {
    IceCreds { ufrag: parameters.username_fragment.clone(), pass: parameters.password.clone() }
}

#[test]
fn a_full_agent_completes_and_keeps_its_consent() {
    let mut pair = Pair::new(true, &[1001]);
    pair.run(90_000, |_| true);
    assert!(pair.agent.state().is_connected(), "{:?}", pair.agent.state());
    assert_eq!((pair.server.state(), pair.server.selected()), (IceState::Completed, Some(tuple(1001))));
    let stats = *pair.server.stats();
    assert_eq!(IceStats { checks: stats.checks, ..IceStats::default() }, stats);
}

#[test]
fn a_full_agent_that_loses_one_way_goes_on_on_the_other() {
    let mut pair = Pair::new(true, &[1001, 1002]);
    pair.run(5_000, |_| true);
    let first = pair.server.selected().unwrap().remote.port();
    pair.run(60_000, |port| port != first);
    assert_eq!(pair.server.state(), IceState::Completed);
    assert_ne!(pair.server.selected().unwrap().remote.port(), first);
}

#[test]
fn a_full_agent_that_falls_silent_is_gone_after_the_timeout() {
    let mut pair = Pair::new(true, &[1001]);
    pair.run(5_000, |_| true);
    pair.run(31_000, |_| false);
    assert_eq!((pair.server.state(), pair.server.selected()), (IceState::Disconnected, None));
}

#[test]
fn a_controlled_agent_takes_the_other_role_when_told_of_the_conflict() {
    let mut pair = Pair::new(false, &[1001]);
    // It has a tie breaker that would win among full agents; against a lite one it must give way.
    pair.agent.set_control_tie_breaker(u64::MAX);
    pair.run(10_000, |_| true);
    assert!(pair.server.stats().role_conflicts > 0);
    assert!(pair.agent.controlling() && pair.server.state() == IceState::Completed);
}

#[test]
fn a_full_agent_follows_a_restart() {
    let mut pair = Pair::new(true, &[1001]);
    pair.run(5_000, |_| true);
    let new = pair.server.restart(&mut random(50), at(pair.now));
    pair.agent.ice_restart(IceCreds::new(), true);
    pair.agent.set_remote_credentials(creds(&new));
    pair.agent.add_remote_candidate(Candidate::host(tuple(0).local, "udp").unwrap());
    pair.run(5_000, |_| true);
    assert!(matches!(pair.agent.state(), IceConnectionState::Connected | IceConnectionState::Completed));
    assert_eq!((pair.server.state(), pair.server.ufrags().count()), (IceState::Completed, 1));
}
