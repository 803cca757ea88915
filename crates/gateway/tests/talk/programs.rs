//! Programs that are talked to: what is said reaches their stdin, and they go when nobody speaks any more.
use super::devices::assert_tone;
use super::house::{QUICK, Talker, call, name, put, put_door, talk_to, until, with_programs};
use audio::{Decoder, Target};
use hub::{OutputSpec, StreamSpec, TalkSpec};
use media::{Codec, Fault as Whose};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};
use testkit::process::Place;

/// A program; its path.
fn script(place: &Place, text: &str) -> String {
    let path = place.file("program.sh");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

/// Raw samples as sound.
fn sound(target: Target, low_byte_first: bool, bytes: &[u8]) -> Vec<f32> {
    let swapped = |pair: &[u8]| [pair[1], pair[0]];
    let bytes: Vec<u8> =
        if low_byte_first { bytes.chunks_exact(2).flat_map(swapped).collect() } else { bytes.to_vec() };
    let mut decoder = Decoder::new(&target.track(0)).unwrap();
    let mut samples = Vec::new();
    for piece in bytes.chunks(4_000) {
        decoder.decode(piece, &mut samples).unwrap();
    }
    samples
}

#[test]
fn a_program_gets_what_is_said_in_the_codec_and_rate_that_its_line_names() {
    let at = |codec, rate| Target { rate, ..Target::usual(codec) };
    for (option, target, low_byte_first) in [
        ("", at(Codec::L16, 16_000), true),
        ("#audio=alaw/8000", at(Codec::Pcma, 8_000), false),
        ("#audio=mulaw/16000", at(Codec::Pcmu, 16_000), false),
        ("#audio=s16le/48000", at(Codec::L16, 48_000), true),
        ("#audio=pcm/22050", at(Codec::L16, 22_050), false),
    ] {
        let place = Place::new().unwrap();
        let program = script(&place, "exec cat > \"$1\"");
        let file = place.file("said.raw").display().to_string();
        with_programs(&[&program], async |hub, programs| {
            put_door(&hub, format!("exec:{program} {file}#backchannel=1{option}")).await;
            assert_eq!(programs.children.reports().await, [], "nobody speaks");
            let mut talker = Talker::join(&hub, Codec::Opus, 1_000.0, -20.0).await;
            talker.talk(Duration::from_millis(1_500)).await;
            let report = call(&hub).await;
            assert_eq!(report.state, "live");
            assert_eq!(report.opened, Some(format!("{}/{}", target.codec, target.rate)));
            let children = programs.children.reports().await;
            assert_eq!((children.len(), children[0].name), (1, "exec"), "{children:?}");
            let removal = hub.remove(&name("door")).await.unwrap();
            let [step] = &removal.ends[0].steps[..] else { panic!("{removal:?}") };
            assert_eq!(step.what, "end program.sh");
            // Before or after it was told to.
            let orderly = ["by the end of its input", "ended with code 0"];
            assert!(orderly.iter().any(|words| step.outcome.contains(words)), "{step:?}");
            assert!(removal.took < Duration::from_millis(500), "{removal:?}");
            assert_eq!(programs.children.reports().await, []);
            let samples = sound(target, low_byte_first, &std::fs::read(&file).unwrap());
            let seconds = samples.len() as f64 / f64::from(target.rate);
            let found = assert_tone(&samples, target.rate, 1_000.0, -20.0);
            eprintln!("{option}: {found:.1?}, {seconds:.2} s of 1.5");
            assert!((1.2..=1.52).contains(&seconds), "{option}: {seconds} s of 1.5");
        });
    }
}

#[test]
fn a_program_ends_when_nobody_speaks_and_starts_again_with_the_next_word() {
    let place = Place::new().unwrap();
    let program = script(&place, "echo begin >> \"$1\"; cat > /dev/null; echo end >> \"$1\"");
    let file = place.file("log").display().to_string();
    with_programs(&[&program], async |hub, programs| {
        put_door(&hub, format!("exec:{program} {file}#backchannel=1")).await;
        let log = || std::fs::read_to_string(&file).unwrap_or_default();
        let mut talker = Talker::join(&hub, Codec::Pcmu, 1_000.0, -20.0).await;
        talker.talk(Duration::from_millis(300)).await;
        assert_eq!(log(), "begin\n");
        talker.pause(Duration::from_secs(3)).await;
        until("it has ended", async || programs.children.reports().await.is_empty()).await;
        assert_eq!((log(), call(&hub).await.state), ("begin\nend\n".to_owned(), "idle"));
        talker.talk(Duration::from_millis(300)).await;
        assert_eq!(log(), "begin\nend\nbegin\n");
    });
}

#[test]
fn a_program_that_fails_is_the_calls_failure_with_its_last_words() {
    let place = Place::new().unwrap();
    let program = script(&place, "echo no such sound card >&2; exit 3");
    with_programs(&[&program], async |hub, _| {
        let output = OutputSpec { policy: QUICK, ..OutputSpec::to(format!("exec:{program}#backchannel=1")) };
        put(&hub, TalkSpec { output, ..talk_to("") }).await;
        let mut talker = Talker::join(&hub, Codec::Pcmu, 1_000.0, -20.0).await;
        talker.talk(Duration::from_secs(1)).await;
        let report = call(&hub).await;
        let error = report.error.unwrap();
        assert_eq!(report.fault, Some(Whose::Peer));
        assert!(error.contains("code 3") && error.contains("no such sound card"), "{error}");
        assert!(report.attempt > 1, "{}", report.attempt);
    });
}

#[test]
fn a_program_that_reads_nothing_and_does_not_go_holds_up_nobody() {
    let place = Place::new().unwrap();
    let program = script(&place, "trap '' TERM; while :; do sleep 0.1; done");
    with_programs(&[&program], async |hub, programs| {
        put_door(&hub, format!("exec:{program}#backchannel=1#audio=s16le/48000")).await;
        let mut talker = Talker::join(&hub, Codec::L16, 1_000.0, -20.0).await;
        // Its pipe is full after 0.7 s.
        talker.talk(Duration::from_millis(1_500)).await;
        let error = call(&hub).await.error.unwrap();
        assert!(error.contains("takes no more sound"), "{error}");
        let began = Instant::now();
        hub.remove(&name("door")).await.unwrap();
        assert!(began.elapsed() < Duration::from_millis(2_500), "{:?}", began.elapsed());
        until("it is gone", async || programs.children.reports().await.is_empty()).await;
    });
}

#[test]
fn a_program_that_may_not_run_does_not() {
    with_programs(&["aplay"], async |hub, _| {
        let talk = Some(talk_to("exec:rm -rf /nowhere#backchannel=1"));
        let put = hub.put(&name("door"), StreamSpec { talk, ..StreamSpec::default() }).await;
        assert!(put.unwrap_err().to_string().contains("allow_paths: [rm]"));
    });
}
