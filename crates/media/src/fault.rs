//! Whose fault an error is.

/// Whose fault an error is; the supervisor derives from it whether another try can help.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The other side did it: another try may help.
    Peer,
    /// Our own: a limit of this machine or a defect; another try may help.
    Us,
    /// The configuration is wrong: only a change of it helps.
    Config,
}

impl Fault {
    /// One word for logs and the API: `peer`, `us` or `config`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Fault::Peer => "peer",
            Fault::Us => "us",
            Fault::Config => "config",
        }
    }
}
