//! Numbers of header extensions, a producer's to its router's. Source: RFC 8285 §4.2, §4.3.

/// Which number of the router each number of a producer becomes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ExtensionIds(Vec<(u8, u8)>);

impl ExtensionIds {
    /// From pairs of a producer's and the router's number. Zero is padding and left out; of a number that comes
    /// twice the first counts.
    pub fn new(pairs: impl IntoIterator<Item = (u8, u8)>) -> Self {
        Self(pairs.into_iter().filter(|(from, to)| *from != 0 && *to != 0).collect())
    }

    /// The router's number; `None` when it has none for the extension.
    pub fn map(&self, producer: u8) -> Option<u8> {
        self.0.iter().find(|(from, _)| *from == producer).map(|(_, to)| *to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_without_a_partner_becomes_nothing() {
        let ids = ExtensionIds::new([(3, 4), (0, 7), (12, 1)]);
        assert_eq!((ids.map(3), ids.map(12), ids.map(4), ids.map(0)), (Some(4), Some(1), None, None));
    }
}
