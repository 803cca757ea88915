//! A command line in words, as go2rtc writes it.
//!
//! Source: go2rtc's `exec:` sources. Blanks separate words; a word that begins with `"` or `'` goes to the next such sign and may
//! hold blanks. Anywhere else those are signs like others, and there are no escapes: this is no shell.

/// The words; an error for a quote that does not end.
pub(crate) fn split(line: &str) -> Result<Vec<String>, Unended> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        let word = match first {
            '"' | '\'' => {
                let (word, after) = rest[1..].split_once(first).ok_or(Unended(first))?;
                rest = after;
                word
            }
            _ => {
                let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
                let (word, after) = rest.split_at(end);
                rest = after;
                word
            }
        };
        words.push(word.to_owned());
        rest = rest.trim_start();
    }
    Ok(words)
}

/// A quote that begins and does not end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a {0} begins a word and does not end")]
pub(crate) struct Unended(char);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_that_go2rtc_sees() {
        let words = |line| split(line).unwrap();
        assert_eq!(
            words("ffmpeg -re  -i a.mp4\t-f flv -\n"),
            ["ffmpeg", "-re", "-i", "a.mp4", "-f", "flv", "-"]
        );
        assert_eq!(words(r#"a "b c" 'd "e"'"#), ["a", "b c", "d \"e\""]);
        assert_eq!(words("-vf drawtext='x:y' it's"), ["-vf", "drawtext='x:y'", "it's"]);
        assert_eq!(words(r#""a"b """#), ["a", "b", ""]);
        assert_eq!(words("  "), [""; 0]);
        assert_eq!(split("a 'b c"), Err(Unended('\'')));
    }
}
