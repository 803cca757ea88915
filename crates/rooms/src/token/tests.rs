//! Every way in which a token can be wrong.
use super::*;
use serde_json::json;
use sfu::rtp_parameters::MediaKind;

const SECRET: &str = "a secret of thirty-two bytes or so";
const NOW: WallTime = WallTime::from_micros(1_800_000_000_000_000);

fn keys() -> Keys {
    Keys::new([("web".to_owned(), Secret::new(SECRET))]).unwrap()
}

fn two_keys() -> Keys {
    let other = Secret::new("another secret of thirty-two bytes");
    Keys::new([("web".to_owned(), Secret::new(SECRET)), ("app".to_owned(), other)]).unwrap()
}

fn lobby() -> RoomName {
    "lobby".parse().unwrap()
}

fn good() -> Value {
    json!({ "sub": "ann", "exp": 1_800_000_060, "grants": { "room": "lobby", "join": true } })
}

/// Any claims and header, signed with a secret.
fn signed(header: &Header, claims: &Value, secret: &str) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes()).unwrap();
    jsonwebtoken::encode(header, claims, &key).unwrap()
}

fn with_key(id: &str) -> Header {
    Header { kid: Some(id.to_owned()), ..Header::new(Algorithm::HS256) }
}

fn admit(claims: &Value) -> Result<Claims, TokenError> {
    keys().admit(&signed(&with_key("web"), claims, SECRET), &lobby(), NOW)
}

/// The good claims with one changed.
fn but(pointer: &str, value: Value) -> Value {
    let mut claims = good();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    claims.pointer_mut(parent).unwrap()[key] = value;
    claims
}

#[test]
fn what_is_signed_comes_back_as_it_was() {
    let mut grants = Grants::participant(RoomScope::One(lobby()));
    grants.publish =
        Publish::Only { kinds: Some(vec![MediaKind::Audio]), sources: Some(vec!["microphone".into()]) };
    let mut claims = Claims::new("ann", 1_800_000_060, grants);
    claims.not_before = Some(1_800_000_000);
    claims.name = Some("Ann".into());
    claims.metadata = Some("{\"hand\":true}".into());
    let token = keys().sign("web", &claims).unwrap();
    assert_eq!(keys().admit(&token, &lobby(), NOW), Ok(claims.clone()));
    assert_eq!(two_keys().admit(&token, &lobby(), NOW), Ok(claims));
    assert_eq!(
        keys().sign("none", &Claims::new("x", 0, Grants::nothing(RoomScope::Any))),
        Err(TokenError::UnknownKey)
    );
}

#[test]
fn a_token_without_a_key_id_is_taken_where_there_is_one_key_only() {
    let token = signed(&Header::new(Algorithm::HS256), &good(), SECRET);
    assert!(keys().admit(&token, &lobby(), NOW).is_ok());
    assert_eq!(two_keys().admit(&token, &lobby(), NOW), Err(TokenError::NoKeyId));
}

#[test]
fn what_is_no_token_of_ours_is_refused() {
    let refused = |token: &str| keys().admit(token, &lobby(), NOW).unwrap_err();
    for shape in ["", "a", "a.b.c", "..", "e30.e30.", "e30.e30.e30", &"x".repeat(100)] {
        assert_eq!(refused(shape), TokenError::Malformed, "{shape}");
    }
    assert_eq!(refused(&"x".repeat(9000)), TokenError::TooLong { bytes: 9000, max: 8192 });
    // {"alg":"none"} and a text of claims
    assert_eq!(refused("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0."), TokenError::Malformed);
    let longer = Header { kid: Some("web".into()), ..Header::new(Algorithm::HS512) };
    assert_eq!(refused(&signed(&longer, &good(), SECRET)), TokenError::Algorithm);
    assert_eq!(refused(&signed(&with_key("else"), &good(), SECRET)), TokenError::UnknownKey);
    let forged = signed(&with_key("web"), &good(), "another secret of thirty-two bytes");
    assert_eq!(refused(&forged), TokenError::Signature);
    let token = signed(&with_key("web"), &good(), SECRET);
    let other = signed(&with_key("web"), &but("/sub", json!("bob")), SECRET);
    let (front, _) = token.rsplit_once('.').unwrap();
    let (_, signature) = other.rsplit_once('.').unwrap();
    assert_eq!(refused(&format!("{front}.{signature}")), TokenError::Signature);
    assert_eq!(Keys::default().admit(&token, &lobby(), NOW), Err(TokenError::NoKeys));
}

#[test]
fn a_token_counts_in_its_time_with_half_a_minute_of_leeway() {
    let at = |exp: i64, nbf: i64| {
        admit(&{
            let mut claims = but("/exp", json!(exp));
            claims["nbf"] = json!(nbf);
            claims
        })
    };
    let now = 1_800_000_000;
    assert!(at(now - 29, now + 30).is_ok());
    assert_eq!(at(now - 30, now), Err(TokenError::Expired { seconds: 30 }));
    assert_eq!(at(now + 60, now + 31), Err(TokenError::NotYet { seconds: 31 }));
    assert_eq!(at(i64::MIN, now), Err(TokenError::Expired { seconds: i64::MAX.unsigned_abs() }));
    assert!(admit(&but("/exp", json!(1_800_000_000.5))).is_ok());
}

#[test]
fn every_claim_that_is_wrong_is_named() {
    let wrong = |pointer: &str, value: Value| match admit(&but(pointer, value)) {
        Err(TokenError::Wrong { claim, .. }) => claim,
        other => panic!("{pointer}: {other:?}"),
    };
    for (pointer, value, claim) in [
        ("/sub", json!(""), "sub"),
        ("/sub", json!(7), "sub"),
        ("/sub", json!("x".repeat(129)), "sub"),
        ("/exp", json!("soon"), "exp"),
        ("/nbf", json!([]), "nbf"),
        ("/name", json!({}), "name"),
        ("/metadata", json!("x".repeat(4097)), "metadata"),
        ("/grants", json!("all"), "grants"),
        ("/grants/room", json!(1), "grants.room"),
        ("/grants/room", json!("a b"), "grants.room"),
        ("/grants/join", json!("yes"), "grants.join"),
        ("/grants/publish", json!({ "kinds": ["smell"] }), "grants.publish"),
        ("/grants/publish", json!({ "kind": ["audio"] }), "grants.publish"),
        ("/grants/publish", json!({ "sources": "camera" }), "grants.publish"),
        ("/grants/hidden", json!(1), "grants.hidden"),
    ] {
        assert_eq!(wrong(pointer, value), claim);
    }
    let without = |key: &str| {
        let mut claims = good();
        claims.as_object_mut().unwrap().remove(key);
        admit(&claims).unwrap_err()
    };
    for claim in ["sub", "exp", "grants"] {
        assert_eq!(without(claim), TokenError::Missing(claim));
    }
    assert_eq!(admit(&but("/grants", json!({ "join": true }))), Err(TokenError::Missing("grants.room")));
    assert_eq!(admit(&but("/grants/canpublish", json!(false))), Err(TokenError::UnknownGrant));
}

#[test]
fn a_token_opens_its_own_room_only_and_grants_nothing_by_itself() {
    assert_eq!(admit(&but("/grants/room", json!("other"))), Err(TokenError::OtherRoom));
    assert_eq!(admit(&but("/grants/join", json!(false))), Err(TokenError::NotGranted("join")));
    let claims = admit(&but("/grants/room", json!("*"))).unwrap();
    let nothing = Grants { join: true, ..Grants::nothing(RoomScope::Any) };
    assert_eq!(claims.grants, nothing);
    assert_eq!(claims.grants.may_publish(MediaKind::Audio, None), Err("publishing".to_owned()));
    assert_eq!((TokenError::OtherRoom.code(), TokenError::Signature.code()), (403, 401));
}

#[test]
fn publishing_can_be_granted_by_kind_and_by_source() {
    let claims =
        admit(&but("/grants/publish", json!({ "kinds": ["audio"], "sources": ["microphone"] }))).unwrap();
    let may = |kind, source| claims.grants.may_publish(kind, source);
    assert_eq!(may(MediaKind::Audio, Some("microphone")), Ok(()));
    assert!(may(MediaKind::Audio, Some("screen")).unwrap_err().contains("appData.source"));
    assert!(may(MediaKind::Audio, None).unwrap_err().contains("without appData.source"));
    assert_eq!(may(MediaKind::Video, Some("microphone")), Err("publishing video".to_owned()));
    let hidden = Grants { hidden: true, ..Grants::participant(RoomScope::Any) };
    assert!(hidden.may_publish(MediaKind::Audio, None).is_err());
}

#[test]
fn neither_secrets_nor_tokens_are_ever_shown() {
    let printed = format!("{:?}", two_keys());
    assert!(printed.contains("web") && !printed.contains("secret of"), "{printed}");
    let short = Keys::new([("web".to_owned(), Secret::new("hunter2"))]).unwrap_err();
    assert!(short.to_string().contains("7 bytes") && !short.to_string().contains("hunter2"));
    assert_eq!(Keys::new([(String::new(), Secret::new(SECRET))]).unwrap_err(), KeyError::NoId);
    let twice = [("a".to_owned(), Secret::new(SECRET)), ("a".to_owned(), Secret::new(SECRET))];
    assert_eq!(Keys::new(twice).unwrap_err(), KeyError::Twice("a".into()));
    let told = admit(&but("/name", json!({ "private": "Zanzibar" }))).unwrap_err();
    assert!(!told.to_string().contains("Zanzibar"));
}
