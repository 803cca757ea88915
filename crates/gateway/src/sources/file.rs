//! Files as cameras: `file:/path/clip.mp4` plays an MP4, MOV or FLV file in real time, again and again; `demo:` is
//! the clip that the server brings along.
//!
//! Owns nothing but its configuration: each attempt reads the file anew, off the worker's thread.
use bytes::Bytes;
use formats::replay::{Clip, Next, Replay, load};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use hub::{Connect, PeerInfo, SourceError, SourceTask};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Largest file: 1 GiB. It is held in memory while it plays; longer ones belong to a player that reads as it goes.
pub const FILE_BYTES_MAX: u64 = 1 << 30;

/// The end of what is played once is behind its last unit by this: 100 ms, time for a reader to take it.
const LAST_UNIT: std::time::Duration = std::time::Duration::from_millis(100);

/// Plays files and the demo clip.
#[derive(Clone, Debug)]
pub struct FileSources {
    demo: Bytes,
    roots: Option<Vec<PathBuf>>,
}

/// What a URL of ours asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Wanted {
    Demo,
    File(PathBuf),
}

impl FileSources {
    /// `demo`: the file that `demo:` plays. Any other file may be played that the process can read.
    pub fn new(demo: Bytes) -> Self {
        Self { demo, roots: None }
    }

    /// Only files below these directories may be played, links resolved.
    #[must_use]
    pub fn within(mut self, roots: Vec<PathBuf>) -> Self {
        self.roots = Some(roots);
        self
    }
}

/// `demo:`, `file:/path`, `file:///path` or `file:path` from the working directory; `%20` and the like are decoded.
fn parse(url: &str) -> Result<Wanted, SourceError> {
    let wrong = |what: &str| Err(SourceError::config(what));
    match url.split_once(':') {
        Some(("demo", "" | "//")) => Ok(Wanted::Demo),
        Some(("demo", _)) => wrong("the demo source has no options: write demo:"),
        Some(("file", rest)) => {
            if rest.contains('#') {
                return wrong("file sources have no options; write # in a file's name as %23");
            }
            let path = match rest.strip_prefix("//") {
                None => rest,
                Some(path) if path.starts_with('/') => path,
                Some(path) => match path.strip_prefix("localhost") {
                    Some(path) if path.starts_with('/') => path,
                    Some(_) | None => return wrong("file://host/… names another host; write file:/path"),
                },
            };
            match percent_encoding::percent_decode_str(path).decode_utf8() {
                Ok(path) if path.is_empty() || path.ends_with('/') => wrong("the file source names no file"),
                Ok(path) => Ok(Wanted::File(PathBuf::from(path.as_ref()))),
                Err(_) => wrong("the path of the file source is not UTF-8"),
            }
        }
        Some(_) | None => wrong("neither file: nor demo:"),
    }
}

impl Connect for FileSources {
    fn schemes(&self) -> &[&'static str] {
        &["file", "demo"]
    }

    fn check(&self, url: &str) -> Result<(), SourceError> {
        parse(url).map(|_| ())
    }

    fn peer(&self, url: &str) -> PeerInfo {
        let (protocol, remote) = match parse(url) {
            Ok(Wanted::File(path)) => ("file", path.to_string_lossy().into_owned()),
            Ok(Wanted::Demo) | Err(_) => ("demo", String::new()),
        };
        PeerInfo { protocol, remote, ..PeerInfo::default() }
    }

    fn repeats(&self, _: &str) -> bool {
        true
    }

    fn run(&self, task: SourceTask) -> LocalBoxFuture<'static, Result<(), SourceError>> {
        let sources = self.clone();
        async move {
            let wanted = parse(&task.url)?;
            // Reading and parsing may take a second for a large file; others live on this thread.
            let loading = tokio::task::spawn_blocking(move || sources.load(&wanted));
            let clip = loading.await.map_err(|_| SourceError::ours("reading the file was broken off"))??;
            play(clip, task).await
        }
        .boxed_local()
    }
}

impl FileSources {
    fn load(&self, wanted: &Wanted) -> Result<Clip, SourceError> {
        let (data, shown) = match wanted {
            Wanted::Demo => (self.demo.clone(), "the demo clip".into()),
            Wanted::File(path) => (self.read(path)?, path.to_string_lossy()),
        };
        // The file may be replaced by a better one, so another try may help.
        load(data).map_err(|error| SourceError::peer(format!("{shown}: {error}")))
    }

    fn read(&self, path: &Path) -> Result<Bytes, SourceError> {
        let shown = path.display();
        let failed = |error: std::io::Error| SourceError::peer(format!("{shown}: {error}"));
        let real = path.canonicalize().map_err(failed)?;
        if let Some(roots) = &self.roots {
            let allowed = roots.iter().filter_map(|root| root.canonicalize().ok());
            if !allowed.into_iter().any(|root| real.starts_with(root)) {
                return Err(SourceError::config(format!(
                    "{shown} is not below a directory that may be played"
                )));
            }
        }
        // A pipe or a device would block or never end.
        if !std::fs::metadata(&real).map_err(failed)?.is_file() {
            return Err(SourceError::config(format!("{shown} is no regular file")));
        }
        let file = std::fs::File::open(&real).map_err(failed)?;
        let mut data = Vec::new();
        // It may grow while it is read.
        file.take(FILE_BYTES_MAX + 1).read_to_end(&mut data).map_err(failed)?;
        if data.len() as u64 > FILE_BYTES_MAX {
            return Err(SourceError::config(format!("{shown} is larger than {FILE_BYTES_MAX} bytes")));
        }
        Ok(data.into())
    }
}

/// Publishes the units when they are due, until the source is told to stop or the stream takes no more.
async fn play(clip: Clip, task: SourceTask) -> Result<(), SourceError> {
    let SourceTask { mut publisher, mut stop, once, .. } = task;
    let mut replay = Replay::new(&clip.tracks, &clip.units).map_err(|e| SourceError::peer(e.to_string()))?;
    if once {
        replay = replay.once();
    }
    let Clip { tracks, units } = clip;
    // The replay has its own.
    drop(units);
    let playing = async {
        publisher.set_tracks(tracks).await?;
        loop {
            let now = hub::now();
            replay.set_wall_clock(now, hub::wall_now());
            match replay.poll(now) {
                Next::Unit(unit) => publisher.push(unit).await?,
                Next::WaitUntil(_) if replay.is_over() => {
                    // With the publisher what readers have not read yet goes.
                    tokio::time::sleep(LAST_UNIT).await;
                    return Ok(());
                }
                Next::WaitUntil(at) => {
                    let feedback = async {
                        // A file has its key frames where they are; only the end matters.
                        while publisher.feedback().await.is_ok() {}
                    };
                    tokio::select! {
                        () = hub::sleep_until(at) => {}
                        () = feedback => return Ok::<(), hub::Ended>(()),
                    }
                }
            }
        }
    };
    // The stream's end is an orderly end of ours, as is the word to stop.
    tokio::select! {
        _ = playing => Ok(()),
        () = stop.wanted() => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demo() -> FileSources {
        FileSources::new(Bytes::from_static(include_bytes!("../../../server/assets/demo.mp4")))
    }

    #[test]
    fn urls_name_a_path_in_each_of_the_usual_ways() {
        let file = |path: &str| Ok(Wanted::File(path.into()));
        assert_eq!(parse("file:/media/a%20b.mp4"), file("/media/a b.mp4"));
        assert_eq!(parse("file:///media/clip.flv"), file("/media/clip.flv"));
        assert_eq!(parse("file://localhost/clip.flv"), file("/clip.flv"));
        assert_eq!(parse("file:clips/clip.mp4"), file("clips/clip.mp4"));
        assert_eq!(parse("demo:"), Ok(Wanted::Demo));
        for wrong in
            ["file:", "file:/", "file://other/clip.mp4", "file:/a.mp4#video=copy", "demo:x", "file:/%ff"]
        {
            assert!(parse(wrong).is_err_and(|error| !error.retry), "{wrong}");
        }
    }

    #[test]
    fn only_regular_files_below_the_allowed_directories_are_read() {
        let directory = std::env::temp_dir().join(format!("aqueduct-file-source-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let clip = directory.join("clip.mp4");
        std::fs::write(&clip, &demo().demo).unwrap();
        let inside = demo().within(vec![directory.clone()]);
        let outside = demo().within(vec![directory.join("sub")]);
        let load = |sources: &FileSources, path: &Path| sources.load(&Wanted::File(path.into()));
        assert_eq!(load(&inside, &clip).unwrap().units.len(), 1_150);
        assert_eq!(load(&demo(), &clip).unwrap().units.len(), 1_150);
        assert!(load(&outside, &clip).is_err());
        let up = directory.join("../../etc/hostname");
        assert!(load(&inside, &up).is_err());
        assert!(load(&demo(), &directory).unwrap_err().message.ends_with("is no regular file"));
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
