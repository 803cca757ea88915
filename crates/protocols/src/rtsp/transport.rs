//! The `Transport` field. Source: RFC 2326 §12.39.
use super::message::leading_number;
use std::fmt;

/// What carries the media.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lower {
    /// Frames between the messages of the connection.
    Tcp,
    /// Datagrams.
    Udp,
}

/// Which way the media goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Server to client.
    Play,
    /// Client to server.
    Record,
}

/// One way to carry a track's media. Ports and channels come as pairs: RTP and RTCP.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transport {
    /// TCP or UDP.
    pub lower: Lower,
    /// The RTP profile: `AVP`, `SAVP`, `AVPF`…
    pub profile: String,
    /// To a multicast group.
    pub multicast: bool,
    /// Channels on the connection.
    pub interleaved: Option<(u8, u8)>,
    /// The client's UDP ports.
    pub client_port: Option<(u16, u16)>,
    /// The server's UDP ports.
    pub server_port: Option<(u16, u16)>,
    /// The group's UDP ports.
    pub port: Option<(u16, u16)>,
    /// Where the media goes to.
    pub destination: Option<String>,
    /// Where the media comes from, if not from the host of the connection.
    pub source: Option<String>,
    /// Hops a multicast datagram may go.
    pub ttl: Option<u8>,
    /// The sender's SSRC.
    pub ssrc: Option<u32>,
    /// Which way the media goes; none means to play.
    pub mode: Option<Mode>,
}

impl Transport {
    /// Unicast with nothing else said.
    pub fn unicast(lower: Lower) -> Self {
        Self {
            lower,
            profile: "AVP".to_owned(),
            multicast: false,
            interleaved: None,
            client_port: None,
            server_port: None,
            port: None,
            destination: None,
            source: None,
            ttl: None,
            ssrc: None,
            mode: None,
        }
    }

    /// Unicast over the connection, on a pair of channels.
    pub fn tcp(rtp: u8, rtcp: u8) -> Self {
        Self { interleaved: Some((rtp, rtcp)), ..Self::unicast(Lower::Tcp) }
    }

    /// Unicast datagrams to a pair of the client's ports.
    pub fn udp(rtp: u16, rtcp: u16) -> Self {
        Self { client_port: Some((rtp, rtcp)), ..Self::unicast(Lower::Udp) }
    }

    /// Reads the alternatives of a field, best first. What is not RTP is left out.
    pub fn parse_all(value: &str) -> Vec<Transport> {
        value.split(',').filter_map(Transport::parse).collect()
    }

    fn parse(spec: &str) -> Option<Transport> {
        let mut parts = spec.split(';').map(str::trim);
        let name = parts.next()?.to_ascii_uppercase();
        let mut words = name.split('/');
        if words.next()?.trim() != "RTP" {
            return None;
        }
        let profile = words.next().unwrap_or("AVP").trim().to_owned();
        let lower = match words.next().map(str::trim) {
            Some("TCP") => Lower::Tcp,
            Some("UDP") | None => Lower::Udp,
            Some(_) => return None,
        };
        let mut transport = Transport { profile, ..Transport::unicast(lower) };
        for part in parts {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let (key, value) = (key.trim().to_ascii_lowercase(), value.trim().trim_matches('"'));
            match key.as_str() {
                "unicast" => transport.multicast = false,
                "multicast" => transport.multicast = true,
                "interleaved" => transport.interleaved = pair(value),
                "client_port" => transport.client_port = pair(value),
                "server_port" => transport.server_port = pair(value),
                "port" => transport.port = pair(value),
                "destination" => transport.destination = Some(value.to_owned()).filter(|v| !v.is_empty()),
                "source" => transport.source = Some(value.to_owned()).filter(|v| !v.is_empty()),
                "ttl" => transport.ttl = leading_number(value),
                "ssrc" => transport.ssrc = ssrc(value),
                "mode" => transport.mode = mode(value),
                _ => {}
            }
        }
        Some(transport)
    }
}

/// `4-5`; also `4` and `4-`, which mean the next one for RTCP, as with the cameras that write so.
fn pair<T>(value: &str) -> Option<(T, T)>
where
    T: std::str::FromStr + Copy + Into<u32> + TryFrom<u32>,
{
    let (first, second) = value.split_once('-').unwrap_or((value, ""));
    let first: T = leading_number(first)?;
    let second = match leading_number(second) {
        Some(second) => second,
        None => T::try_from(first.into() + 1).ok()?,
    };
    Some((first, second))
}

/// Eight hex digits; fewer, a `0x`, and blanks are taken too.
fn ssrc(value: &str) -> Option<u32> {
    let digits = value.trim_start_matches("0x").trim_start_matches("0X").trim();
    u32::from_str_radix(digits, 16).ok()
}

fn mode(value: &str) -> Option<Mode> {
    let word = value.trim_matches(|c: char| c == '"' || c == '\'' || c.is_whitespace());
    if word.eq_ignore_ascii_case("record") || word.eq_ignore_ascii_case("receive") {
        Some(Mode::Record)
    } else if word.eq_ignore_ascii_case("play") {
        Some(Mode::Play)
    } else {
        None
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lower = match self.lower {
            Lower::Tcp => "/TCP",
            Lower::Udp => "",
        };
        write!(f, "RTP/{}{lower};{}", self.profile, if self.multicast { "multicast" } else { "unicast" })?;
        if let Some(destination) = &self.destination {
            write!(f, ";destination={destination}")?;
        }
        if let Some(source) = &self.source {
            write!(f, ";source={source}")?;
        }
        if let Some((rtp, rtcp)) = self.interleaved {
            write!(f, ";interleaved={rtp}-{rtcp}")?;
        }
        for (name, ports) in
            [("client_port", self.client_port), ("server_port", self.server_port), ("port", self.port)]
        {
            if let Some((rtp, rtcp)) = ports {
                write!(f, ";{name}={rtp}-{rtcp}")?;
            }
        }
        if let Some(ttl) = self.ttl {
            write!(f, ";ttl={ttl}")?;
        }
        if let Some(ssrc) = self.ssrc {
            write!(f, ";ssrc={ssrc:08X}")?;
        }
        match self.mode {
            Some(Mode::Play) => f.write_str(";mode=\"PLAY\""),
            Some(Mode::Record) => f.write_str(";mode=record"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let full = Transport {
            server_port: Some((6970, 6971)),
            source: Some("10.0.0.9".into()),
            ssrc: Some(0x00c0_ffee),
            mode: Some(Mode::Record),
            ..Transport::udp(5000, 5001)
        };
        let group = Transport {
            multicast: true,
            destination: Some("239.1.1.1".into()),
            port: Some((5000, 5001)),
            ttl: Some(16),
            ..Transport::unicast(Lower::Udp)
        };
        for transport in [Transport::tcp(0, 1), full, group] {
            assert_eq!(Transport::parse_all(&transport.to_string()), [transport]);
        }
    }

    #[test]
    fn several_alternatives_keep_their_order() {
        let all = Transport::parse_all(
            "RTP/AVP/TCP;unicast;interleaved=0-1, RAW/RAW/UDP;unicast,RTP/AVP;unicast;client_port=4588-4589;mode=\"PLAY\"",
        );
        assert_eq!(
            all,
            [Transport::tcp(0, 1), Transport { mode: Some(Mode::Play), ..Transport::udp(4588, 4589) }]
        );
    }

    #[test]
    fn odd_writing_of_cameras_is_understood() {
        let [one] =
            &Transport::parse_all("rtp/avp/tcp; Unicast; interleaved = 2 ;ssrc=0x1f ; mode='play'")[..]
        else {
            panic!()
        };
        assert_eq!((one.interleaved, one.ssrc, one.mode), (Some((2, 3)), Some(0x1f), Some(Mode::Play)));
        let [two] = &Transport::parse_all("RTP/AVP/UDP;unicast;client_port=5000-;ssrc= 2A;;source=")[..]
        else {
            panic!()
        };
        assert_eq!((two.client_port, two.ssrc, &two.source), (Some((5000, 5001)), Some(0x2a), &None));
        assert_eq!(Transport::parse_all("RTP/AVP/TCP;interleaved=255")[0].interleaved, None);
        assert_eq!(Transport::parse_all(";,;=;RTP"), [Transport::unicast(Lower::Udp)][..0]);
    }
}
