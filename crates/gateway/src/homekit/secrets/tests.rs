use super::*;
use protocols::hap::pairing::{AccessoryPairing, Pairing, Permissions, SetupCode};
use protocols::hap::setup_uri::SetupId;
use std::collections::BTreeMap;
use std::fs::Permissions as Mode;
use std::os::unix::fs::PermissionsExt;

fn accessory() -> StoredAccessory {
    let pairing = |id: &str, permissions| Pairing { id: id.into(), public_key: [3; 32], permissions };
    StoredAccessory {
        identity: Identity::from_seed("11:22:33:44:55:66", [7; 32]).unwrap(),
        setup_code: SetupCode::new("031-45-154").unwrap(),
        setup_id: SetupId::new("AQ42").unwrap(),
        failed_tries: 2,
        configuration: 5,
        shape: "c0ffee".into(),
        numbers: BTreeMap::from([("door".to_owned(), 2)]),
        pairings: vec![pairing("ann", Permissions::Admin), pairing("bob", Permissions::User)],
        values: [("1.321".to_owned(), serde_json::json!(1))].into(),
    }
}

fn camera(id: &str) -> StoredCamera {
    let pairing = AccessoryPairing { id: id.into(), public_key: [9; 32] };
    StoredCamera { pairing, name: "Door".into(), model: "G4".into(), address: Some("[::1]:5001".into()) }
}

/// A folder of this test's own, and the way to what is kept there.
async fn with<F: Future<Output = ()>>(name: &str, test: impl FnOnce(Secrets, PathBuf) -> F) {
    let folder = std::env::temp_dir().join(format!("aqueduct-secrets-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    let (secrets, keeper) = Secrets::new(&folder);
    let keeping = tokio::spawn(keeper.run());
    test(secrets, folder.join(FILE_NAME)).await;
    // the last handle is gone
    keeping.await.unwrap();
    let _ = std::fs::remove_dir_all(&folder);
}

#[tokio::test]
async fn what_is_kept_comes_back_from_a_file_that_its_owner_alone_reads() {
    with("kept", async |secrets, path| {
        assert_eq!(secrets.cameras().await, Ok(vec![]));
        assert!(!path.exists() && !path.parent().unwrap().exists(), "reading makes nothing");
        secrets.put_accessory("door", accessory()).await.unwrap();
        secrets.put_camera(camera("aa:bb:cc:dd:ee:ff")).await.unwrap();
        let controller = secrets.controller().await.unwrap();
        assert_eq!(secrets.controller().await.unwrap().seed(), controller.seed());
        assert_eq!(controller.id().len(), 36);

        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing beside it");

        let kept = secrets.accessory("door").await.unwrap().unwrap();
        assert_eq!(format!("{kept:?}"), format!("{:?}", accessory()));
        assert_eq!((kept.identity.seed(), kept.setup_code.expose()), (&[7; 32], "031-45-154"));
        assert_eq!(secrets.accessories().await, Ok(vec!["door".to_owned()]));
        assert_eq!(secrets.camera("AA:bb:CC:dd:EE:ff").await, Ok(Some(camera("aa:bb:cc:dd:ee:ff"))));
        secrets.set_address("AA:BB:CC:DD:EE:FF", "h:1".into()).await.unwrap();
        assert_eq!(secrets.cameras().await.unwrap()[0].address.as_deref(), Some("h:1"));
        assert_eq!(secrets.remove_camera("aa:bb:cc:dd:ee:ff").await, Ok(true));
        assert_eq!(secrets.remove_camera("aa:bb:cc:dd:ee:ff").await, Ok(false));
        assert_eq!(secrets.remove_accessory("door").await, Ok(true));
        assert!(!format!("{kept:?}").contains("154") && !format!("{kept:?}").contains("0707"));
    })
    .await;
}

#[tokio::test]
async fn a_damaged_file_is_told_and_never_written_over() {
    with("damaged", async |secrets, path| {
        secrets.put_camera(camera("a")).await.unwrap();
        let whole = std::fs::read_to_string(&path).unwrap();
        for (damage, why) in [
            (whole[..whole.len() - 9].to_owned(), "it ends too early"),
            (String::new(), "it ends too early"),
            (whole.replace("\"version\": 1", "\"version\": 2"), "it is of version 2"),
            (whole.replace("cameras", "lenses"), "it makes no sense at line 3"),
            (whole.replace("0909", "zz"), "the key of a is none"),
        ] {
            std::fs::write(&path, &damage).unwrap();
            let error = secrets.put_camera(camera("b")).await.unwrap_err();
            let told = error.to_string();
            assert!(told.contains(why) && told.contains("pair everything again"), "{told}");
            assert!(!told.contains("0909"), "{told}");
            assert_eq!(secrets.controller().await.unwrap_err(), error);
            assert_eq!(std::fs::read_to_string(&path).unwrap(), damage);
        }
        std::fs::write(&path, &whole).unwrap();
        assert_eq!(secrets.camera("a").await, Ok(Some(camera("a"))), "what was put back counts at once");
    })
    .await;
}

#[tokio::test]
async fn a_file_that_others_could_read_is_closed_to_them() {
    with("open", async |secrets, path| {
        secrets.put_camera(camera("a")).await.unwrap();
        std::fs::set_permissions(&path, Mode::from_mode(0o644)).unwrap();
        assert_eq!(secrets.cameras().await, Ok(vec![camera("a")]));
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    })
    .await;
}

#[tokio::test]
async fn what_an_interrupted_write_left_is_no_trouble_and_a_folder_that_cannot_be_is_named() {
    with("left", async |secrets, path| {
        secrets.put_camera(camera("a")).await.unwrap();
        std::fs::write(path.with_file_name("homekit.json.new"), "half").unwrap();
        secrets.put_camera(camera("b")).await.unwrap();
        assert_eq!(secrets.cameras().await.unwrap().len(), 2);

        let (nowhere, keeper) = Secrets::new(&path);
        let keeping = tokio::spawn(keeper.run());
        let error = nowhere.put_camera(camera("a")).await.unwrap_err();
        assert!(error.to_string().contains("homekit.json"), "{error}");
        drop(nowhere);
        keeping.await.unwrap();
    })
    .await;
}
