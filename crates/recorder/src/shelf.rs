//! Readers of storages for those who must not wait for disks: a thread for each storage, which answers one question after
//! the other. Recording never waits for it, nor it for recording.
use crate::library::Library;
use crate::recorder::Recorder;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Questions that wait for one storage; whoever asks waits beyond that.
const QUESTIONS: usize = 64;
/// A disk that has not answered after so long is told to be at fault: 10 s.
const ANSWER_MAX: Duration = Duration::from_secs(10);

type Question = Box<dyn FnOnce(Result<&Library, String>) + Send>;

/// Why a storage could not be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("storage {storage}: {reason}")]
pub struct ShelfError {
    /// The storage's name.
    pub storage: String,
    /// What is wrong.
    pub reason: String,
}

/// All storages, open for reading. Cheap to clone.
#[derive(Clone)]
pub struct Shelves(Arc<[Shelf]>);

struct Shelf {
    name: String,
    root: PathBuf,
    questions: mpsc::Sender<Question>,
}

impl Shelves {
    /// Opens the storages of a recorder.
    pub fn new(recorder: &Recorder) -> Self {
        let shelf = |storage: &crate::StorageHandle| Shelf::start(storage.name(), storage.report().path);
        Self(recorder.storages().iter().map(shelf).collect())
    }

    /// The storages' names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|shelf| shelf.name.as_str())
    }

    /// The folder of a storage.
    pub fn root(&self, storage: usize) -> Option<&Path> {
        self.0.get(storage).map(|shelf| shelf.root.as_path())
    }

    /// Asks one storage.
    pub async fn ask<T: Send + 'static>(
        &self,
        storage: usize,
        question: impl FnOnce(&Library) -> Result<T, String> + Send + 'static,
    ) -> Result<T, ShelfError> {
        let Some(shelf) = self.0.get(storage) else {
            return Err(ShelfError {
                storage: storage.to_string(),
                reason: "there is no such storage".into(),
            });
        };
        let error = |reason: String| ShelfError { storage: shelf.name.clone(), reason };
        let (reply, answer) = oneshot::channel();
        let asked: Question = Box::new(move |library| {
            // Whoever asked may have given up waiting.
            let _ = reply.send(library.and_then(question));
        });
        let answered = async {
            shelf.questions.send(asked).await.map_err(|_| "its reader has ended".to_owned())?;
            answer.await.map_err(|_| "its reader could not answer".to_owned())?
        };
        match tokio::time::timeout(ANSWER_MAX, answered).await {
            Ok(answered) => answered.map_err(error),
            Err(_) => Err(error(format!("the disk has not answered for {} s", ANSWER_MAX.as_secs()))),
        }
    }

    /// Asks all storages; those that cannot be read are left out, and named.
    pub async fn ask_all<T: Send + 'static>(
        &self,
        question: impl Fn(&Library) -> Result<T, String> + Clone + Send + 'static,
    ) -> (Vec<(usize, T)>, Vec<ShelfError>) {
        let (mut answers, mut errors) = (Vec::new(), Vec::new());
        for storage in 0..self.0.len() {
            match self.ask(storage, question.clone()).await {
                Ok(answer) => answers.push((storage, answer)),
                Err(error) => errors.push(error),
            }
        }
        (answers, errors)
    }
}

impl Shelf {
    fn start(name: &str, root: PathBuf) -> Self {
        let (questions, asked) = mpsc::channel(QUESTIONS);
        let place = root.clone();
        let thread = std::thread::Builder::new().name(format!("shelf-{name}"));
        // Without a thread, every question is answered that the reader has ended.
        if let Err(error) = thread.spawn(move || answer_all(&place, asked)) {
            tracing::error!(storage = name, %error, "the reader of a storage could not start");
        }
        Self { name: name.to_owned(), root, questions }
    }
}

fn answer_all(root: &Path, mut asked: mpsc::Receiver<Question>) {
    let mut library = None;
    while let Some(question) = asked.blocking_recv() {
        // A disk that was away has another index when it is back.
        if library.as_ref().is_some_and(|library: &Library| !library.is_there()) {
            library = None;
        }
        let known = match library.take() {
            Some(known) => Ok(known),
            None => Library::open(root).map_err(|error| error.to_string()),
        };
        match known {
            Ok(known) => {
                question(Ok(&known));
                library = Some(known);
            }
            Err(error) => question(Err(error)),
        }
    }
}
