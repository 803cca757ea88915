//! What a controller may say to a view: stop for now, go on, a key frame please; and what comes of one that says nothing.
use super::phone::{VOICE_SSRC, View};
use super::{Folder, accessory, home, name, paired, picture, publish, run, unit, video_track};
use formats::rtp::Packet as RtpPacket;
use formats::rtp::rtcp::{write_fir, write_pli, write_receiver_report};
use hub::{Feedback, PeerInfo, Publisher};
use media::Codec;
use protocols::hap::camera::{Command, SampleRate, SetupStatus, StreamingStatus};
use std::time::Duration;

const A_WHILE: Duration = Duration::from_millis(500);

#[test]
fn a_view_that_is_suspended_sends_nothing_and_goes_on_with_a_key_frame() {
    run(async {
        let folder = Folder::new();
        let home = home(&folder, accessory("door")).await;
        let camera = publish(&home.hub, "door", Codec::H264).await;
        let mut phone = paired(&home).await;
        let streams = phone.streams().await;
        let mut view = View::new();
        phone.set_up(streams[0], &mut view).await;
        phone.begin(streams[0], &view, SampleRate::Khz24, 20).await;
        view.video().await;
        view.sound().await;
        assert_eq!(phone.command(streams[0], &view, Command::Suspend).await, 204);
        tokio::time::sleep(A_WHILE).await;
        view.forget();
        tokio::time::sleep(A_WHILE).await;
        assert_eq!(view.waiting(), 0, "nothing comes of a view that is suspended");
        assert_eq!(phone.status(streams[0]).await, StreamingStatus::InUse);

        assert_eq!(phone.command(streams[0], &view, Command::Resume).await, 204);
        let first = RtpPacket::parse(view.video().await).unwrap();
        assert_eq!(first.payload[0] & 0x1f, 24, "SPS and PPS: {:?}", &first.payload[..8]);
        view.sound().await;
        // Another picture is not made: what there is is what it gets.
        assert_eq!(phone.command(streams[0], &view, Command::Reconfigure).await, 204);
        view.video().await;
        let stranger = View::new();
        assert_ne!(phone.command(streams[0], &stranger, Command::Suspend).await, 204, "not its session");
        view.forget();
        view.video().await;
        camera.abort();
        home.accessories.end().await;
    });
}

/// The next wish that reaches the camera.
async fn wish(publisher: &mut Publisher) -> Feedback {
    tokio::time::timeout(Duration::from_secs(2), publisher.feedback()).await.expect("a wish").unwrap()
}

#[test]
fn a_phone_that_lost_a_picture_has_the_camera_asked_for_a_key_frame() {
    run(async {
        let folder = Folder::new();
        let home = home(&folder, accessory("door")).await;
        let mut publisher = home.hub.publish(&name("door"), PeerInfo::default(), None).await.unwrap();
        publisher.set_tracks(vec![video_track(Codec::H264)]).await.unwrap();
        publisher.push(unit(0, 0, true, picture(true, 100))).await.unwrap();
        let mut phone = paired(&home).await;
        let streams = phone.streams().await;
        let mut view = View::new();
        let status = phone.set_up(streams[0], &mut view).await;
        let SetupStatus::Success { video_ssrc, .. } = status else { panic!("{status:?}") };
        phone.begin(streams[0], &view, SampleRate::Khz24, 20).await;
        view.video().await;
        let quiet = tokio::time::timeout(A_WHILE, publisher.feedback()).await;
        assert!(quiet.is_err(), "a key frame was cached, nobody wants another one: {quiet:?}");

        let mut report = Vec::new();
        write_receiver_report(VOICE_SSRC, &[], "phone", &mut report);
        view.report(report);
        let quiet = tokio::time::timeout(A_WHILE, publisher.feedback()).await;
        assert!(quiet.is_err(), "a report is no wish: {quiet:?}");
        let mut lost = Vec::new();
        write_pli(VOICE_SSRC, video_ssrc, &mut lost);
        view.report(lost);
        assert_eq!(wish(&mut publisher).await, Feedback::KeyframeWanted);
        publisher.push(unit(0, 90_000, true, picture(true, 100))).await.unwrap();
        // Wishes are made few: the next one is heard later.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let mut lost = Vec::new();
        write_fir(VOICE_SSRC, &[(video_ssrc, 1)], &mut lost);
        view.report(lost);
        assert_eq!(wish(&mut publisher).await, Feedback::KeyframeWanted);
        home.accessories.end().await;
    });
}

#[test]
fn a_phone_that_says_nothing_for_half_a_minute_is_sent_nothing_any_more() {
    run(async {
        let folder = Folder::new();
        let home = home(&folder, accessory("door")).await;
        let camera = publish(&home.hub, "door", Codec::H264).await;
        let mut phone = paired(&home).await;
        let streams = phone.streams().await;
        let (mut silent, mut reporting) = (View::new(), View::new());
        for (stream, view) in [(streams[0], &mut silent), (streams[1], &mut reporting)] {
            phone.set_up(stream, view).await;
            phone.begin(stream, view, SampleRate::Khz24, 20).await;
            view.video().await;
        }
        let began = std::time::Instant::now();
        let ended = loop {
            let mut report = Vec::new();
            write_receiver_report(VOICE_SSRC, &[], "phone", &mut report);
            reporting.report(report);
            reporting.forget();
            silent.forget();
            tokio::time::sleep(A_WHILE).await;
            if phone.status(streams[0]).await == StreamingStatus::Available {
                break began.elapsed().as_secs_f64();
            }
            assert!(began.elapsed().as_secs() < 40, "it goes on for ever");
        };
        assert!((29.0..32.0).contains(&ended), "ended after {ended} s");
        silent.forget();
        tokio::time::sleep(A_WHILE).await;
        assert_eq!(silent.waiting(), 0);
        assert_eq!(phone.status(streams[1]).await, StreamingStatus::InUse, "who reports is shown on");
        reporting.video().await;
        camera.abort();
        home.accessories.end().await;
    });
}
