//! Which events a hook wants: `alert.*`, `stream.state`, `*`.
use hub::What;

/// The patterns of one hook.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Patterns(Vec<Pattern>);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Pattern {
    Kind(String),
    /// Everything that begins so: `alert.`; empty for all.
    Begins(String),
}

impl Pattern {
    fn matches(&self, kind: &str) -> bool {
        match self {
            Pattern::Kind(wanted) => kind == wanted,
            Pattern::Begins(begin) => kind.starts_with(begin.as_str()),
        }
    }
}

impl Patterns {
    pub(super) fn new(given: &[String]) -> Result<Self, String> {
        if given.is_empty() {
            return Err("no event is wanted: write `alert.*`, or `*` for all".into());
        }
        let mut patterns = Vec::with_capacity(given.len());
        for text in given {
            let pattern = match text.strip_suffix('*') {
                Some("") => Pattern::Begins(String::new()),
                Some(begin) if begin.ends_with('.') => Pattern::Begins(begin.to_owned()),
                Some(_) | None => Pattern::Kind(text.clone()),
            };
            if !What::KINDS.iter().any(|kind| pattern.matches(kind)) {
                let kinds = What::KINDS.join(", ");
                return Err(format!(
                    "there is no event {text:?}: there are {kinds}, and patterns such as alert.*"
                ));
            }
            patterns.push(pattern);
        }
        Ok(Self(patterns))
    }

    pub(super) fn matches(&self, kind: &str) -> bool {
        self.0.iter().any(|pattern| pattern.matches(kind))
    }

    pub(super) fn shown(&self) -> Vec<String> {
        let show = |pattern: &Pattern| match pattern {
            Pattern::Kind(kind) => kind.clone(),
            Pattern::Begins(begin) => format!("{begin}*"),
        };
        self.0.iter().map(show).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(given: &[&str]) -> Result<Patterns, String> {
        Patterns::new(&given.iter().map(|&text| text.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_pattern_is_a_kind_or_a_beginning_with_a_star() {
        let some = patterns(&["alert.*", "stream.state"]).unwrap();
        let wanted: Vec<_> = What::KINDS.iter().filter(|kind| some.matches(kind)).collect();
        assert_eq!(wanted, [&"stream.state", &"alert.started", &"alert.ended"]);
        assert_eq!(some.shown(), ["alert.*", "stream.state"]);
        assert!(What::KINDS.iter().all(|kind| patterns(&["*"]).unwrap().matches(kind)));
        assert!(patterns(&["source_down"]).unwrap_err().contains("there is no event \"source_down\""));
        for wrong in [&["alert"][..], &["ale*"], &["alert.*", "nope.*"], &[""], &[]] {
            assert!(patterns(wrong).is_err(), "{wrong:?}");
        }
    }
}
