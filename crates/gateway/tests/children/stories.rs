//! What children do, and what becomes of them. Each story is told in a process of its own (`run`).
use super::count::{Count, assert_nothing_left};
use gateway::net::child::{
    Child, ChildEnd, Children, ChildrenConfig, Exit, Rung, Signal, SpawnError, Spec, Why,
};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;

/// The variable that every process of a story has in its environment.
pub(super) const MARK: &str = "AQUEDUCT_TEST_MARK";
/// How long a story may take at most.
pub(super) const STORY_MAX: Duration = Duration::from_secs(20);

pub(super) struct Stage {
    pub(super) children: Children,
}

pub(super) type Story = (&'static str, fn() -> futures_util::future::LocalBoxFuture<'static, ()>);

macro_rules! stories {
    ($($name:ident),+ $(,)?) => {
        /// All of them, by name.
        pub(super) const STORIES: &[Story] = &[$((stringify!($name), || Box::pin($name()))),+];
    };
}

stories! {
    ends_by_itself,
    ends_with_an_error,
    ignores_term,
    is_told_twice_and_let_go,
    forks_a_grandchild_that_holds_the_pipes,
    leaves_a_grandchild_behind,
    leaves_a_grandchild_without_the_mark,
    leaves_a_grandchild_in_a_session_of_its_own,
    fills_stderr,
    never_writes,
    waits_for_its_input,
    is_dropped_at_once,
    is_killed_by_a_stranger,
    cannot_be_started,
    are_too_many,
    end_together_at_shutdown,
    shows_what_it_uses,
}

/// Not a story of its own: it is killed from outside.
pub(super) const SLEEPER: Story = ("sleeps_with_children", || Box::pin(sleeps_with_children()));

fn stage() -> Stage {
    let pass_environment = vec![MARK.to_owned()];
    let config = ChildrenConfig { children_max: 8, pass_environment };
    Stage { children: Children::new(config) }
}

fn sh(script: &str) -> Spec {
    let mut spec = Spec::new("test", "sh", vec!["-c".into(), script.into()]);
    spec.stdout = true;
    spec.grace = Duration::from_millis(300);
    spec
}

impl Stage {
    async fn start(&self, spec: Spec) -> Child {
        self.children.spawn(spec).await.unwrap()
    }

    /// Counts before, runs, and fails unless nothing is left afterwards.
    async fn leaves_nothing<T, F>(self, story: &str, spec: Spec, run: impl FnOnce(Child) -> F) -> T
    where
        F: Future<Output = T>,
    {
        // The thread's own files exist from its first child on.
        self.start(sh("exit 0")).await.ended().await;
        let before = Count::now();
        let child = self.start(spec).await;
        let group = child.pid();
        let end = run(child).await;
        assert_nothing_left(story, &before, group, &mark());
        assert!(self.children.reports().await.is_empty(), "{story}: it is still listed");
        end
    }
}

pub(super) fn mark() -> String {
    format!("{MARK}={}", std::env::var(MARK).unwrap())
}

/// Waits until it has printed a line.
async fn printed(child: &mut Child) -> tokio::net::unix::pipe::Receiver {
    let mut stdout = child.take_stdout().unwrap().unwrap();
    let mut line = Vec::new();
    while !line.contains(&b'\n') {
        assert!(stdout.read_buf(&mut line).await.unwrap() > 0, "it ended without a line");
    }
    stdout
}

async fn stopped(mut child: Child) -> Arc<ChildEnd> {
    let _stdout = printed(&mut child).await;
    child.stop();
    child.ended().await
}

async fn ends_by_itself() {
    let end = stage().leaves_nothing("ends by itself", sh("echo out; echo err >&2"), async |mut child| {
        let mut stdout = child.take_stdout().unwrap().unwrap();
        let mut text = String::new();
        stdout.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "out\n");
        child.ended().await
    });
    let end = end.await;
    assert!(end.is_orderly(), "{end}");
    assert_eq!(end.last_lines, ["err"]);
}

async fn ends_with_an_error() {
    let script = "echo opening rtsp://ann:secret@cam/ >&2; exit 3";
    let end =
        stage().leaves_nothing("ends with an error", sh(script), async |mut child| child.ended().await).await;
    assert_eq!((end.exit, end.rung, end.why), (Some(Exit::Code(3)), None, None));
    assert_eq!(end.last_lines, ["opening rtsp://***@cam/"]);
}

async fn ignores_term() {
    let script = "trap '' TERM; echo here; while :; do sleep 0.01; done";
    let begun = Instant::now();
    let end = stage().leaves_nothing("ignores TERM", sh(script), stopped).await;
    assert_eq!((end.exit, end.rung, end.why), (Some(Exit::Signal(9)), Some(Rung::Kill), Some(Why::Stopped)));
    assert!(begun.elapsed() >= Duration::from_millis(300), "TERM had no time to work");
}

async fn is_told_twice_and_let_go() {
    let mut spec = sh("trap '' TERM; echo here; while :; do sleep 0.01; done");
    spec.grace = Duration::from_secs(100);
    let begun = Instant::now();
    stage()
        .leaves_nothing("is told twice and let go", spec, async |mut child| {
            let _stdout = printed(&mut child).await;
            child.stop();
            let waited = tokio::time::timeout(Duration::from_millis(100), child.ended()).await;
            assert!(waited.is_err(), "it ended by TERM, which it ignores");
            // Whoever lets go after that had a deadline.
            drop(child);
        })
        .await;
    assert!(begun.elapsed() < Duration::from_secs(10));
}

async fn forks_a_grandchild_that_holds_the_pipes() {
    // Both ignore TERM and hold stdout and stderr, and the first one ends at once.
    let script = "(trap '' TERM; echo here; while :; do sleep 0.01; done) & exit 0";
    let end =
        stage().leaves_nothing("forks a grandchild", sh(script), async |mut child| child.ended().await).await;
    assert!(end.is_orderly(), "{end}");
}

async fn leaves_a_grandchild_behind() {
    // The way of a shell that stands before ffmpeg: it is ended, and the other one ignores that.
    let script = "(trap '' TERM; echo here; while :; do sleep 0.01; done) & wait";
    let end = stage().leaves_nothing("leaves a grandchild behind", sh(script), stopped).await;
    assert_eq!((end.exit, end.rung), (Some(Exit::Signal(15)), Some(Rung::Term)));
}

async fn leaves_a_grandchild_without_the_mark() {
    // Nothing but its group tells whose it is.
    let script = "env -i sh -c \"trap '' TERM; while :; do sleep 0.01; done\" & sleep 0.1; exit 0";
    let end =
        stage().leaves_nothing("without the mark", sh(script), async |mut child| child.ended().await).await;
    assert!(end.is_orderly(), "{end}");
}

async fn leaves_a_grandchild_in_a_session_of_its_own() {
    let script = "setsid sh -c \"trap '' TERM; echo here; while :; do sleep 0.01; done\" & wait";
    let end = stage().leaves_nothing("a session of its own", sh(script), stopped).await;
    assert_eq!(end.why, Some(Why::Stopped));
}

async fn fills_stderr() {
    // As fast as it can, 30 MB before the line that tells why.
    let script = "echo here; yes 'a line of forty characters, all for nothing' | head -c 30000000 >&2; echo >&2; echo why >&2";
    let before = cpu();
    let begun = Instant::now();
    let end = stage().leaves_nothing("fills stderr", sh(script), async |mut child| {
        let _stdout = printed(&mut child).await;
        child.ended().await
    });
    let end = end.await;
    let (took, spent) = (begun.elapsed(), cpu() - before);
    println!("30 MB of stderr: {took:?}, of which {spent:?} on a processor here");
    assert_eq!(end.last_lines.last().map(String::as_str), Some("why"));
    assert!(end.last_lines.len() <= 12);
    assert!(memory() < 100 << 20, "{} bytes are in use", memory());
}

async fn never_writes() {
    let mut spec = sh("sleep 100");
    spec.start = Some(Duration::from_millis(200));
    let end = stage().leaves_nothing("never writes", spec, async |mut child| child.ended().await).await;
    assert_eq!((end.why, end.rung), (Some(Why::NoStart), Some(Rung::Term)));
    assert!(end.to_string().contains("gave nothing for 0."), "{end}");
}

async fn waits_for_its_input() {
    let mut spec = Spec::new("test", "cat", Vec::new());
    spec.stdin = true;
    spec.stdout = true;
    let end = stage().leaves_nothing("waits for its input", spec, async |mut child| {
        child.stop();
        child.ended().await
    });
    let end = end.await;
    assert_eq!((end.exit, end.rung), (Some(Exit::Code(0)), Some(Rung::Stdin)), "{end}");
}

async fn is_dropped_at_once() {
    stage()
        .leaves_nothing("is dropped at once", sh("sleep 100"), async |child| {
            drop(child);
        })
        .await;
}

async fn is_killed_by_a_stranger() {
    let end =
        stage().leaves_nothing("is killed by a stranger", sh("sleep 100 & kill -9 $$"), async |mut child| {
            child.ended().await
        });
    let end = end.await;
    assert!(end.is_killed() && end.to_string().contains("not by us"), "{end}");
}

async fn cannot_be_started() {
    let stage = stage();
    stage.start(sh("exit 0")).await.ended().await;
    let before = Count::now();
    let missing = stage.children.spawn(Spec::new("test", "no-such-program", Vec::new())).await.unwrap_err();
    assert_eq!(missing, SpawnError::Missing("no-such-program".into()));
    let refused = stage.children.spawn(Spec::new("test", "/proc/version", Vec::new())).await.unwrap_err();
    assert_eq!(refused, SpawnError::NotExecutable("/proc/version".into()));
    assert_eq!(Count::now(), before);
}

async fn are_too_many() {
    let stage = stage();
    let mut all = Vec::new();
    for _ in 0..8 {
        all.push(stage.start(sh("sleep 100")).await);
    }
    assert_eq!(stage.children.spawn(sh("sleep 100")).await.unwrap_err(), SpawnError::TooMany(8));
    assert_eq!(stage.children.reports().await.len(), 8);
    for child in &mut all {
        child.stop();
    }
    for child in &mut all {
        child.ended().await;
    }
    stage.start(sh("exit 0")).await.ended().await;
}

async fn end_together_at_shutdown() {
    let stage = stage();
    let mut all = Vec::new();
    for _ in 0..8 {
        let mut child = stage.start(sh("trap '' TERM; echo here; while :; do sleep 0.02; done")).await;
        let stdout = printed(&mut child).await;
        all.push((child, stdout));
    }
    let begun = Instant::now();
    assert_eq!(stage.children.shutdown(Duration::from_secs(10)).await, 0);
    // 300 ms of grace for all of them, not for each.
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!(all[0].0.ended().await.why, Some(Why::Shutdown));
    assert_eq!(stage.children.spawn(sh("exit 0")).await.unwrap_err(), SpawnError::Shutdown);
}

async fn shows_what_it_uses() {
    let stage = stage();
    let mut spec = sh("echo here; (while :; do :; done) & sleep 100");
    spec.arguments.push("rtsp://ann:secret@cam/".into());
    spec.signal = Signal::SIGKILL;
    let mut child = stage.start(spec).await;
    let _stdout = printed(&mut child).await;
    child.first_bytes();
    // One of its three processes does nothing but work: its time comes, however busy the machine is.
    let report = loop {
        let mut reports = stage.children.reports().await;
        let report = reports.pop().unwrap();
        if report.usage.is_some_and(|usage| usage.processes == 3 && usage.cpu >= Duration::from_millis(50)) {
            break report;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(report.state, "running");
    assert!(report.usage.unwrap().rss_bytes > 500_000, "{report:?}");
    assert_eq!(report.command.last().map(String::as_str), Some("rtsp://***@cam/"));
    child.stop();
    assert_eq!(child.ended().await.rung, Some(Rung::Kill));
}

async fn sleeps_with_children() {
    let stage = stage();
    let mut all = Vec::new();
    for _ in 0..3 {
        all.push(stage.start(Spec::new("test", "sleep", vec!["100".into()])).await);
    }
    all[0].ended().await;
}

/// Time this process has spent on a processor.
fn cpu() -> Duration {
    let usage = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_SELF).unwrap();
    let time = |value: nix::sys::time::TimeVal| {
        Duration::from_micros((value.tv_sec() * 1_000_000 + value.tv_usec()).unsigned_abs())
    };
    time(usage.user_time()) + time(usage.system_time())
}

/// Memory of this process in bytes.
fn memory() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}
