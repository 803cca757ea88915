//! Data channels of one transport: SCTP as plain state with one owner.
