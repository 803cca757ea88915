//! What stands behind `#` in an output's URL, as go2rtc writes options: `isapi://door/#channel=2#codec=pcma`.
use hub::SourceError;
use media::Codec;
use protocols::auth::without_userinfo;

/// The options of a URL, each with its value, empty where there is none.
pub(super) fn options(url: &str) -> Vec<(String, String)> {
    let bare = without_userinfo(url);
    let parts = bare.split('#').skip(1).filter(|option| !option.is_empty());
    parts
        .map(|option| {
            let (key, value) = option.split_once('=').unwrap_or((option, ""));
            (key.to_owned(), value.to_owned())
        })
        .collect()
}

/// A codec by the names that people use for it.
pub(super) fn codec(key: &str, value: &str) -> Result<Codec, SourceError> {
    Ok(match value.to_ascii_lowercase().as_str() {
        "pcmu" | "mulaw" | "ulaw" => Codec::Pcmu,
        "pcma" | "alaw" => Codec::Pcma,
        "g722" => Codec::G722,
        "l16" | "pcm" => Codec::L16,
        "opus" => Codec::Opus,
        "aac" => Codec::Aac,
        _ => return Err(wrong(key, value, "pcmu, pcma, g722, l16, opus or aac")),
    })
}

/// Says that an option has no such value.
pub(super) fn wrong(key: &str, value: &str, can: &str) -> SourceError {
    SourceError::config(format!("#{key}={value} is not possible: {can}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_behind_the_url_and_not_out_of_the_password() {
        let read = options("isapi://u:a#channel=9@h/x#channel=2#codec=PCMA##free");
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(read, [pair("channel", "2"), pair("codec", "PCMA"), pair("free", "")]);
        assert_eq!(codec("codec", "PCMA"), Ok(Codec::Pcma));
        assert!(codec("codec", "g729").unwrap_err().message.contains("#codec=g729"));
    }
}
