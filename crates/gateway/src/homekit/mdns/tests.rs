use super::*;
use protocols::hap::advertisement::Category;
use protocols::hap::setup_uri::SetupId;

fn announced(unpaired: bool) -> Announced {
    let setup = SetupId::new("AQ42").unwrap();
    let advertisement =
        Advertisement::new("11:22:33:AA:55:66", "Camera", Category::CAMERA, &setup, 3, unpaired);
    Announced { name: "Door No. 1".into(), address: Some([127, 0, 0, 1].into()), port: 5001, advertisement }
}

/// Asks until the answer is right, for at most ten seconds.
async fn until(mdns: &Mdns, right: impl Fn(&[Found]) -> bool) -> Vec<Found> {
    for _ in 0..100 {
        let found = mdns.found().await;
        if right(&found) {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{:?}", mdns.found().await);
}

#[tokio::test]
async fn an_accessory_is_found_with_what_it_tells_and_gone_after_its_goodbye() {
    let port = testkit::process::free_port();
    let (ours, keeper) = Mdns::new(Where::Loopback { port });
    let (theirs, other) = Mdns::new(Where::Loopback { port });
    let keeping = (tokio::spawn(keeper.run()), tokio::spawn(other.run()));
    let announcement = ours.announce(announced(true)).await;
    let found = theirs.find("11:22:33:aa:55:66").await.unwrap();
    assert_eq!(found.name, "Door No. 1");
    assert_eq!(found.addresses, ["127.0.0.1:5001".parse().unwrap()]);
    assert_eq!(found.advertisement, announced(true).advertisement);
    assert_eq!(theirs.found().await, [found]);

    announcement.update(announced(false).advertisement).await;
    until(&theirs, |found| found.iter().any(|found| !found.advertisement.unpaired)).await;
    announcement.withdraw().await;
    until(&theirs, <[Found]>::is_empty).await;
    ours.end().await;
    drop(theirs);
    keeping.0.await.unwrap();
    keeping.1.await.unwrap();
}

#[tokio::test]
async fn without_mdns_nobody_is_found_and_nobody_waits() {
    let (mdns, keeper) = Mdns::new(Where::Off);
    let keeping = tokio::spawn(keeper.run());
    let since = hub::now();
    let announcement = mdns.announce(announced(true)).await;
    assert_eq!((mdns.find("11:22:33:AA:55:66").await, mdns.found().await), (None, vec![]));
    announcement.withdraw().await;
    mdns.end().await;
    assert!(hub::now().since(since) < FIND_MAX);
    keeping.await.unwrap();
    assert_eq!(mdns.found().await, []);
}
