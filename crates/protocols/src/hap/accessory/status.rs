//! The status of one characteristic in an answer. Source: HAP specification (R2) table 6-11.

/// A status.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// It worked.
    Success,
    /// The controller may not.
    InsufficientPrivileges,
    /// The device behind it does not answer.
    Unreachable,
    /// Busy: try again.
    Busy,
    /// It cannot be written.
    ReadOnly,
    /// It cannot be read.
    WriteOnly,
    /// It gives no events.
    NoEvents,
    /// Out of resources.
    OutOfResources,
    /// The device took too long.
    TimedOut,
    /// There is no such characteristic.
    NotFound,
    /// The value, or the request, cannot be.
    InvalidValue,
    /// It wants additional authorization.
    InsufficientAuthorization,
    /// Not in this state.
    NotAllowed,
    /// A number without a name.
    Other(i64),
}

const NAMED: [(Status, i64); 13] = [
    (Status::Success, 0),
    (Status::InsufficientPrivileges, -70401),
    (Status::Unreachable, -70402),
    (Status::Busy, -70403),
    (Status::ReadOnly, -70404),
    (Status::WriteOnly, -70405),
    (Status::NoEvents, -70406),
    (Status::OutOfResources, -70407),
    (Status::TimedOut, -70408),
    (Status::NotFound, -70409),
    (Status::InvalidValue, -70410),
    (Status::InsufficientAuthorization, -70411),
    (Status::NotAllowed, -70412),
];

impl Status {
    /// Its number.
    pub fn number(self) -> i64 {
        match self {
            Self::Other(number) => number,
            Self::Success
            | Self::InsufficientPrivileges
            | Self::Unreachable
            | Self::Busy
            | Self::ReadOnly
            | Self::WriteOnly
            | Self::NoEvents
            | Self::OutOfResources
            | Self::TimedOut
            | Self::NotFound
            | Self::InvalidValue
            | Self::InsufficientAuthorization
            | Self::NotAllowed => {
                NAMED.iter().find(|(status, _)| *status == self).map_or(0, |(_, number)| *number)
            }
        }
    }

    /// The status of a number.
    pub fn from_number(number: i64) -> Self {
        NAMED.iter().find(|(_, known)| *known == number).map_or(Self::Other(number), |(status, _)| *status)
    }
}
