//! The file on the disk: read whole, written whole.
//!
//! It is written beside itself, brought to the disk and then put in its place, so that there is always a whole one, whatever
//! moment the process or the machine ends at.
use super::SecretsError;
use super::record::Records;
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Its owner reads and writes it, nobody else does either.
const MODE: u32 = 0o600;
/// So for the folder, when it is we who make it.
const FOLDER_MODE: u32 = 0o700;
/// Longest file that is read: 4 MiB. A thousand pairings take 300 KiB.
const BYTES_MAX: u64 = 4 << 20;

fn system(path: &Path, what: &'static str) -> impl Fn(std::io::Error) -> SecretsError {
    let path = path.display().to_string();
    move |error| SecretsError::System { path: path.clone(), what, why: error.to_string() }
}

/// What is kept; nothing where there is no file. A file that others may read is closed to them.
pub(super) fn read(path: &Path) -> Result<Records, SecretsError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Records::default()),
        Err(error) => return Err(system(path, "it cannot be opened")(error)),
    };
    let about = file.metadata().map_err(system(path, "it cannot be looked at"))?;
    let damaged = |why: String| SecretsError::Damaged { path: path.display().to_string(), why };
    if !about.is_file() || about.len() > BYTES_MAX {
        return Err(damaged(format!("this is no file of at most {BYTES_MAX} bytes")));
    }
    let mode = about.permissions().mode() & 0o777;
    if mode & !MODE != 0 {
        let closed = file.set_permissions(Permissions::from_mode(MODE));
        closed.map_err(system(path, "others may read it, and that cannot be changed"))?;
        tracing::warn!(
            path = %path.display(),
            mode = format!("{mode:03o}"),
            "others could read HomeKit's keys: the file is now its owner's alone; if somebody did, pair everything again"
        );
    }
    let mut text = String::new();
    match file.read_to_string(&mut text) {
        Ok(_) => Records::from_json(&text).map_err(damaged),
        Err(error) if error.kind() == ErrorKind::InvalidData => Err(damaged("this is no text".to_owned())),
        Err(error) => Err(system(path, "it cannot be read")(error)),
    }
}

/// Keeps this in place of what is there.
pub(super) fn write(path: &Path, records: &Records) -> Result<(), SecretsError> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        Some(_) | None => Path::new("."),
    };
    let made = DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder);
    made.map_err(system(path, "its folder cannot be made"))?;
    let beside = beside(path);
    match std::fs::remove_file(&beside) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(system(path, "what an earlier write left cannot be removed")(error)),
    }
    let written = || -> std::io::Result<()> {
        // made anew, so that nobody else can have it open
        let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&beside)?;
        file.write_all(records.to_json().as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&beside, path)?;
        File::open(folder)?.sync_all()
    };
    written().map_err(system(path, "it cannot be written"))
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    path.with_file_name(name)
}
