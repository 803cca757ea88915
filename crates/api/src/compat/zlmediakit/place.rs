//! Where a caller wants files to be, told from where they may be: below a storage's folder, and nowhere else.
use super::envelope::Failure;
use crate::shared::Shared;
use recorder::{PathTemplate, RecordPlan};
use std::path::{Component, Path, PathBuf};

/// A folder or file below a storage's folder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Place {
    /// The storage's name; `None`: whichever.
    pub(super) storage: Option<String>,
    /// Below its folder, without a slash at either end; empty for that folder itself.
    pub(super) below: String,
}

/// The folder of a storage as it is from anywhere.
pub(super) fn root(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// The place that a parameter names: a path below a storage's folder, whole or without that folder.
pub(super) fn of(shared: &Shared, key: &str, text: &str) -> Result<Place, Failure> {
    let storages = shared.recorder.storage_reports();
    let roots: Vec<(String, PathBuf)> =
        storages.into_iter().map(|storage| (storage.name, root(&storage.path))).collect();
    find(&roots, text).ok_or_else(|| {
        let folders: Vec<String> = roots.iter().map(|(_, root)| root.display().to_string()).collect();
        Failure::invalid(format!(
            "{key}={text}: files are written below a storage's folder only ({}); write a path below it, without `..`, `{{` \
             and names that begin with a dot",
            if folders.is_empty() { "there is none".to_owned() } else { folders.join(", ") }
        ))
    })
}

fn find(roots: &[(String, PathBuf)], text: &str) -> Option<Place> {
    let path = Path::new(text);
    let (storage, below) = if path.is_absolute() {
        let (name, below) =
            roots.iter().find_map(|(name, root)| Some((name, path.strip_prefix(root).ok()?)))?;
        (Some(name.clone()), below)
    } else {
        (None, path)
    };
    let mut parts = Vec::new();
    for part in below.components() {
        match part {
            Component::Normal(part) => parts.push(part.to_str()?),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    let odd = |part: &&str| {
        part.starts_with('.') || part.contains(['{', '}', '\\']) || part.chars().any(char::is_control)
    };
    (!parts.iter().any(odd)).then(|| Place { storage, below: parts.join("/") })
}

impl Place {
    /// Lets a recording go there.
    pub(super) fn put_into(self, plan: &mut RecordPlan) -> Result<(), Failure> {
        if !self.below.is_empty() {
            let path = format!("{}/{}", self.below, plan.path.as_str());
            plan.path = PathTemplate::new(&path).map_err(Failure::invalid)?;
        }
        plan.storage = self.storage.or_else(|| plan.storage.take());
        Ok(())
    }

    /// True for a file, below the folder of storage `storage`, that is in here.
    pub(super) fn holds(&self, storage: &str, file: &str) -> bool {
        let within = || file.strip_prefix(self.below.as_str()).is_some_and(|rest| rest.starts_with('/'));
        self.storage.as_deref().is_none_or(|name| name == storage) && (self.below.is_empty() || within())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_below_a_storages_folder_or_none() {
        let roots =
            [("main".to_owned(), PathBuf::from("/rec")), ("usb".to_owned(), PathBuf::from("/mnt/usb"))];
        let find = |text| find(&roots, text).map(|place| (place.storage.unwrap_or_default(), place.below));
        let is = |storage: &str, below: &str| Some((storage.to_owned(), below.to_owned()));
        assert_eq!(find("/mnt/usb/a/b/"), is("usb", "a/b"));
        assert_eq!(find("/rec"), is("main", ""));
        assert_eq!(find("./a//b"), is("", "a/b"));
        for outside in [
            "/etc",
            "/recordings",
            "/rec/../etc",
            "../x",
            "a/../b",
            ".aqueduct",
            "/rec/.aqueduct/x",
            "a/{stream}",
            "a\n",
        ] {
            assert_eq!(find(outside), None, "{outside}");
        }
    }

    #[test]
    fn a_place_holds_what_is_in_it_and_not_what_begins_alike() {
        let place = Place { storage: Some("main".into()), below: "a/b".into() };
        assert!(place.holds("main", "a/b/cam/1.mp4"));
        assert!(!place.holds("main", "a/bc/1.mp4") && !place.holds("usb", "a/b/1.mp4"));
        assert!(Place { storage: None, below: String::new() }.holds("usb", "x.mp4"));
    }
}
