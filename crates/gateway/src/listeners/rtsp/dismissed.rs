//! A reader whose stream ended: it is told by RTCP, and may still say PAUSE and TEARDOWN.
//!
//! A connection closed at once makes an error of a good end: players that are about to say something find it broken, and
//! GStreamer and ffmpeg report a failure. Source: RFC 3550 §6.6 (BYE).
use super::connection::{Connection, Media, Role, Turned};
use crate::net::outbox::Outbox;
use formats::rtp::rtcp::write_bye;
use hub::EndReason;
use std::io;
use std::time::Duration;
use tokio::io::AsyncWrite;

/// So long the player has for its last words: 2 s. It ends by itself after BYE; one that does not know BYE waits for the
/// end of the connection.
const LAST_WORDS_MAX: Duration = Duration::from_secs(2);

/// It stays so long, and why it must go.
pub(super) struct Dismissed {
    until: media::Moment,
    why: String,
}

impl Dismissed {
    /// Writes what there is. Cancel-safe.
    pub(super) async fn turn<W: AsyncWrite + Unpin>(
        &self,
        outbox: &mut Outbox,
        to: &mut W,
    ) -> io::Result<Media> {
        tokio::select! {
            biased;
            written = outbox.write(to) => written.map(|_| Media::Moved),
            () = hub::sleep_until(self.until) => Ok(Media::Cut(self.why.clone())),
        }
    }
}

/// What a reader's end means for its connection.
pub(super) fn of_end(reason: &EndReason) -> Media {
    let why = reason.to_string();
    match reason {
        EndReason::Removed
        | EndReason::PublisherLeft
        | EndReason::TracksChanged
        | EndReason::Replaced
        | EndReason::Failed(_) => Media::Ended(why),
        // there is no time for it, or nobody who listens
        EndReason::Shutdown | EndReason::TooSlow { .. } => Media::Cut(why),
    }
}

/// The RTCP packet that ends a source.
pub(super) fn bye(ssrc: u32) -> Vec<u8> {
    let mut packet = Vec::new();
    write_bye(ssrc, &mut packet);
    packet
}

impl Connection {
    /// The media ended: says so, lets go of the stream, and gives the player the last word.
    pub(super) fn dismiss(&mut self, why: String) -> Turned {
        let until = hub::now() + LAST_WORDS_MAX;
        match std::mem::replace(&mut self.role, Role::Dismissed(Dismissed { until, why: why.clone() })) {
            Role::Reader(playback) => {
                playback.say_bye(&mut self.outbox);
                playback.leave(why);
                Turned::Goes
            }
            Role::Publisher(_) | Role::Unknown | Role::Dismissed(_) => Turned::Over(why),
        }
    }
}
