//! Who may call: whoever knows the secret.
use super::envelope::{Code, Failure, answer};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use axum::response::Response;
use http::HeaderValue;
use http::header::{CONNECTION, SET_COOKIE};
use hub::Secret;

/// True for the right secret. Takes as long for a wrong one, whatever is wrong with it.
pub(super) fn is_right(secret: &Secret, given: Option<&str>) -> bool {
    let hash = |text: &str| digest(&SHA256, text.as_bytes());
    // Hashes are of one length: how much of a guess is right, or how long it should be, cannot be measured.
    let (right, given) = (hash(secret.expose()), hash(given.unwrap_or_default()));
    verify_slices_are_equal(right.as_ref(), given.as_ref()).is_ok()
}

/// The refusal, with the cookie that ZLMediaKit's own page logs in with. There is no such login here: the cookie is for
/// clients that read it, and opens nothing.
pub(super) fn denied() -> Response {
    let cookie = format!("{:032x}", rand::random::<u128>());
    let Failure { code, msg } = Failure { code: Code::Auth, msg: "Please login first".into() };
    let fields = [("code", (code as i32).into()), ("msg", msg.into()), ("cookie", cookie.clone().into())];
    let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value));
    let mut response = answer(Ok(fields.collect()));
    if let Ok(value) = HeaderValue::try_from(format!("ZLM_LOGINED={cookie}; path=/; HttpOnly")) {
        response.headers_mut().insert(SET_COOKIE, value);
    }
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
