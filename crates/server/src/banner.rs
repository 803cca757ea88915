//! What the server says of itself when it has started: where everything is, and what is open.
use crate::config::{Config, Listen, LogFormat};
use crate::{VERSION, logging};
use gateway::listeners::Addresses;
use std::net::SocketAddr;

/// Says where everything is: in a banner for people, in log lines for programs.
pub(crate) fn announce(format: LogFormat, config: &Config, addresses: &Addresses) {
    let name = config.streams.keys().next().map_or("NAME", String::as_str);
    let places = places(addresses, config.api.base_path.trim_end_matches('/'), name);
    match format {
        LogFormat::Text => {
            let mut banner = format!("\n  Aqueduct {VERSION}\n\n");
            for (what, url) in &places {
                banner.push_str(&format!("  {what:<10} {url}\n"));
            }
            banner.push('\n');
            logging::write(&banner);
        }
        LogFormat::Json | LogFormat::Go2rtc => {
            for (what, url) in &places {
                tracing::info!(url, "{what}");
            }
        }
    }
    for address in [addresses.http, addresses.https].into_iter().flatten() {
        logging::say_listening(format, address);
    }
    let open = [
        ("api", config.api.listen, &config.api.username),
        ("rtsp", config.rtsp.listen, &config.rtsp.username),
    ];
    for (section, listen, username) in open {
        if is_open(listen) && username.is_empty() {
            tracing::warn!(
                "{section}.listen is open to the network and {section}.username is not set: everybody may watch"
            );
        }
    }
}

fn is_open(listen: Listen) -> bool {
    listen.0.is_some_and(|address| !address.ip().is_loopback())
}

/// The addresses worth knowing, with a stream for example.
fn places(addresses: &Addresses, base_path: &str, stream: &str) -> Vec<(&'static str, String)> {
    let shown = |address: SocketAddr| {
        let any = address.ip().is_unspecified();
        if any { format!("127.0.0.1:{}", address.port()) } else { address.to_string() }
    };
    let mut places = Vec::new();
    let web = addresses.http.map(|address| ("http", address));
    if let Some((scheme, address)) = web.or(addresses.https.map(|address| ("https", address))) {
        let host = shown(address);
        places.push(("Web page", format!("{scheme}://{host}{base_path}/")));
        places.push(("WHEP", format!("{scheme}://{host}{base_path}/api/webrtc?src={stream}")));
        places.push(("WHIP", format!("{scheme}://{host}{base_path}/api/webrtc?dst=NAME")));
    }
    for (what, scheme, address, path) in [
        ("RTSP", "rtsp", addresses.rtsp, ""),
        ("RTSPS", "rtsps", addresses.rtsps, ""),
        ("RTMP", "rtmp", addresses.rtmp, "live/"),
        ("RTMPS", "rtmps", addresses.rtmps, "live/"),
    ] {
        if let Some(address) = address {
            places.push((what, format!("{scheme}://{}/{path}{stream}", shown(address))));
        }
    }
    places
}
