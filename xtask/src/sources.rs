//! Rules about our own files: none too long, and none that names the machine it was written on.

use std::path::{Path, PathBuf};

/// Longest source file: 800 lines. The aim is 200; a file of four times that has become two things.
const LINES_MAX: usize = 800;

/// Folders without sources of ours.
const SKIPPED: [&str; 5] = ["target", ".git", "node_modules", "corpus", "artifacts"];

/// What is code, and so has a length limit.
const CODE: [&str; 9] = ["rs", "js", "mjs", "ts", "py", "css", "html", "sh", "toml"];

/// What else is text, and so is read for machine paths.
const TEXT: [&str; 6] = ["md", "yaml", "yml", "json", "lock", "txt"];

/// Paths that only exist on somebody's machine, each in two halves so that this file passes too.
const MACHINE_PATHS: [(&str, &str); 7] = [
    ("/ro", "ot/"),
    ("/ho", "me/"),
    ("/Us", "ers/"),
    ("/wo", "rk/wt"),
    ("/wo", "rk/main"),
    ("/wo", "rk/shared"),
    ("C:", "\\Users"),
];

/// What is wrong, one sentence each.
pub(crate) fn problems(root: &Path) -> Vec<String> {
    let mut files = Vec::new();
    collect(root, &mut files);
    files.sort();
    let mut problems = Vec::new();
    for path in files {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        problems.extend(file_problems(&name, &text));
    }
    problems
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            if !SKIPPED.iter().any(|skipped| entry.file_name() == *skipped) {
                collect(&path, files);
            }
        } else if kind.is_file() && (is(&path, &CODE) || is(&path, &TEXT)) {
            files.push(path);
        }
    }
}

fn is(path: &Path, extensions: &[&str]) -> bool {
    path.extension().and_then(|extension| extension.to_str()).is_some_and(|this| extensions.contains(&this))
}

fn file_problems(name: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let lines = text.lines().count();
    if is(Path::new(name), &CODE) && lines > LINES_MAX {
        problems.push(format!("{name} has {lines} lines; {LINES_MAX} is the limit"));
    }
    for (number, line) in text.lines().enumerate() {
        for (head, tail) in MACHINE_PATHS {
            let found = line.split(head).skip(1).any(|after| after.starts_with(tail));
            if found {
                problems.push(format!("{name}:{}: names a path of one machine: {head}{tail}…", number + 1));
            }
        }
    }
    if name == "Cargo.lock" {
        let elsewhere = |line: &&str| {
            line.starts_with("source = ")
                && !line.contains("registry+https://github.com/rust-lang/crates.io-index")
        };
        problems.extend(
            text.lines().filter(elsewhere).map(|line| format!("Cargo.lock: not from crates.io: {line}")),
        );
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_at_the_limit_passes_and_one_above_is_named() {
        assert!(file_problems("a.rs", &"x\n".repeat(LINES_MAX)).is_empty());
        assert_eq!(file_problems("a.rs", &"x\n".repeat(LINES_MAX + 1)).len(), 1);
        assert!(
            file_problems("Cargo.lock", &"x\n".repeat(LINES_MAX + 1)).is_empty(),
            "a lock file may be long"
        );
    }

    #[test]
    fn a_path_of_one_machine_is_named_with_its_line() {
        let text = format!("fine\nsee {}{}somebody/file\n", "/ho", "me/");
        assert!(file_problems("a.md", &text)[0].starts_with("a.md:2: "));
    }

    #[test]
    fn a_lock_file_may_only_name_crates_io() {
        assert_eq!(file_problems("Cargo.lock", "source = \"registry+https://example.org/index\"\n").len(), 1);
    }
}
