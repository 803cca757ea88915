//! HomeKit cameras as sources: `homekit://DEVICE-ID` or `homekit://HOST:PORT` of one that was paired by this server, or go2rtc's
//! `homekit://HOST:PORT?device_id=…&device_public=…&client_id=…&client_private=…` with the keys in the URL.
//!
//! Source: HAP specification (R2) §11; go2rtc's URLs. `protocols::hap` has the dialogue, `homekit::srtp` the media's socket. An
//! attempt is one task; it owns the connection and its two SRTP sessions, and ends them in order: no more media, the sessions,
//! the connection.
//!
//! Options in the query: `width`, `height` (the largest picture that fits), `fps`, `bitrate` (kbit/s), `aid` (which camera of a
//! bridge), `backchannel=0` (its loudspeaker is left alone). go2rtc's `#bitrate=` is taken as well.
mod attempt;
mod camera;
mod happening;
mod receiving;
mod speaking;
pub(crate) mod wanted;
pub(crate) mod whereabouts;

use crate::homekit::HomekitAccess;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use hub::{Connect, PeerInfo, SourceError, SourceTask};
use wanted::Wanted;

/// Dials HomeKit cameras.
#[derive(Clone)]
pub struct HomekitSources {
    access: Option<HomekitAccess>,
}

impl HomekitSources {
    /// With these secrets and sockets; without any, URLs are checked and every attempt fails.
    pub const fn new(access: Option<HomekitAccess>) -> Self {
        Self { access }
    }
}

impl Connect for HomekitSources {
    fn schemes(&self) -> &[&'static str] {
        &["homekit"]
    }

    fn check(&self, url: &str) -> Result<(), SourceError> {
        Wanted::parse(url).map(|_| ())
    }

    fn peer(&self, url: &str) -> PeerInfo {
        Wanted::peer(url)
    }

    fn run(&self, task: SourceTask) -> LocalBoxFuture<'static, Result<(), SourceError>> {
        let access = self.access.clone();
        async move {
            let wanted = Wanted::parse(&task.url)?;
            let access = access.ok_or_else(|| SourceError::ours("HomeKit is not there"))?;
            attempt::run(&access, &wanted, task).await
        }
        .boxed_local()
    }
}

#[cfg(test)]
mod tests;
