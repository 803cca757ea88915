//! The addresses of this machine at which peers may reach a socket.
use std::io;
use std::net::{IpAddr, SocketAddr};

/// Every address at which a socket bound to `local` can be reached: itself, or on `0.0.0.0` and `[::]` those of all
/// interfaces that are up. Loopback counts only where there is nothing else; link-local never does, since peers would
/// need to know through which interface.
pub(super) fn addresses(local: SocketAddr) -> io::Result<Vec<SocketAddr>> {
    if !local.ip().is_unspecified() {
        return Ok(vec![local]);
    }
    let all: Vec<IpAddr> = nix::ifaddrs::getifaddrs()?
        .filter(|interface| interface.flags.contains(nix::net::if_::InterfaceFlags::IFF_UP))
        .filter_map(|interface| {
            let address = interface.address?;
            let v4 = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
            v4.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
        })
        .filter(|ip| local.is_ipv6() || ip.is_ipv4())
        .collect();
    let usable = |ip: &&IpAddr| match ip {
        IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_link_local() && !ip.is_unspecified(),
        IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unicast_link_local() && !ip.is_unspecified(),
    };
    let mut chosen: Vec<IpAddr> = all.iter().filter(usable).copied().collect();
    if chosen.is_empty() {
        chosen = all.into_iter().filter(IpAddr::is_loopback).collect();
    }
    chosen.dedup();
    Ok(chosen.into_iter().map(|ip| SocketAddr::new(ip, local.port())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_address_is_the_only_one() {
        let local = "127.0.0.1:8555".parse().unwrap();
        assert_eq!(addresses(local).unwrap(), [local]);
    }

    #[test]
    fn everywhere_is_at_least_somewhere_and_nowhere_unspecified() {
        let found = addresses("0.0.0.0:8555".parse().unwrap()).unwrap();
        assert!(!found.is_empty());
        assert!(found.iter().all(|address| address.port() == 8555 && !address.ip().is_unspecified()));
        assert!(found.iter().all(SocketAddr::is_ipv4));
    }
}
