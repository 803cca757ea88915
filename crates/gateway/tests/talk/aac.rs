//! Devices that take AAC: what is said reaches them through a child, and it goes with the call.
use super::devices::{assert_tone, url};
use super::house::{QUICK, Talker, call, name, put, put_door, talk_to, until, with_programs};
use audio::tone::Sine;
use formats::bitstream::aac::adts;
use hub::{OutputSpec, TalkSpec};
use media::{Codec, CodecParams, Fault as Whose, Track};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use testkit::camera::ProfileTCamera;
use testkit::camera::talk::Offers;
use testkit::intercom::{Config, Fault, IsapiIntercom};
use testkit::process::{Peer, Place};
use testkit::require;

/// Rates that devices list, as they list them: in kilohertz, in hertz, or not at all.
const RATES: [(Option<&str>, u32); 3] = [(None, 16_000), (Some("16"), 16_000), (Some("32000"), 32_000)];

fn intercom(rate: Option<&str>, fault: Fault) -> IsapiIntercom {
    let (credentials, rate) = (Some(("admin".into(), "pass:word@1".into())), rate.map(str::to_owned));
    let codecs = vec!["AAC".to_owned()];
    IsapiIntercom::start(Config { credentials, codecs, rate, ..Config::default() }, fault).unwrap()
}

/// The ADTS frames behind their lengths, and where in the bytes each ends.
fn frames(bytes: &[u8]) -> Vec<(usize, &[u8])> {
    let mut frames = Vec::new();
    let mut at = 0;
    while let Some(length) = bytes.get(at..).and_then(<[u8]>::first_chunk::<4>) {
        let end = at + 4 + u32::from_be_bytes(*length) as usize;
        let Some(frame) = bytes.get(at + 4..end) else { break };
        assert_eq!(adts::parse(frame).unwrap().frame_bytes, frame.len(), "the length says what follows");
        frames.push((end, frame));
        at = end;
    }
    frames
}

/// What ffmpeg makes of ADTS.
fn decoded(ffmpeg: &Path, place: &Place, rate: u32, adts: &[u8]) -> Vec<f32> {
    let (from, to) = (place.file("heard.aac"), place.file("heard.f32"));
    std::fs::write(&from, adts).unwrap();
    let mut command = Command::new(ffmpeg);
    command.args(["-v", "error", "-nostdin", "-y", "-f", "aac", "-i"]).arg(from);
    command.args(["-ar", &rate.to_string(), "-f", "f32le"]).arg(&to);
    Peer::start(place, "decoder", &mut command, Duration::from_secs(15)).wait().expect_success();
    let bytes = std::fs::read(to).unwrap();
    bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect()
}

/// The sound between its first and its last loud sample.
fn loud(samples: &[f32]) -> &[f32] {
    let is_loud = |sample: &f32| sample.abs() > 0.02;
    let first = samples.iter().position(is_loud).unwrap_or_default();
    let last = samples.iter().rposition(is_loud).unwrap_or_default();
    &samples[first..last]
}

fn exists(pid: i32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

#[test]
fn a_tone_is_heard_in_aac_with_its_pitch_and_level_and_the_child_goes_with_the_call() {
    require!(ffmpeg5);
    for (listed, rate) in RATES {
        with_programs(&["ffmpeg"], async |hub, programs| {
            let place = Place::new().unwrap();
            let device = intercom(listed, Fault::None);
            put_door(&hub, url(&device)).await;
            let mut talker = Talker::join(&hub, Codec::Opus, 1_000.0, -20.0).await;
            let begun = Instant::now();
            while device.sound().is_empty() && begun.elapsed() < Duration::from_secs(5) {
                talker.talk(Duration::from_millis(20)).await;
            }
            let first = begun.elapsed();
            talker.talk(Duration::from_secs(2)).await;
            let report = call(&hub).await;
            assert_eq!((report.state, report.opened), ("live", Some(format!("AAC/{rate}"))));
            let children = programs.children.reports().await;
            assert_eq!((children.len(), children[0].name), (1, "ffmpeg"), "{children:?}");
            let removal = hub.remove(&name("door")).await.unwrap();
            assert!(!exists(children[0].pid), "DELETE answers when the child is gone");
            let steps: Vec<&str> = removal.ends[0].steps.iter().map(|step| &*step.what).collect();
            assert_eq!(steps, ["close", "end the encoder"]);
            assert!(removal.took < Duration::from_millis(700), "{removal:?}");
            assert_eq!((device.opens(), device.closes(), device.announcements()), (1, 1, 0));

            let bytes = device.sound_bytes();
            let adts: Vec<u8> = frames(&bytes).into_iter().flat_map(|(_, frame)| frame.to_vec()).collect();
            let samples = decoded(&ffmpeg5, &place, rate, &adts);
            let heard = loud(&samples);
            let found = assert_tone(heard, rate, 1_000.0, -20.0);
            let seconds = heard.len() as f64 / f64::from(rate);
            let bytes = adts.len();
            eprintln!(
                "AAC at {rate} Hz: {found:.1?}, {seconds:.2} s of 2, {bytes} bytes, the first after {first:.2?}"
            );
            // What was said while the child started is partly there, too.
            assert!((1.6..=2.4).contains(&seconds), "{seconds} s of 2 are heard");
        });
    }
}

#[test]
fn the_last_word_is_heard_when_it_is_said_and_not_with_the_next_one() {
    require!(ffmpeg5);
    with_programs(&["ffmpeg"], async |hub, _| {
        let place = Place::new().unwrap();
        let device = intercom(None, Fault::None);
        put_door(&hub, url(&device)).await;
        let mut talker = Talker::join(&hub, Codec::L16, 1_000.0, -20.0).await;
        // So long that what the start costs is over; then the last half second is of another pitch.
        talker.talk(Duration::from_millis(800)).await;
        let mut word = Sine::new(16_000, 400.0, -20.0);
        for _ in 0..25 {
            talker.say_samples(&word.by_ref().take(320).collect::<Vec<f32>>()).await;
        }
        talker.pause(Duration::from_secs(1)).await;
        let bytes = device.sound_bytes();
        let adts: Vec<u8> = frames(&bytes).into_iter().flat_map(|(_, frame)| frame.to_vec()).collect();
        let samples = decoded(&ffmpeg5, &place, 16_000, &adts);
        let heard = loud(&samples);
        assert_tone(&heard[heard.len() - 7_900..], 16_000, 400.0, -20.0);
        assert!(device.in_call(), "it was not the end of the call that pushed it out");
        hub.remove(&name("door")).await.unwrap();
    });
}

#[test]
fn a_word_in_aac_is_at_the_device_within_half_a_second() {
    require!(ffmpeg5);
    with_programs(&["ffmpeg"], async |hub, _| {
        let device = intercom(None, Fault::None);
        put_door(&hub, url(&device)).await;
        let mut talker = Talker::join(&hub, Codec::L16, 1_000.0, -20.0).await;
        let (silence, word) = ([0.0; 320], Sine::new(16_000, 1_000.0, -6.0).take(320).collect::<Vec<f32>>());
        let mut said = Vec::new();
        for frame in 0..300 {
            let is_word = frame % 50 == 49;
            talker.say_samples(if is_word { &word } else { &silence }).await;
            said.extend(is_word.then(Instant::now));
        }
        tokio::time::sleep(Duration::from_millis(400)).await;
        hub.remove(&name("door")).await.unwrap();
        // When the bytes up to each place were there.
        let mut came = Vec::new();
        let mut so_far = 0;
        for piece in device.sound() {
            so_far += piece.bytes.len();
            came.push((so_far, piece.at));
        }
        let config = adts::parse(frames(&device.sound_bytes())[0].1).unwrap().config.build();
        let track = Track::audio(0, Codec::Aac, 16_000, 1, CodecParams::Aac { config });
        let mut decoder = audio::Decoder::new(&track).unwrap();
        let mut heard = Vec::new();
        let bytes = device.sound_bytes();
        for (end, frame) in frames(&bytes) {
            let mut samples = Vec::new();
            decoder.decode(adts::strip(frame).unwrap(), &mut samples).unwrap();
            if samples.iter().any(|sample| sample.abs() > 0.25) {
                heard.extend(came.iter().find(|(upto, _)| *upto >= end).map(|(_, at)| *at));
            }
        }
        let mut waits: Vec<Duration> = said
            .iter()
            .filter_map(|said| heard.iter().find_map(|at| at.checked_duration_since(*said)))
            .filter(|wait| *wait < Duration::from_millis(900))
            .collect();
        waits.sort_unstable();
        eprintln!("from the word to the AAC at the device: {waits:.1?}");
        assert!(waits.len() * 4 >= said.len() * 3, "{} of {} words are heard", waits.len(), said.len());
        assert!(waits[waits.len() / 2] < Duration::from_millis(500), "{waits:?}");
    });
}

#[test]
fn a_camera_that_takes_only_aac_is_talked_to_as_well() {
    require!(ffmpeg5);
    with_programs(&["ffmpeg"], async |hub, programs| {
        let clip = formats::replay::load(super::house::demo()).unwrap();
        let offers = Offers(vec![(97, Codec::Aac, 16_000)]);
        let device = ProfileTCamera::start(clip, None, offers, testkit::camera::talk::Fault::None).unwrap();
        put_door(&hub, device.url() + "#backchannel=1").await;
        let mut talker = Talker::join(&hub, Codec::Pcmu, 1_000.0, -20.0).await;
        talker.talk(Duration::from_secs(2)).await;
        assert_eq!(call(&hub).await.opened, Some("AAC/16000".to_owned()));
        hub.remove(&name("door")).await.unwrap();
        assert_eq!(programs.children.reports().await, []);
        let packets = device.heard();
        assert!(packets.len() > 15, "{}", packets.len());
        for pair in packets.windows(2) {
            let step = pair[1].timestamp.wrapping_sub(pair[0].timestamp);
            assert!((1_024..16_000).contains(&step), "{step}");
        }
    });
}

#[test]
fn without_an_ffmpeg_that_may_run_the_device_is_left_alone_and_the_call_says_what_helps() {
    for (programs, words) in [
        (&["/nowhere/ffmpeg"][..], &["there is no program /nowhere/ffmpeg", "choose G.711"][..]),
        // The first is ffmpeg, and may not run where it is not listed.
        (&["ffmpeg", ""], &["\"ffmpeg\" may not run", "exec: {allow_paths: [ffmpeg]}", "choose G.711"]),
    ] {
        let mut config = gateway::GatewayConfig::default();
        config.ffmpeg.bin = programs[0].to_owned();
        config.exec.allow_paths = if programs.len() == 1 { vec![programs[0].to_owned()] } else { Vec::new() };
        super::house::with_config(config, async |hub, _, _| {
            let device = intercom(None, Fault::None);
            put_door(&hub, url(&device)).await;
            let mut talker = Talker::join(&hub, Codec::Pcmu, 1_000.0, -20.0).await;
            talker.talk(Duration::from_millis(400)).await;
            until("the call is given up", async || call(&hub).await.state == "gave_up").await;
            let report = call(&hub).await;
            assert_eq!(report.fault, Some(Whose::Config));
            let error = report.error.unwrap();
            assert!(words.iter().all(|word| error.contains(word)), "{error}");
            assert_eq!(device.opens(), 0);
        });
    }
}

/// A program in ffmpeg's place.
fn script(place: &Place, text: &str) -> String {
    let path = place.file("ffmpeg");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

#[test]
fn an_encoder_that_fails_is_the_calls_failure_told_with_its_last_words_and_tried_again() {
    for (text, words) in [
        ("echo 'Unknown encoder aac' >&2; exit 1", "ended with code 1"),
        ("echo 'Unknown encoder aac' >&2; exec >&-; sleep 100", "gave no more AAC"),
        ("head -c 100000 /dev/zero; exec cat >/dev/null", "says else"),
    ] {
        let place = Place::new().unwrap();
        let program = script(&place, text);
        with_programs(&[&program], async |hub, programs| {
            let device = intercom(None, Fault::None);
            let output = OutputSpec { policy: QUICK, ..OutputSpec::to(url(&device)) };
            put(&hub, TalkSpec { output, ..talk_to("") }).await;
            let mut talker = Talker::join(&hub, Codec::Pcmu, 1_000.0, -20.0).await;
            let told = async || call(&hub).await.error.is_some();
            tokio::join!(talker.talk(Duration::from_secs(2)), until("its end is told", told));
            let report = call(&hub).await;
            let error = report.error.unwrap();
            assert_eq!(report.fault, Some(Whose::Us), "{error}");
            assert!(error.contains(words), "{error}");
            assert!(!text.starts_with("echo") || error.contains("Unknown encoder aac"), "{error}");
            // To end one that does not go takes longer than the budget of this ladder.
            assert!(report.attempt > 1 || text.contains("sleep"), "{error}");
            hub.remove(&name("door")).await.unwrap();
            until("every child is gone", async || programs.children.reports().await.is_empty()).await;
            assert_eq!(device.opens(), device.closes());
        });
    }
}

#[test]
fn an_encoder_that_dies_or_stands_still_ends_the_call_in_order() {
    require!(ffmpeg5);
    let real = ffmpeg5.display();
    for text in [
        // Encodes, and is gone after a second.
        format!("timeout -s KILL 1 {real} \"$@\""),
        // Encodes, and does not end when it is told to.
        format!("trap '' TERM; {real} \"$@\"; sleep 100"),
    ] {
        let place = Place::new().unwrap();
        let program = script(&place, &text);
        with_programs(&[&program], async |hub, programs| {
            let device = intercom(None, Fault::None);
            put_door(&hub, url(&device)).await;
            let mut talker = Talker::join(&hub, Codec::Pcmu, 1_000.0, -20.0).await;
            talker.talk(Duration::from_millis(2_500)).await;
            let began = Instant::now();
            let removal = hub.remove(&name("door")).await.unwrap();
            eprintln!("{:?}: {:?}", began.elapsed(), removal.ends);
            assert!(removal.ends.iter().all(|end| end.in_time), "{removal:?}");
            assert!(began.elapsed() < Duration::from_millis(1_900), "{:?}", began.elapsed());
            until("every child is gone", async || programs.children.reports().await.is_empty()).await;
            assert!(device.opens() >= 1 && device.opens() == device.closes(), "{}", device.opens());
        });
    }
}
