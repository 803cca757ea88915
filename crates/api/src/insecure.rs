//! Sources that run programs: set in the configuration file only, never through the API.

/// Schemes whose sources are programs.
const SCHEMES: [&str; 3] = ["exec", "echo", "expr"];
/// Options of `ffmpeg:` that are arguments as they stand, and so could name files to write.
const ARGUMENTS: [&str; 2] = ["raw", "input"];

/// True for a source that the API must not take. `ffmpeg:` in words is taken: what it runs is decided by the file.
pub(crate) fn is_insecure(url: &str) -> bool {
    let scheme = url.split(':').next().unwrap_or_default();
    let mut options = url.split('#').skip(1).map(|option| option.split('=').next().unwrap_or_default());
    SCHEMES.contains(&scheme) || (scheme == "ffmpeg" && options.any(|name| ARGUMENTS.contains(&name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_and_arguments_are_the_files_alone() {
        for (url, insecure) in [
            ("exec:ls", true),
            ("ffmpeg:cam#audio=opus", false),
            ("ffmpeg:cam#raw=-f null /etc/x", true),
            ("ffmpeg:cam#video=h264#input=-i {input}", true),
            ("rtsp://h/x#raw=1", false),
        ] {
            assert_eq!(is_insecure(url), insecure, "{url}");
        }
    }
}
