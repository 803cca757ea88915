//! HTTP-style authentication for RTSP, HTTP and SIP, both sides: Basic and Digest.
//!
//! Source: RFC 7235, RFC 7617 (Basic), RFC 2069, RFC 2617 and RFC 7616 (Digest). Owns credentials, the nonce in
//! use and the nonce count. Secrets are a type that cannot be printed.
mod challenge;
mod client;
mod digest;
mod secret;
mod verifier;

pub use challenge::{Algorithm, Challenge, Scheme};
pub use client::{AuthError, ClientAuth};
pub use secret::{Credentials, Secret, without_userinfo};
pub use verifier::{NONCE_LIFETIME, Offers, Refusal, Verifier};
