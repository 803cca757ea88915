//! The example is a conference that ends well.
#[path = "../../examples/conference.rs"]
#[allow(dead_code)]
mod conference;

#[tokio::test]
async fn the_example_runs_to_its_end() {
    let said =
        tokio::time::timeout(6 * crate::fixtures::SOON, conference::run()).await.expect("in time").unwrap();
    assert!(said.frames_seen.iter().all(|frames| *frames > 0), "{said:?}");
    assert_eq!(said.faults, Vec::<String>::new());
    assert!(said.spoke.len() >= 2, "{said:?}");
}
