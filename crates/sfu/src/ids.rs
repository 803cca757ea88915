//! Names of everything that an application holds a handle of. UUIDs, as mediasoup's are; they are never used again.
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident,)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            pub(crate) fn random() -> Self {
                Self(Uuid::new_v4())
            }

            /// The UUID.
            pub const fn as_uuid(&self) -> &Uuid {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                text.parse().map(Self)
            }
        }
    )*};
}

ids! {
    /// Names a [`Worker`](crate::Worker).
    WorkerId,
    /// Names an observer.
    RtpObserverId,
    /// Names a [`WebRtcServer`](crate::WebRtcServer).
    WebRtcServerId,
    /// Names a [`Router`](crate::Router).
    RouterId,
    /// Names a transport of any kind.
    TransportId,
    /// Names a [`Producer`](crate::Producer).
    ProducerId,
    /// Names a [`Consumer`](crate::Consumer).
    ConsumerId,
    /// Names a [`DataProducer`](crate::DataProducer).
    DataProducerId,
    /// Names a [`DataConsumer`](crate::DataConsumer).
    DataConsumerId,
}
