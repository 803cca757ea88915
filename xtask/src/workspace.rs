//! Where things are: the workspace's root and its target directory, and the `cargo` that started us.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The checkout that `cargo xtask` was called in.
pub(crate) struct Workspace {
    /// The folder with the workspace's `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// What cargo builds into.
    pub(crate) target: PathBuf,
}

impl Workspace {
    /// Asks cargo, so that `CARGO_TARGET_DIR` and config files count.
    pub(crate) fn find() -> Result<Self, String> {
        let metadata = metadata(&["--no-deps"])?;
        let path = |key: &str| metadata.get(key).and_then(|value| value.as_str()).map(PathBuf::from);
        match (path("workspace_root"), path("target_directory")) {
            (Some(root), Some(target)) => Ok(Self { root, target }),
            _ => Err("cargo metadata names no workspace root".into()),
        }
    }

    /// A `cargo` command in the root. The same cargo that started us, so the toolchain is the same.
    pub(crate) fn cargo(&self, args: &[&str]) -> Command {
        let mut command = cargo();
        command.args(args).current_dir(&self.root);
        command
    }

    /// `cargo` with these arguments, which lets everybody else go first.
    pub(crate) fn patient_cargo(&self, args: &[&str]) -> Command {
        let mut command = self.program("nice", &["-n", "19"]);
        command.arg(cargo().get_program()).args(args);
        command
    }

    /// Any other program, in the root.
    pub(crate) fn program(&self, program: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(&self.root);
        command
    }

    /// Where installed peers and prepared clips live; `testkit::peers` looks in the same place.
    pub(crate) fn peers(&self) -> PathBuf {
        self.target.join("peers")
    }

    /// A file's path as it is written in messages.
    pub(crate) fn relative<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }
}

fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// `cargo metadata` with these arguments, parsed.
pub(crate) fn metadata(args: &[&str]) -> Result<serde_json::Value, String> {
    let output = cargo()
        .args(["metadata", "--format-version", "1"])
        .args(args)
        .output()
        .map_err(|error| format!("cargo metadata: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo metadata: {error}"))
}
