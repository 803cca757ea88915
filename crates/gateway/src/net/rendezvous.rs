//! Where children that push their output meet the sources that started them: a source registers, puts the URL it gets
//! into its child's command line, and waits; the listener that the child dials takes the source's publisher and not the
//! hub's.
//!
//! Owns the sources that wait, by a random path that is good once. The path is the permission: only the child was
//! told it, and only this machine may use it. A lock, and no owner's task: each side holds it for one look into a map, and a
//! listener must not wait for a source.
use hub::{Credentials, Publisher};
use media::StreamName;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::sync::mpsc;

/// What a meeting tells its source: that the child came, and that it left.
const NEWS: usize = 2;

/// How a child pushes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Push {
    /// By RTSP: ANNOUNCE and RECORD.
    Rtsp,
    /// By RTMP: publish.
    Rtmp,
}

/// The place. Cheap to clone.
#[derive(Clone, Default)]
pub struct Rendezvous {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    rtsp: OnceLock<SocketAddr>,
    rtmp: OnceLock<SocketAddr>,
    /// What RTSP wants to be shown by this machine, too, before it hears of any path.
    credentials: Option<Credentials>,
    waiting: Mutex<HashMap<String, Waiting>>,
}

struct Waiting {
    stream: StreamName,
    publisher: Publisher,
    news: mpsc::Sender<News>,
}

/// What becomes of a meeting.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum News {
    /// The child came.
    Arrived,
    /// It left; nothing more comes.
    Left,
}

/// The listener is off.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the program pushes its output by {protocol}, and {protocol} is switched off: set {setting}")]
pub(crate) struct Closed {
    protocol: &'static str,
    setting: &'static str,
}

impl Rendezvous {
    /// With what programs of this machine have to show to the RTSP listener; `None`: nothing.
    pub fn new(credentials: Option<Credentials>) -> Self {
        Self { inner: Arc::new(Inner { credentials, ..Inner::default() }) }
    }

    /// Says where a listener came to listen.
    pub(crate) fn open(&self, push: Push, address: SocketAddr) {
        // The first listener is the only one.
        let _ = self.listener(push).set(address);
    }

    fn listener(&self, push: Push) -> &OnceLock<SocketAddr> {
        match push {
            Push::Rtsp => &self.inner.rtsp,
            Push::Rtmp => &self.inner.rtmp,
        }
    }

    /// The URL of a path as programs of this machine reach it, with what they have to show.
    pub(crate) fn url(&self, push: Push, path: &str) -> Result<String, Closed> {
        let (scheme, credentials, closed) = match push {
            Push::Rtsp => {
                ("rtsp", &self.inner.credentials, Closed { protocol: "RTSP", setting: "rtsp.listen" })
            }
            // Its credentials come with the path, and the path alone is enough here.
            Push::Rtmp => ("rtmp", &None, Closed { protocol: "RTMP", setting: "rtmp.listen" }),
        };
        let mut address = *self.listener(push).get().ok_or(closed)?;
        if address.ip().is_unspecified() {
            // Listening everywhere, also on IPv6 alone, is listening there.
            address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let show =
            |known: &Credentials| format!("{}:{}@", encode(&known.username), encode(known.password.expose()));
        let shown = credentials.as_ref().map(show).unwrap_or_default();
        Ok(format!("{scheme}://{shown}{address}/{path}"))
    }

    /// Lets a child publish into a stream, once.
    pub(crate) fn expect(
        &self,
        push: Push,
        stream: StreamName,
        publisher: Publisher,
    ) -> Result<Meeting, Closed> {
        let token = format!("{:032x}", rand::random::<u128>());
        let url = self.url(push, &token)?;
        let (news, heard) = mpsc::channel(NEWS);
        self.waiting().insert(token.clone(), Waiting { stream, publisher, news });
        Ok(Meeting { token, url, news: heard, place: self.clone() })
    }

    /// The publisher that waits for this path, if this peer may have it.
    pub(crate) fn take(&self, path: &str, peer: IpAddr, local: IpAddr) -> Option<Seat> {
        let peer = peer.to_canonical();
        if !peer.is_loopback() && peer != local.to_canonical() {
            return None;
        }
        let Waiting { stream, publisher, news } = self.waiting().remove(path)?;
        // There is room for both of its news.
        let _ = news.try_send(News::Arrived);
        Some(Seat { stream, publisher, presence: Presence(news) })
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<String, Waiting>> {
        // A map is whole after a panic too.
        self.inner.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Rendezvous {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rendezvous")
    }
}

/// A source that waits for its child. Dropping it takes the invitation back.
pub(crate) struct Meeting {
    token: String,
    url: String,
    news: mpsc::Receiver<News>,
    place: Rendezvous,
}

impl Meeting {
    /// Where the child pushes to.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What must not be shown of it.
    pub(crate) fn secret(&self) -> &str {
        &self.token
    }

    /// What becomes of it. Cancel-safe.
    pub(crate) async fn news(&mut self) -> News {
        self.news.recv().await.unwrap_or(News::Left)
    }
}

impl Drop for Meeting {
    fn drop(&mut self) {
        self.place.waiting().remove(&self.token);
    }
}

/// What a child that came finds.
pub(crate) struct Seat {
    /// The stream it publishes into.
    pub(crate) stream: StreamName,
    /// Its right to.
    pub(crate) publisher: Publisher,
    /// To be held as long as it publishes.
    pub(crate) presence: Presence,
}

/// Dropping it tells the source that the child left.
pub(crate) struct Presence(mpsc::Sender<News>);

impl Drop for Presence {
    fn drop(&mut self) {
        // Without room, or without a source, nobody needs to know.
        let _ = self.0.try_send(News::Left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hub::Secret;

    #[test]
    fn urls_are_those_that_this_machine_reaches_and_may_use() {
        let known = Credentials { username: "ann".into(), password: Secret::new("p@ss/1") };
        let place = Rendezvous::new(Some(known));
        assert!(place.url(Push::Rtsp, "x").unwrap_err().to_string().contains("set rtsp.listen"));
        place.open(Push::Rtsp, "[::]:8554".parse().unwrap());
        place.open(Push::Rtmp, "192.0.2.1:1935".parse().unwrap());
        assert_eq!(place.url(Push::Rtsp, "x").unwrap(), "rtsp://ann:p%40ss%2F1@127.0.0.1:8554/x");
        assert_eq!(place.url(Push::Rtmp, "x").unwrap(), "rtmp://192.0.2.1:1935/x");
        let open = Rendezvous::default();
        open.open(Push::Rtsp, "127.0.0.1:1".parse().unwrap());
        assert_eq!(open.url(Push::Rtsp, "cam?video").unwrap(), "rtsp://127.0.0.1:1/cam?video");
    }
}
