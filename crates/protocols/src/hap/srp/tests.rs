//! Against vectors of HAP-python and aiohomekit: `fixtures/hap/make.py`.
use super::*;
use crate::hap::tests::{Counting, fixture};

const CODE: &str = "031-45-154";

fn server(vectors: &std::collections::HashMap<&str, Vec<u8>>) -> Server {
    let salt = vectors["salt"].as_slice().try_into().unwrap();
    Server::with_secrets(CODE, salt, vectors["server_private"].as_slice().try_into().unwrap())
}

fn client(vectors: &std::collections::HashMap<&str, Vec<u8>>) -> Client {
    let secret = vectors["client_private"].as_slice().try_into().unwrap();
    Client::with_secret(CODE, &vectors["salt"], &vectors["server_public"], secret).unwrap()
}

#[test]
fn both_sides_compute_what_hap_python_and_aiohomekit_compute() {
    let vectors = fixture(include_str!("../../../fixtures/hap/srp.txt"));
    let (server, client) = (server(&vectors), client(&vectors));
    assert_eq!(server.verifier.to_bytes().to_vec(), vectors["verifier"]);
    assert_eq!(server.public_key().to_vec(), vectors["server_public"]);
    assert_eq!(client.public_key().to_vec(), vectors["client_public"]);
    assert_eq!(client.proof().to_vec(), vectors["hap_python_client_proof"]);
    assert_eq!(client.proof().to_vec(), vectors["aiohomekit_client_proof"]);
    let (proof, key) = server.verify(client.public_key(), client.proof()).unwrap();
    assert_eq!(proof.to_vec(), vectors["hap_python_server_proof"]);
    assert_eq!(key.expose().to_vec(), vectors["aiohomekit_session_key"]);
    assert_eq!(client.verify(&proof), Ok(key));
}

#[test]
fn a_secret_with_a_leading_zero_is_understood_from_both_kinds_of_clients() {
    let vectors = fixture(include_str!("../../../fixtures/hap/srp_zero.txt"));
    assert_eq!(vectors["secret"][0], 0);
    assert_ne!(vectors["hap_python_client_proof"], vectors["aiohomekit_client_proof"]);
    assert_eq!(client(&vectors).proof().to_vec(), vectors["hap_python_client_proof"]);
    let (proof, key) =
        server(&vectors).verify(&vectors["client_public"], &vectors["hap_python_client_proof"]).unwrap();
    assert_eq!(proof.to_vec(), vectors["hap_python_server_proof"]);
    assert_eq!(key.expose().to_vec(), vectors["hap_python_session_key"]);
    let (_, key) =
        server(&vectors).verify(&vectors["client_public"], &vectors["aiohomekit_client_proof"]).unwrap();
    assert_eq!(key.expose().to_vec(), vectors["aiohomekit_session_key"]);
}

#[test]
fn another_setup_code_is_refused_by_either_side() {
    let server = Server::new(CODE, &mut Counting::new(1)).unwrap();
    let client =
        Client::new("031-45-155", server.salt(), server.public_key(), &mut Counting::new(2)).unwrap();
    let refused = server.verify(client.public_key(), client.proof());
    assert_eq!(refused.map(|_| ()), Err(SrpError::Proof));
    assert_eq!(client.verify(&[0; HASH_BYTES]), Err(SrpError::Proof));
}

#[test]
fn multiples_of_the_prime_and_too_long_keys_are_no_public_keys() {
    for bytes in [vec![], vec![0; GROUP_BYTES], prime().to_vec(), vec![1; GROUP_BYTES + 1]] {
        let refused = SrpError::PublicKey { length: bytes.len() };
        let server = Server::new(CODE, &mut Counting::new(1)).unwrap();
        assert_eq!(server.verify(&bytes, &[0; 64]).map(|_| ()), Err(refused));
        let client = Client::new(CODE, &[0; 16], &bytes, &mut Counting::new(1));
        assert_eq!(client.map(|_| ()), Err(refused));
    }
}
