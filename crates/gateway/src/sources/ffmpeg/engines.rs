//! `#hardware` without an engine: which of the machine's engines codes pictures is found by trying, once for each codec.
//!
//! Source: go2rtc's README, "Hardware acceleration", for the engines and their order. A try is one picture through the codec's
//! own template, by a child. What it comes to is known from then on: drivers and devices change with a restart. Children that
//! could not be tried at all say nothing about the engine, and are tried again.
use super::FfmpegConfig;
use crate::net::child::{ChildEnd, Children, SpawnError, Spec};
use hub::SourceError;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;

/// Longest try of one engine: 5 s. A driver takes some hundred milliseconds to wake; one that hangs is of no use.
const TRY_MAX: Duration = Duration::from_secs(5);

/// Codecs that engines are tried for; go2rtc tries them for H.264 alone.
pub(super) const CODECS: [&str; 2] = ["h264", "h265"];

/// Engines of this kind of machine, in the order of preference.
const ENGINES: &[&str] = if cfg!(target_os = "macos") {
    &["videotoolbox"]
} else if cfg!(any(target_arch = "aarch64", target_arch = "arm")) {
    &["v4l2m2m", "rkmpp"]
} else {
    &["cuda", "vaapi"]
};

/// What a try came to: it works, or why not.
pub type Tried = Result<(), String>;

/// An engine that was tried for a codec.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TriedEngine {
    /// `h264` or `h265`.
    pub codec: &'static str,
    /// Such as `vaapi`.
    pub engine: &'static str,
    /// What came of it.
    pub tried: Tried,
}

/// The machine's engines, as far as they were tried. Cheap to clone; all clones know the same.
#[derive(Clone, Debug)]
pub struct Engines(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: FfmpegConfig,
    children: Children,
    known: Vec<Known>,
}

#[derive(Debug)]
struct Known {
    codec: &'static str,
    engine: &'static str,
    tried: OnceCell<Tried>,
}

impl Engines {
    /// Nothing is tried yet.
    pub fn new(config: FfmpegConfig, children: Children) -> Self {
        Self::of(ENGINES, config, children)
    }

    fn of(engines: &'static [&'static str], config: FfmpegConfig, children: Children) -> Self {
        let known = |codec| engines.iter().map(move |engine| Known { codec, engine, tried: OnceCell::new() });
        let known = CODECS.into_iter().flat_map(known).collect();
        Self(Arc::new(Inner { config, children, known }))
    }

    /// The first engine that works for a codec; `None`: none does. Those behind it are not tried.
    pub(super) async fn find(&self, codec: &str) -> Result<Option<&'static str>, SourceError> {
        for known in self.0.known.iter().filter(|known| known.codec == codec) {
            if self.tried(known).await?.is_ok() {
                return Ok(Some(known.engine));
            }
        }
        Ok(None)
    }

    /// Every engine for every codec; those that were not tried yet are tried now. Not those that could not be.
    pub async fn all(&self) -> Vec<TriedEngine> {
        let mut all = Vec::new();
        for known in &self.0.known {
            let tried = match self.tried(known).await {
                Ok(tried) => tried.clone(),
                Err(error) => Err(error.message),
            };
            all.push(TriedEngine { codec: known.codec, engine: known.engine, tried });
        }
        all
    }

    /// Side by side with others, it is tried once; who gives up meanwhile leaves it to the next.
    async fn tried<'a>(&'a self, known: &'a Known) -> Result<&'a Tried, SourceError> {
        known.tried.get_or_try_init(|| self.attempt(known)).await
    }

    async fn attempt(&self, known: &Known) -> Result<Tried, SourceError> {
        let Known { codec, engine, .. } = *known;
        let Inner { config, children, .. } = &*self.0;
        let mut spec = Spec::new("ffmpeg", config.bin.clone(), config.trial(codec, engine)?);
        spec.start = Some(TRY_MAX);
        let mut child = children.spawn(spec).await.map_err(|error| match error {
            SpawnError::Missing(_) | SpawnError::NotExecutable(_) => SourceError::config(error.to_string()),
            SpawnError::System { .. } | SpawnError::TooMany(_) | SpawnError::Shutdown => {
                SourceError::ours(format!("which hardware there is cannot be tried: {error}"))
            }
        })?;
        // It gives nothing, so it ends by itself or by the deadline for its start.
        let end = child.ended().await;
        let tried = judged(&end);
        match &tried {
            Ok(()) => tracing::info!(codec, engine, "this engine codes pictures"),
            Err(why) => tracing::info!(codec, engine, why, "this engine does not code pictures here"),
        }
        Ok(tried)
    }
}

/// The reason with ffmpeg's last words: of several the first has the cause, such as a library that is not there.
fn judged(end: &ChildEnd) -> Tried {
    if end.is_orderly() { Ok(()) } else { Err(end.to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::child::ChildrenConfig;
    use std::os::unix::fs::PermissionsExt;
    use std::path::{Path, PathBuf};
    use testkit::process::Place;

    /// An ffmpeg that writes down how it is called, and fails for all encoders but these.
    fn ffmpeg(place: &Place, works: &str) -> (PathBuf, PathBuf) {
        let (program, log) = (place.file("ffmpeg"), place.file("log"));
        let text = format!(
            "#!/bin/sh\necho \"$@\" >> {}\ncase \"$*\" in *{works}*) exit 0;; *hangs*) exec sleep 100;; esac\n\
             echo first >&2\necho 'Cannot load the driver' >&2\nexit 1\n",
            log.display()
        );
        std::fs::write(&program, text).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        (program, log)
    }

    fn engines(program: &Path, children: ChildrenConfig) -> Engines {
        let bin = program.display().to_string();
        Engines::of(
            &["cuda", "vaapi"],
            FfmpegConfig { bin, ..FfmpegConfig::default() },
            Children::new(children),
        )
    }

    fn run<Fut: Future<Output = ()>>(test: Fut) {
        let options = tokio::runtime::LocalOptions::default();
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build_local(options).unwrap();
        runtime.block_on(test);
    }

    fn tries(log: &Path) -> usize {
        std::fs::read_to_string(log).unwrap_or_default().lines().count()
    }

    #[test]
    fn the_first_engine_that_works_is_taken_and_each_is_tried_once() {
        run(async {
            let place = Place::new().unwrap();
            let (program, log) = ffmpeg(&place, "h264_vaapi");
            let engines = engines(&program, ChildrenConfig::default());
            // Many sources at once, and later ones: one try of each engine.
            let all = futures_util::future::join_all((0..8).map(|_| engines.find("h264"))).await;
            assert!(all.iter().all(|found| *found == Ok(Some("vaapi"))), "{all:?}");
            assert_eq!((engines.clone().find("h264").await, tries(&log)), (Ok(Some("vaapi")), 2));
            assert_eq!((engines.find("h265").await, tries(&log)), (Ok(None), 4));
            let works = |one: &TriedEngine| match &one.tried {
                Ok(()) => true,
                Err(why) => {
                    assert!(
                        why.contains("code 1") && why.ends_with("first; Cannot load the driver"),
                        "{why}"
                    );
                    false
                }
            };
            let all = engines.all().await;
            let tried: Vec<_> = all.iter().map(|one| (one.codec, one.engine, works(one))).collect();
            assert_eq!(
                tried,
                [
                    ("h264", "cuda", false),
                    ("h264", "vaapi", true),
                    ("h265", "cuda", false),
                    ("h265", "vaapi", false)
                ]
            );
            assert_eq!(tries(&log), 4);
        });
    }

    #[test]
    fn a_try_that_cannot_be_made_says_nothing_about_the_engine() {
        run(async {
            let place = Place::new().unwrap();
            let (program, log) = ffmpeg(&place, "h264_nvenc");
            let full = ChildrenConfig { children_max: 0, ..ChildrenConfig::default() };
            let engines = engines(&program, full);
            let error = engines.find("h264").await.unwrap_err();
            assert!(error.retry && error.message.contains("children.max"), "{error}");
            assert_eq!(tries(&log), 0);
            let missing = super::tests::engines(Path::new("/nowhere/ffmpeg"), ChildrenConfig::default());
            let error = missing.find("h264").await.unwrap_err();
            assert!(!error.retry && error.message.contains("no program /nowhere/ffmpeg"), "{error}");
            assert!(missing.all().await.iter().all(|one| one.tried.is_err()));
        });
    }

    #[test]
    fn a_driver_that_hangs_is_given_up_in_time_and_ended() {
        run(async {
            let place = Place::new().unwrap();
            let (program, _) = ffmpeg(&place, "nothing");
            let mut config = FfmpegConfig { bin: program.display().to_string(), ..FfmpegConfig::default() };
            config.templates.insert("h264/cuda".into(), "-c:v hangs".into());
            let children = Children::new(ChildrenConfig::default());
            let engines = Engines::of(&["cuda"], config, children.clone());
            let began = std::time::Instant::now();
            assert_eq!(engines.find("h264").await, Ok(None));
            assert!((4..8).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
            let [tried, ..] = &engines.all().await[..] else { panic!("nothing was tried") };
            assert!(tried.tried.as_ref().unwrap_err().contains("gave nothing for 5"), "{tried:?}");
            assert_eq!(children.reports().await, []);
        });
    }
}
