//! Host candidates: the addresses a peer is told to try.
//!
//! Sources: RFC 8445 §5.1.2 (priorities), §5.1.1.3 (foundations), RFC 6544 §4.5 (TCP); JSON as mediasoup's.
use super::tuple::Protocol;
use serde::{Deserialize, Serialize};

/// Type preference of host candidates. Source: RFC 8445 §5.1.2.2.
const TYPE_PREFERENCE: u32 = 126;
/// There is one component: RTP and RTCP share a way.
const COMPONENT: u32 = 1;
/// Local preference of the first address; the next has one less. The middle of its 16 bits, so that there is room above.
const LOCAL_PREFERENCE: u16 = 30_000;
/// What a preferred protocol has more: enough to put its last address before the other protocol's first.
const PREFERRED: u16 = 20_000;

/// Always a host candidate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IceCandidateType {
    /// An address of ours.
    Host,
}

/// Always passive: the peer connects.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IceCandidateTcpType {
    /// We listen.
    Passive,
}

/// One candidate.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IceCandidate {
    /// Same for candidates that share protocol and address.
    pub foundation: String,
    /// Higher is tried first.
    pub priority: u32,
    /// IP address or host name.
    pub address: String,
    /// The same: the name that older versions of `mediasoup-client` read.
    pub ip: String,
    /// UDP or TCP.
    pub protocol: Protocol,
    /// Port.
    pub port: u16,
    /// Always host.
    pub r#type: IceCandidateType,
    /// Passive for TCP, nothing for UDP.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tcp_type: Option<IceCandidateTcpType>,
}

/// What a transport listens on, as peers reach it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListenAddress {
    /// UDP or TCP.
    pub protocol: Protocol,
    /// The announced address, or else the IP address it is bound to.
    pub address: String,
    /// The port.
    pub port: u16,
}

/// Candidates of these addresses, in their order. Without a preference the order alone decides, and of UDP and TCP on
/// the same address the caller names first which it wants first.
pub fn candidates(listens: &[ListenAddress], prefer_udp: bool, prefer_tcp: bool) -> Vec<IceCandidate> {
    let one = |(index, listen): (usize, &ListenAddress)| {
        let preferred = match listen.protocol {
            Protocol::Udp => prefer_udp,
            Protocol::Tcp => prefer_tcp,
        };
        let base = LOCAL_PREFERENCE + if preferred { PREFERRED } else { 0 };
        let local = base.saturating_sub(u16::try_from(index).unwrap_or(u16::MAX));
        let (name, tcp_type) = match listen.protocol {
            Protocol::Udp => ("udp", None),
            Protocol::Tcp => ("tcp", Some(IceCandidateTcpType::Passive)),
        };
        let same =
            |other: &ListenAddress| (other.protocol, &other.address) == (listen.protocol, &listen.address);
        let group = listens.iter().position(same).unwrap_or(index);
        IceCandidate {
            foundation: format!("{name}{group}"),
            priority: priority(local),
            address: listen.address.clone(),
            ip: listen.address.clone(),
            protocol: listen.protocol,
            port: listen.port,
            r#type: IceCandidateType::Host,
            tcp_type,
        }
    };
    listens.iter().enumerate().map(one).collect()
}

/// Source: RFC 8445 §5.1.2.1.
fn priority(local_preference: u16) -> u32 {
    (TYPE_PREFERENCE << 24) + (u32::from(local_preference) << 8) + (256 - COMPONENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listens() -> Vec<ListenAddress> {
        let of = |protocol, address: &str, port| ListenAddress { protocol, address: address.into(), port };
        vec![
            of(Protocol::Udp, "192.0.2.1", 4000),
            of(Protocol::Tcp, "192.0.2.1", 4000),
            of(Protocol::Udp, "2001:db8::1", 4000),
            of(Protocol::Udp, "192.0.2.1", 4001),
        ]
    }

    fn order(prefer_udp: bool, prefer_tcp: bool) -> Vec<(Protocol, u16, String)> {
        let mut all = candidates(&listens(), prefer_udp, prefer_tcp);
        all.sort_by_key(|one| std::cmp::Reverse(one.priority));
        all.into_iter().map(|one| (one.protocol, one.port, one.address)).collect()
    }

    #[test]
    fn the_order_decides_unless_a_protocol_is_preferred() {
        let protocols =
            |order: Vec<(Protocol, u16, String)>| order.into_iter().map(|one| one.0).collect::<Vec<_>>();
        use Protocol::{Tcp, Udp};
        assert_eq!(protocols(order(false, false)), [Udp, Tcp, Udp, Udp]);
        assert_eq!(protocols(order(true, false)), [Udp, Udp, Udp, Tcp]);
        assert_eq!(protocols(order(false, true)), [Tcp, Udp, Udp, Udp]);
    }

    #[test]
    fn candidates_of_one_address_and_protocol_share_a_foundation_and_nothing_else_does() {
        let foundations: Vec<_> =
            candidates(&listens(), false, false).into_iter().map(|one| one.foundation).collect();
        assert_eq!(foundations, ["udp0", "tcp1", "udp2", "udp0"]);
    }

    #[test]
    fn the_json_is_read_by_users_of_mediasoup() {
        for ours in candidates(&listens(), true, false) {
            let json = serde_json::to_value(&ours).unwrap();
            let theirs: mediasoup_types::data_structures::IceCandidate =
                serde_json::from_value(json.clone()).unwrap();
            let mut again = serde_json::to_value(&theirs).unwrap();
            again["ip"] = json["ip"].clone();
            assert_eq!(again, json);
            assert_eq!(serde_json::from_value::<IceCandidate>(json).unwrap(), ours);
        }
    }
}
