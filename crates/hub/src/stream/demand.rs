//! Which sources of a stream have to run for what its readers want. Pure: facts in, a decision out.
//!
//! For each wish the sources are asked in their order. One that certainly can fulfil it runs; if it flows, those behind
//! it are not needed for this wish, and if it fails, the next one stands in until it returns. One of which nobody knows
//! yet what it sends runs beside the next: a source that hangs while dialling holds up nobody.
use crate::wants::{Want, Wants};
use media::{Codec, Kind, Moment};
use std::time::Duration;

/// How long a source may take to flow before a fallback source starts: 3 s. Most cameras answer within 2.
pub(crate) const FALLBACK_AFTER: Duration = Duration::from_secs(3);

/// What a source sends, as far as is known: by itself, or from the last time that it flowed.
pub(crate) type Offers = Option<Vec<(Kind, Option<Codec>)>>;

/// What may still come: a kind, the codec where it is known, and whether it is certain.
pub(crate) type Prospect = (Kind, Option<Codec>, bool);

/// How a source is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Health {
    /// Not running, or running without media, since this moment.
    Starting(Moment),
    /// Media flows.
    Flows,
    /// Its last attempt failed, and the next one has not brought media.
    Fails,
}

/// What the decision needs to know of a source.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) offers: Offers,
    pub(crate) fallback: bool,
    pub(crate) health: Health,
}

/// How sure a source is to fulfil a wish.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Chance {
    No,
    Perhaps,
    Yes,
}

impl Facts {
    fn chance(&self, want: &Want) -> Chance {
        match &self.offers {
            None => Chance::Perhaps,
            Some(offers) if offers.iter().any(|(kind, codec)| want.takes(*kind, *codec)) => Chance::Yes,
            Some(_) => Chance::No,
        }
    }

    /// True when a fallback source should stand in for this one.
    fn leaves_a_gap(&self, now: Moment) -> bool {
        match self.health {
            Health::Flows => false,
            Health::Fails => true,
            Health::Starting(since) => now.since(since) >= FALLBACK_AFTER,
        }
    }
}

/// For each source, whether it is needed now.
pub(crate) fn needed(sources: &[Facts], wants: &[Wants], now: Moment) -> Vec<bool> {
    let mut needed = vec![false; sources.len()];
    for want in wants.iter().flat_map(Wants::iter) {
        let mut covered = false;
        let mut gap = true;
        for (source, needed) in sources.iter().zip(&mut needed) {
            let chance = source.chance(want);
            if chance == Chance::No || covered || (source.fallback && !gap) {
                continue;
            }
            *needed = true;
            covered = match (chance, source.health) {
                (Chance::Yes, Health::Starting(_) | Health::Flows) => !source.leaves_a_gap(now),
                (Chance::Yes, Health::Fails) | (Chance::Perhaps, _) => false,
                (Chance::No, _) => covered,
            };
            gap = gap && source.leaves_a_gap(now);
        }
    }
    needed
}

/// The sources that run for `wants`, have not said what they send, and may still fulfil a wish: with them, it is worth
/// a moment's wait. `true`: it is certain that they will, should they start.
pub(crate) fn prospects(sources: &[Facts], running: &[bool]) -> Vec<Prospect> {
    let mut prospects = Vec::new();
    for (source, _) in sources.iter().zip(running).filter(|(_, runs)| **runs) {
        match (source.health, &source.offers) {
            (Health::Flows | Health::Fails, _) => {}
            (Health::Starting(_), Some(offers)) => {
                prospects.extend(offers.iter().map(|(kind, codec)| (*kind, *codec, true)));
            }
            (Health::Starting(_), None) => {
                prospects.extend([(Kind::Video, None, false), (Kind::Audio, None, false)]);
            }
        }
    }
    prospects
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment::from_millis(60_000);
    const VIDEO: (Kind, Option<Codec>) = (Kind::Video, Some(Codec::H264));
    const AAC: (Kind, Option<Codec>) = (Kind::Audio, Some(Codec::Aac));
    const OPUS: (Kind, Option<Codec>) = (Kind::Audio, Some(Codec::Opus));

    fn source(offers: Option<&[(Kind, Option<Codec>)]>, health: Health) -> Facts {
        Facts { offers: offers.map(<[_]>::to_vec), fallback: false, health }
    }

    fn browser() -> Wants {
        Wants::none().with(Kind::Video, [Codec::H264]).with(Kind::Audio, [Codec::Opus])
    }

    #[test]
    fn a_transcoder_runs_only_for_those_who_cannot_take_the_camera_itself() {
        let sources =
            [source(Some(&[VIDEO, AAC]), Health::Flows), source(Some(&[OPUS]), Health::Starting(NOW))];
        assert_eq!(needed(&sources, &[Wants::any()], NOW), [true, false]);
        assert_eq!(needed(&sources, &[browser()], NOW), [true, true]);
        let only_sound = Wants::none().with(Kind::Audio, [Codec::Opus]);
        assert_eq!(needed(&sources, &[only_sound], NOW), [false, true]);
        assert_eq!(needed(&sources, &[], NOW), [false, false]);
    }

    #[test]
    fn a_source_that_nobody_knows_runs_beside_the_next() {
        let sources =
            [source(None, Health::Starting(NOW)), source(Some(&[VIDEO, AAC]), Health::Starting(NOW))];
        assert_eq!(needed(&sources, &[Wants::any()], NOW), [true, true]);
    }

    #[test]
    fn the_next_source_stands_in_for_one_that_fails_and_is_let_go_when_it_returns() {
        let sub = source(Some(&[VIDEO]), Health::Starting(NOW));
        let with = |health| [source(Some(&[VIDEO, AAC]), health), sub.clone()];
        assert_eq!(needed(&with(Health::Fails), &[Wants::any()], NOW), [true, true]);
        assert_eq!(needed(&with(Health::Flows), &[Wants::any()], NOW), [true, false]);
    }

    #[test]
    fn a_fallback_waits_until_there_is_a_gap() {
        let slate = Facts { fallback: true, ..source(None, Health::Starting(NOW)) };
        let with = |health| [source(None, health), slate.clone()];
        assert_eq!(needed(&with(Health::Starting(NOW)), &[Wants::any()], NOW), [true, false]);
        assert_eq!(needed(&with(Health::Starting(NOW)), &[Wants::any()], NOW + FALLBACK_AFTER), [true, true]);
        assert_eq!(needed(&with(Health::Fails), &[Wants::any()], NOW), [true, true]);
        assert_eq!(needed(&with(Health::Flows), &[Wants::any()], NOW), [true, false]);
    }
}
