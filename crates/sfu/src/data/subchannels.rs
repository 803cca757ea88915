//! Subchannels: which messages of a data producer a data consumer gets.
//!
//! Source: mediasoup 3.27 `DataConsumer::SendMessage`, its documentation of `subchannels`, `requiredSubchannel` and
//! `ignoredSubchannel`. Owns the tags that one consumer subscribed to.
use std::collections::BTreeSet;

/// What a message says about whom it is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Addressed<'a> {
    /// Consumers with one of these; all consumers when empty.
    pub subchannels: &'a [u16],
    /// Only consumers with this.
    pub required: Option<u16>,
    /// Only consumers without this.
    pub ignored: Option<u16>,
}

/// The tags that a consumer subscribed to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subchannels(BTreeSet<u16>);

impl Subchannels {
    /// Subscribed to `subchannels`; doubles count once.
    pub fn new(subchannels: impl IntoIterator<Item = u16>) -> Self {
        Self(subchannels.into_iter().collect())
    }

    /// Subscribes to one more. False when that was so already.
    pub fn add(&mut self, subchannel: u16) -> bool {
        self.0.insert(subchannel)
    }

    /// Leaves one. False when it was not subscribed to.
    pub fn remove(&mut self, subchannel: u16) -> bool {
        self.0.remove(&subchannel)
    }

    /// In rising order.
    pub fn iter(&self) -> impl Iterator<Item = u16> {
        self.0.iter().copied()
    }

    /// Whether this consumer gets the message.
    pub fn receives(&self, message: &Addressed<'_>) -> bool {
        let meant =
            message.subchannels.is_empty() || message.subchannels.iter().any(|tag| self.0.contains(tag));
        let has_required = message.required.is_none_or(|tag| self.0.contains(&tag));
        let has_ignored = message.ignored.is_some_and(|tag| self.0.contains(&tag));
        meant && has_required && !has_ignored
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_table_of_who_receives_what() {
        // Consumer's tags, the message's tags, required, ignored, whether it receives.
        type Row = (&'static [u16], &'static [u16], Option<u16>, Option<u16>, bool);
        const TABLE: &[Row] = &[
            (&[], &[], None, None, true),
            (&[], &[], None, Some(1), true),
            (&[], &[], Some(1), None, false),
            (&[], &[], Some(1), Some(1), false),
            (&[], &[1], None, None, false),
            (&[], &[1], None, Some(1), false),
            (&[], &[1], Some(1), None, false),
            (&[], &[1], Some(1), Some(1), false),
            (&[1], &[], None, None, true),
            (&[1], &[], None, Some(1), false),
            (&[1], &[], None, Some(2), true),
            (&[1], &[], Some(1), None, true),
            (&[1], &[], Some(2), None, false),
            (&[1], &[], Some(1), Some(1), false),
            (&[1], &[], Some(1), Some(2), true),
            (&[1], &[], Some(2), Some(2), false),
            (&[1], &[1], None, None, true),
            (&[1], &[1], None, Some(1), false),
            (&[1], &[1], None, Some(2), true),
            (&[1], &[1], Some(1), None, true),
            (&[1], &[1], Some(2), None, false),
            (&[1], &[1], Some(1), Some(2), true),
            (&[1], &[1], Some(1), Some(1), false),
            (&[1], &[2], None, None, false),
            (&[1], &[2], Some(1), None, false),
            (&[1], &[2], None, Some(2), false),
            (&[1, 2], &[2, 3], None, None, true),
            (&[1, 2], &[2, 3], Some(1), None, true),
            (&[1, 2], &[2, 3], Some(3), None, false),
            (&[1, 2], &[2, 3], None, Some(1), false),
            (&[1, 2], &[2, 3], None, Some(3), true),
            (&[1, 2], &[2, 3], Some(2), Some(3), true),
            (&[0, 65_535], &[65_535], Some(0), None, true),
        ];
        for &(consumer, subchannels, required, ignored, receives) in TABLE {
            let row = Addressed { subchannels, required, ignored };
            assert_eq!(
                Subchannels::new(consumer.iter().copied()).receives(&row),
                receives,
                "{consumer:?} {row:?}"
            );
        }
    }

    #[test]
    fn subscribing_twice_is_once_and_leaving_is_at_once() {
        let mut tags = Subchannels::new([3, 1, 3]);
        assert_eq!(tags.iter().collect::<Vec<_>>(), [1, 3]);
        assert!(!tags.add(1));
        assert!(tags.add(2));
        assert!(tags.remove(3));
        assert!(!tags.remove(3));
        assert!(!tags.receives(&Addressed { subchannels: &[3], ..Addressed::default() }));
    }
}
