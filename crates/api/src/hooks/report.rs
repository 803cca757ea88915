//! How a hook is doing.
use super::Ready;
use media::WallTime;

/// The courier's state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum HookState {
    /// Nothing waits.
    Idle,
    /// A request is on its way.
    Sending,
    /// The receiver failed; it is tried again later.
    Waiting,
    /// The receiver answered 410: it gets nothing any more.
    Gone,
}

impl HookState {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            HookState::Idle => "idle",
            HookState::Sending => "sending",
            HookState::Waiting => "waiting",
            HookState::Gone => "gone",
        }
    }
}

/// How a hook is doing. Without secrets.
#[derive(Clone, Debug)]
pub(crate) struct HookReport {
    /// Scheme, host and port: paths of hooks are secrets.
    pub(crate) origin: String,
    pub(crate) events: Vec<String>,
    pub(crate) state: HookState,
    /// Events that wait, with the one on its way.
    pub(crate) queued: usize,
    pub(crate) tries: u64,
    pub(crate) delivered: u64,
    /// Events given up after tries.
    pub(crate) failed: u64,
    /// Events not taken in, since too many waited.
    pub(crate) dropped: u64,
    /// Events that came too fast to be heard.
    pub(crate) unheard: u64,
    pub(crate) last_delivered: Option<WallTime>,
    pub(crate) last_error: Option<(String, WallTime)>,
    pub(crate) next_try: Option<WallTime>,
}

impl HookReport {
    pub(super) fn new(hook: &Ready) -> Self {
        Self {
            origin: hook.target.origin().to_owned(),
            events: hook.patterns.shown(),
            state: HookState::Idle,
            queued: 0,
            tries: 0,
            delivered: 0,
            failed: 0,
            dropped: 0,
            unheard: 0,
            last_delivered: None,
            last_error: None,
            next_try: None,
        }
    }
}
