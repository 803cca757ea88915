//! Pairings, added, removed and listed.
use super::*;

fn pairing(id: &str, key: u8, permissions: Permissions) -> Pairing {
    Pairing { id: id.to_owned(), public_key: [key; 32], permissions }
}

fn home() -> Pairings {
    Pairings::new(vec![pairing("owner", 1, Permissions::Admin), pairing("guest", 2, Permissions::User)])
}

#[test]
fn an_administrator_adds_changes_lists_and_removes() {
    let mut pairings = home();
    let friend = pairing("friend", 3, Permissions::User);
    let outcome = pairings.handle_request("owner", &add_request(&friend));
    assert_eq!(read_done(&outcome.reply.body), Ok(()));
    assert_eq!(outcome.change, Some(AdminChange::Added("friend".to_owned())));
    pairings.handle_request("owner", &add_request(&pairing("guest", 2, Permissions::Admin)));
    let listed = pairings.handle_request("owner", &list_request());
    assert_eq!(read_list(&listed.reply.body).unwrap(), pairings.as_slice());
    assert_eq!(pairings.find("guest").unwrap().permissions, Permissions::Admin);
    let outcome = pairings.handle_request("owner", &remove_request("friend"));
    let controllers = vec!["friend".to_owned()];
    assert_eq!(outcome.change, Some(AdminChange::Removed { controllers, unpaired: false }));
}

#[test]
fn with_the_last_administrator_all_others_go() {
    let mut pairings = home();
    let outcome = pairings.handle_request("owner", &remove_request("owner"));
    let controllers = vec!["owner".to_owned(), "guest".to_owned()];
    assert_eq!(outcome.change, Some(AdminChange::Removed { controllers, unpaired: true }));
    assert!(pairings.is_empty());
}

#[test]
fn whoever_is_not_there_is_removed_already() {
    let outcome = home().handle_request("owner", &remove_request("nobody"));
    assert_eq!((shown(&outcome.reply).as_str(), outcome.change), ("200 M2", None));
}

#[test]
fn refusals_have_their_codes_and_change_nothing() {
    let mut full = home();
    for index in full.as_slice().len()..PAIRINGS_MAX {
        full.insert(pairing(&format!("guest {index}"), 4, Permissions::User));
    }
    let other_key = add_request(&pairing("guest", 9, Permissions::Admin));
    let new = add_request(&pairing("new", 9, Permissions::User));
    for (requester, body, answer) in [
        ("guest", list_request(), "200 M2 Authentication"),
        ("stranger", remove_request("owner"), "200 M2 Authentication"),
        ("owner", other_key, "200 M2 Unknown"),
        ("owner", new, "200 M2 MaxPeers"),
        ("owner", Tlv8::new().with(6, [3]).with(0, [5]).to_bytes(), "400 M4 Unknown"),
        ("owner", Tlv8::new().with(6, [1]).with(0, [1]).to_bytes(), "400 M2 Unknown"),
        ("owner", Tlv8::new().with(6, [1]).with(0, [4]).to_bytes(), "400 M2 Unknown"),
        ("owner", vec![1, 2, 3], "400 M2 Unknown"),
    ] {
        let mut pairings = full.clone();
        let outcome = pairings.handle_request(requester, &body);
        assert_eq!((shown(&outcome.reply).as_str(), outcome.change), (answer, None));
        assert_eq!(pairings, full);
    }
}
