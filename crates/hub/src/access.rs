//! Who may do what. Pure policy, decided once from the configuration; listeners ask before they act.
use std::fmt;
use std::net::IpAddr;

/// A text that cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself: for comparing and hashing only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"***\"")
    }
}

/// A user of one listener.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Credentials {
    /// The name.
    pub username: String,
    /// The password.
    pub password: Secret,
}

/// What somebody wants to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deed {
    /// Watch a stream.
    Read,
    /// Publish into a stream.
    Publish,
    /// See or change the configuration and state.
    Control,
}

/// Why somebody may not.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Denied {
    /// With credentials it may be allowed.
    #[error("credentials are wanted")]
    Unauthorized,
    /// It is not allowed, and what would change that.
    #[error("{0}")]
    Forbidden(String),
}

/// The policy of one listener.
///
/// Without credentials in the configuration, playback is open, and publishing and control are for this machine only.
/// With them, everybody shows them; this machine only where `local_auth` says so.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Access {
    /// The section of the configuration, such as `api`: for messages.
    pub section: &'static str,
    /// Who may; nobody in particular without.
    pub credentials: Option<Credentials>,
    /// This machine shows credentials as well.
    pub local_auth: bool,
}

impl Access {
    /// Decides. `shown`: the peer proved to know the credentials.
    pub fn check(&self, deed: Deed, peer: IpAddr, shown: bool) -> Result<(), Denied> {
        let local = peer.to_canonical().is_loopback();
        match &self.credentials {
            Some(_) if shown || (local && !self.local_auth) => Ok(()),
            Some(_) => Err(Denied::Unauthorized),
            None if local => Ok(()),
            None => match deed {
                Deed::Read => Ok(()),
                Deed::Publish | Deed::Control => Err(Denied::Forbidden(format!(
                    "without credentials this is allowed from this machine only: set {0}.username and {0}.password",
                    self.section
                ))),
            },
        }
    }

    /// Compares a plain user name and password, in a time that tells nothing of where they differ.
    pub fn matches(&self, username: &str, password: &str) -> bool {
        let Some(known) = &self.credentials else { return false };
        let same_user = same(known.username.as_bytes(), username.as_bytes());
        let same_password = same(known.password.expose().as_bytes(), password.as_bytes());
        same_user & same_password
    }
}

fn same(a: &[u8], b: &[u8]) -> bool {
    let mut differ = a.len() ^ b.len();
    for (index, known) in a.iter().enumerate() {
        differ |= usize::from(known ^ b.get(index).copied().unwrap_or(0));
    }
    differ == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

    #[test]
    fn without_credentials_strangers_may_only_watch() {
        let access = Access { section: "api", ..Access::default() };
        assert!(access.check(Deed::Read, THERE, false).is_ok());
        assert!(access.check(Deed::Control, HERE, false).is_ok());
        let denied = access.check(Deed::Control, THERE, false).unwrap_err();
        assert!(denied.to_string().contains("api.username"), "{denied}");
    }

    #[test]
    fn with_credentials_strangers_show_them_even_to_watch() {
        let credentials = Credentials { username: "u".into(), password: Secret::new("p") };
        let mut access = Access { section: "api", credentials: Some(credentials), local_auth: false };
        assert_eq!(access.check(Deed::Read, THERE, false), Err(Denied::Unauthorized));
        assert!(access.check(Deed::Control, THERE, true).is_ok());
        assert!(access.check(Deed::Control, HERE, false).is_ok());
        access.local_auth = true;
        assert_eq!(access.check(Deed::Read, HERE, false), Err(Denied::Unauthorized));
        assert!(access.matches("u", "p") && !access.matches("u", "pp") && !access.matches("", ""));
        assert!(!format!("{access:?}").contains("\"p\""));
    }
}
