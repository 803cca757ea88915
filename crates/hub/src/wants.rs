//! What a reader can take: kinds, and of each the codecs. The owner starts those sources that can give it.
use media::{Codec, Kind, Track, TrackId};

/// One wish: a track of this kind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Want {
    /// Video or audio.
    pub kind: Kind,
    /// The codecs that can be taken; none named: any.
    pub codecs: Vec<Codec>,
}

impl Want {
    /// True for a track that fulfils it. A codec that is not known yet may turn out to.
    pub(crate) fn takes(&self, kind: Kind, codec: Option<Codec>) -> bool {
        let codec_fits = codec.is_none_or(|codec| self.codecs.is_empty() || self.codecs.contains(&codec));
        self.kind == kind && codec_fits
    }
}

/// What a reader can take: a track for each wish.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wants(Vec<Want>);

impl Wants {
    /// Video and audio of any codec, as far as there is any.
    pub fn any() -> Self {
        Self::none().with(Kind::Video, []).with(Kind::Audio, [])
    }

    /// Nothing yet; see [`Wants::with`].
    pub fn none() -> Self {
        Self(Vec::new())
    }

    /// And a track of this kind, of one of these codecs; none named: any.
    #[must_use]
    pub fn with(mut self, kind: Kind, codecs: impl IntoIterator<Item = Codec>) -> Self {
        self.0.push(Want { kind, codecs: codecs.into_iter().collect() });
        self
    }

    /// The first track for each wish: what a reader with these wishes reads. Wishes that nothing fulfils are left out.
    pub fn choose(&self, tracks: &[Track]) -> Vec<TrackId> {
        let mut chosen = Vec::new();
        for want in &self.0 {
            let fits =
                |track: &&Track| want.takes(track.kind(), Some(track.codec)) && !chosen.contains(&track.id);
            let found = tracks.iter().find(fits).map(|track| track.id);
            chosen.extend(found);
        }
        chosen
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Want> {
        self.0.iter()
    }
}
