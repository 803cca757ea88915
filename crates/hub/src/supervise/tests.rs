//! The ladder, climbed; and a table of what every event does in every state.
use super::*;
use std::fmt::Write as _;

fn supervisor() -> Supervisor {
    let policy = Policy { jitter: 0.0, budget: Some(Duration::from_secs(100)), ..Policy::default() };
    let mut supervisor = Supervisor::new(policy);
    supervisor.handle_demand(true, Moment::ZERO);
    supervisor
}

fn fails(at: &mut Moment, supervisor: &mut Supervisor) -> Option<u64> {
    assert_eq!(supervisor.poll_output(*at), Output::Start);
    supervisor.handle_end(Err(SourceError::peer("refused")), 0.0, *at);
    match supervisor.poll_output(*at) {
        Output::WaitUntil(Moment::FAR_FUTURE) => None,
        Output::WaitUntil(until) => {
            let wait = until.since(*at).as_secs();
            *at = until;
            Some(wait)
        }
        Output::Start => panic!("no wait at all"),
    }
}

#[test]
fn the_ladder_doubles_to_its_ceiling_and_gives_up_when_the_budget_is_spent() {
    let (mut at, mut supervisor) = (Moment::ZERO, supervisor());
    let waits: Vec<u64> = std::iter::from_fn(|| fails(&mut at, &mut supervisor)).collect();
    assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30, 30]);
    assert_eq!(supervisor.state(), &SourceState::GaveUp);
}

#[test]
fn a_peer_that_accepts_and_hangs_up_does_not_reset_the_ladder() {
    let (mut at, mut supervisor) = (Moment::ZERO, supervisor());
    let mut waits = Vec::new();
    for _ in 0..4 {
        assert_eq!(supervisor.poll_output(at), Output::Start);
        supervisor.handle_media(at);
        at += Duration::from_millis(50);
        supervisor.handle_end(Ok(()), 0.0, at);
        let Output::WaitUntil(until) = supervisor.poll_output(at) else { panic!() };
        waits.push(until.since(at).as_secs());
        at = until;
    }
    assert_eq!(waits, [1, 2, 4, 8]);
}

#[test]
fn after_steady_media_the_ladder_starts_anew() {
    let (mut at, mut supervisor) = (Moment::ZERO, supervisor());
    for _ in 0..3 {
        fails(&mut at, &mut supervisor);
    }
    assert_eq!(supervisor.poll_output(at), Output::Start);
    supervisor.handle_media(at);
    at += Duration::from_secs(11);
    supervisor.handle_end(Ok(()), 0.0, at);
    assert_eq!(supervisor.poll_output(at), Output::WaitUntil(at + Duration::from_secs(1)));
}

#[test]
fn a_wrong_configuration_is_not_tried_again_until_somebody_asks() {
    let mut supervisor = supervisor();
    assert_eq!(supervisor.poll_output(Moment::ZERO), Output::Start);
    supervisor.handle_end(Err(SourceError::config("no such scheme")), 0.0, Moment::ZERO);
    assert_eq!(supervisor.poll_output(Moment::from_millis(90_000)), Output::WaitUntil(Moment::FAR_FUTURE));
    supervisor.handle_retry(Moment::from_millis(90_000));
    assert_eq!(supervisor.poll_output(Moment::from_millis(90_000)), Output::Start);
}

#[test]
fn one_who_comes_and_goes_does_not_restart_the_ladder() {
    let (mut at, mut supervisor) = (Moment::ZERO, supervisor());
    for _ in 0..4 {
        fails(&mut at, &mut supervisor);
    }
    assert_eq!(supervisor.poll_output(at), Output::Start);
    supervisor.handle_end(Err(SourceError::peer("refused")), 0.0, at);
    supervisor.handle_demand(false, at);
    at += Duration::from_millis(300);
    supervisor.handle_demand(true, at);
    assert_eq!(supervisor.poll_output(at), Output::WaitUntil(at + Duration::from_secs(1)));
    at += Duration::from_secs(1);
    assert_eq!(supervisor.poll_output(at), Output::Start);
    assert_eq!(supervisor.attempt(), 6);
    supervisor.handle_demand(false, at);
    supervisor.handle_demand(true, at + Duration::from_secs(31));
    assert_eq!(supervisor.poll_output(at + Duration::from_secs(31)), Output::Start);
    assert_eq!(supervisor.attempt(), 1);
}

#[test]
fn removed_is_final_in_every_state() {
    for steps in 0..3 {
        let mut supervisor = supervisor();
        if steps > 0 {
            supervisor.poll_output(Moment::ZERO);
        }
        if steps > 1 {
            supervisor.handle_end(Ok(()), 0.0, Moment::ZERO);
        }
        supervisor.handle_remove();
        supervisor.handle_demand(true, Moment::ZERO);
        supervisor.handle_retry(Moment::ZERO);
        supervisor.handle_end(Ok(()), 0.0, Moment::ZERO);
        assert_eq!(supervisor.poll_output(Moment::from_millis(1)), Output::WaitUntil(Moment::FAR_FUTURE));
        assert_eq!(supervisor.state(), &SourceState::Removed);
    }
}

/// A source in a state of its life, which began with two failures unless it is `idle`. `now` is the moment at which it
/// stands there.
fn in_state(name: &str) -> (Supervisor, Moment) {
    let (mut now, mut supervisor) = (Moment::from_millis(10_000), supervisor());
    if name == "idle" {
        supervisor.handle_demand(false, now);
        return (supervisor, now);
    }
    fails(&mut now, &mut supervisor);
    let mut due = now;
    fails(&mut due, &mut supervisor);
    match name {
        "idle after failures" => supervisor.handle_demand(false, now),
        "backoff" => {}
        "removed" => supervisor.handle_remove(),
        started => {
            now = due;
            assert_eq!(supervisor.poll_output(now), Output::Start);
            match started {
                "connecting" => {}
                "live" => supervisor.handle_media(now),
                "live steadily" => {
                    supervisor.handle_media(now);
                    now += supervisor.policy().steady;
                }
                "gave_up" => supervisor.handle_end(Err(SourceError::config("no such scheme")), 0.0, now),
                "gave_up, nobody wants it" => {
                    supervisor.handle_end(Err(SourceError::config("no such scheme")), 0.0, now);
                    supervisor.handle_demand(false, now);
                }
                other => panic!("no state {other}"),
            }
        }
    }
    (supervisor, now)
}

fn shown(supervisor: &Supervisor, now: Moment) -> String {
    let mut text = supervisor.state().as_str().to_owned();
    if let SourceState::Backoff { until } = supervisor.state() {
        write!(text, " for {:?}", until.since(now)).unwrap();
    }
    write!(text, ", attempt {}", supervisor.attempt()).unwrap();
    if supervisor.is_failing() {
        text.push_str(", failing");
    }
    if let Some((why, fault)) = supervisor.last_error() {
        let whose = fault.map_or("nobody's".to_owned(), |fault| format!("{fault:?}").to_lowercase());
        write!(text, ", {why:?} ({whose})").unwrap();
    }
    text
}

#[test]
fn every_event_in_every_state() {
    type Event = (&'static str, fn(&mut Supervisor, &mut Moment));
    let events: [Event; 11] = [
        ("wanted", |source, now| source.handle_demand(true, *now)),
        ("wanted much later", |source, now| {
            *now += source.policy().ceiling;
            source.handle_demand(true, *now);
        }),
        ("nobody wants it", |source, now| source.handle_demand(false, *now)),
        ("media", |source, now| source.handle_media(*now)),
        ("ends in order", |source, now| source.handle_end(Ok(()), 0.0, *now)),
        ("fails", |source, now| source.handle_end(Err(SourceError::peer("refused")), 0.0, *now)),
        ("fails for good", |source, now| {
            source.handle_end(Err(SourceError::config("wrong password")), 0.0, *now);
        }),
        ("fails at the end of the budget", |source, now| {
            *now += source.policy().budget.unwrap_or_default();
            source.handle_end(Err(SourceError::peer("refused")), 0.0, *now);
        }),
        ("retry", |source, now| source.handle_retry(*now)),
        ("remove", |source, _| source.handle_remove()),
        ("time passes", |_, now| *now += Duration::from_secs(60)),
    ];
    let states = [
        "idle",
        "idle after failures",
        "connecting",
        "live",
        "live steadily",
        "backoff",
        "gave_up",
        "gave_up, nobody wants it",
        "removed",
    ];
    let mut table = String::new();
    for state in states {
        let (supervisor, now) = in_state(state);
        writeln!(table, "{state} ({})", shown(&supervisor, now)).unwrap();
        for (name, event) in &events {
            let (mut supervisor, mut now) = in_state(state);
            event(&mut supervisor, &mut now);
            let after = shown(&supervisor, now);
            let next = match supervisor.poll_output(now) {
                Output::Start => format!("starts attempt {}", supervisor.attempt()),
                Output::WaitUntil(Moment::FAR_FUTURE) => "waits for an event".to_owned(),
                Output::WaitUntil(until) => format!("waits {:?}", until.since(now)),
            };
            writeln!(table, "  {name:<30} -> {after}: {next}").unwrap();
        }
    }
    insta::assert_snapshot!(table);
}
