//! Scalability modes: how many spatial and temporal layers one RTP stream has, and how they depend.
//!
//! Source: W3C `webrtc-svc` §6 for the names; mediasoup for reading further ones (`L4T5`, `L2T3_X`) by their head.
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::num::NonZeroU8;
use std::str::FromStr;

const ONE: NonZeroU8 = NonZeroU8::MIN;

/// Declares the modes that `webrtc-svc` names; layers are read from the name, so that neither can be wrong alone.
macro_rules! modes {
    ($($variant:ident = $name:literal),* $(,)?) => {
        /// How one RTP stream is layered. As JSON it is the mode's name; [`ScalabilityMode::None`] is `S1T1`.
        #[derive(Debug, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Default)]
        pub enum ScalabilityMode {
            /// One spatial and one temporal layer: nothing to choose.
            #[default]
            None,
            $(#[doc = concat!("`", $name, "`.")] $variant,)*
            /// A mode that `webrtc-svc` does not name, but whose layers can be read from its head.
            Custom {
                /// The mode as it was written.
                scalability_mode: String,
                /// Number of spatial layers, 1 to 99.
                spatial_layers: NonZeroU8,
                /// Number of temporal layers, 1 to 99.
                temporal_layers: NonZeroU8,
                /// Whether spatial layers depend on each other at key frames only.
                ksvc: bool,
            },
        }

        impl ScalabilityMode {
            /// Every mode that `webrtc-svc` names, and `S1T1`.
            pub const NAMED: &[ScalabilityMode] = &[ScalabilityMode::None, $(ScalabilityMode::$variant),*];

            /// The mode's name.
            pub fn as_str(&self) -> &str {
                match self {
                    Self::None => "S1T1",
                    $(Self::$variant => $name,)*
                    Self::Custom { scalability_mode, .. } => scalability_mode,
                }
            }

            fn named(name: &str) -> Option<Self> {
                match name {
                    "S1T1" => Some(Self::None),
                    $($name => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

modes! {
    L1T2 = "L1T2", L1T2h = "L1T2h", L1T3 = "L1T3", L1T3h = "L1T3h",
    L2T1 = "L2T1", L2T1h = "L2T1h", L2T1Key = "L2T1_KEY",
    L2T2 = "L2T2", L2T2h = "L2T2h", L2T2Key = "L2T2_KEY", L2T2KeyShift = "L2T2_KEY_SHIFT",
    L2T3 = "L2T3", L2T3h = "L2T3h", L2T3Key = "L2T3_KEY", L2T3KeyShift = "L2T3_KEY_SHIFT",
    L3T1 = "L3T1", L3T1h = "L3T1h", L3T1Key = "L3T1_KEY",
    L3T2 = "L3T2", L3T2h = "L3T2h", L3T2Key = "L3T2_KEY", L3T2KeyShift = "L3T2_KEY_SHIFT",
    L3T3 = "L3T3", L3T3h = "L3T3h", L3T3Key = "L3T3_KEY", L3T3KeyShift = "L3T3_KEY_SHIFT",
    S2T1 = "S2T1", S2T1h = "S2T1h", S2T2 = "S2T2", S2T2h = "S2T2h", S2T3 = "S2T3", S2T3h = "S2T3h",
    S3T1 = "S3T1", S3T1h = "S3T1h", S3T2 = "S3T2", S3T2h = "S3T2h", S3T3 = "S3T3", S3T3h = "S3T3h",
}

/// The text is no scalability mode. The fault of who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseScalabilityModeError {
    /// It does not begin with `L` or `S`, a number, `T` and a number, each from 1 to 99.
    #[error("scalability mode {0:?} does not begin like L1T3 or S2T1")]
    InvalidInput(String),
}

impl ScalabilityMode {
    /// Whether there is nothing to choose. JSON leaves such a mode out.
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// Number of spatial layers.
    pub fn spatial_layers(&self) -> NonZeroU8 {
        self.head().0
    }

    /// Number of temporal layers.
    pub fn temporal_layers(&self) -> NonZeroU8 {
        self.head().1
    }

    /// Whether spatial layers depend on each other at key frames only (K-SVC), so that a switch needs one.
    pub fn ksvc(&self) -> bool {
        self.head().2
    }

    fn head(&self) -> (NonZeroU8, NonZeroU8, bool) {
        if let Self::Custom { spatial_layers, temporal_layers, ksvc, .. } = self {
            return (*spatial_layers, *temporal_layers, *ksvc);
        }
        // `every_named_mode_has_the_layers_of_its_name` proves that the default is never taken
        read_head(self.as_str()).unwrap_or((ONE, ONE, false))
    }
}

/// Spatial layers, temporal layers and K-SVC, as the head of a mode's name says.
fn read_head(name: &str) -> Option<(NonZeroU8, NonZeroU8, bool)> {
    let (spatial, rest) = read_count(name.strip_prefix(['L', 'S'])?)?;
    let (temporal, rest) = read_count(rest.strip_prefix('T')?)?;
    Some((spatial, temporal, rest.starts_with("_KEY")))
}

/// A number of one or two digits that does not begin with zero, and what follows it.
fn read_count(text: &str) -> Option<(NonZeroU8, &str)> {
    let digits = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at_checked(digits)?;
    if number.starts_with('0') {
        return None;
    }
    Some((number.parse().ok()?, rest))
}

impl FromStr for ScalabilityMode {
    type Err = ParseScalabilityModeError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        if let Some(mode) = Self::named(name) {
            return Ok(mode);
        }
        let (spatial_layers, temporal_layers, ksvc) =
            read_head(name).ok_or_else(|| ParseScalabilityModeError::InvalidInput(name.into()))?;
        Ok(Self::Custom { scalability_mode: name.into(), spatial_layers, temporal_layers, ksvc })
    }
}

impl fmt::Display for ScalabilityMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for ScalabilityMode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ScalabilityMode {
    /// Reads a name; `null` is [`ScalabilityMode::None`].
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Option::<String>::deserialize(deserializer)?;
        name.map_or(Ok(Self::None), |name| name.parse().map_err(de::Error::custom))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_named_mode_has_the_layers_of_its_name() {
        for mode in ScalabilityMode::NAMED {
            let name = mode.as_str();
            assert_eq!(name.parse(), Ok(mode.clone()));
            assert_eq!(read_head(name), Some(mode.head()));
            assert_eq!(name.as_bytes()[1] - b'0', mode.spatial_layers().get(), "{name}");
            assert_eq!(name.as_bytes()[3] - b'0', mode.temporal_layers().get(), "{name}");
            assert_eq!(name.contains("_KEY"), mode.ksvc(), "{name}");
        }
    }

    #[test]
    fn a_mode_without_a_name_keeps_its_text_and_tells_its_layers() {
        let mode: ScalabilityMode = "L20T3_KEY_ODD".parse().unwrap();
        assert_eq!((mode.spatial_layers().get(), mode.temporal_layers().get()), (20, 3));
        assert!(mode.ksvc());
        assert_eq!(mode.to_string(), "L20T3_KEY_ODD");
    }

    #[test]
    fn what_does_not_begin_like_a_mode_is_refused() {
        for text in ["", "L", "L1", "L1T", "S0T3", "S1T0", "L01T1", "X1T1", "l1t3", "LÄT1", "L1TÄ", " L1T1"]
        {
            assert!(text.parse::<ScalabilityMode>().is_err(), "{text:?}");
        }
    }
}
