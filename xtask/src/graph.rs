//! Dependencies: none that deny.toml bans, exactly one aws-lc-rs, and only licences that it allows.
//!
//! deny.toml stays the only place where the lists are written; this reads the two it needs, so that
//! `cargo deny` is not a requirement. What is built comes from `cargo tree` with all features and targets:
//! Cargo.lock also lists what no feature switches on.

use crate::licence;
use std::collections::BTreeSet;

/// The crate that there must be exactly one version of.
const CRYPTO: &str = "aws-lc-rs";

/// Arguments of `cargo` whose output [`problems`] reads.
pub(crate) const TREE: [&str; 11] = [
    "tree",
    "--workspace",
    "--all-features",
    "--target",
    "all",
    "--edges",
    "normal,build,dev",
    "--prefix",
    "none",
    "--format",
    "{p}|{l}",
];

/// What is wrong with the tree, one sentence each.
pub(crate) fn problems(deny_toml: &str, tree: &str) -> Vec<String> {
    let banned = strings(deny_toml, "[bans]", "deny", Some("crate"));
    let allowed = strings(deny_toml, "[licenses]", "allow", None);
    let mut problems = Vec::new();
    if banned.is_empty() || allowed.is_empty() {
        problems.push("deny.toml: the list of bans or of licences is empty or cannot be read".to_owned());
    }
    let packages = packages(tree);
    for (name, version, licence) in &packages {
        if banned.iter().any(|ban| ban == name) {
            problems.push(format!("{name} {version} is banned (cargo tree --target all -i {name})"));
        }
        if !licence::acceptable(licence, &allowed) {
            problems.push(format!(
                "{name} {version} has the licence `{licence}`, which deny.toml does not allow"
            ));
        }
    }
    let stacks = packages.iter().filter(|(name, ..)| name == CRYPTO).count();
    if stacks != 1 {
        problems.push(format!("{stacks} versions of {CRYPTO} are built, not exactly one"));
    }
    problems
}

/// Name, version and licence of everything in the tree.
fn packages(tree: &str) -> BTreeSet<(String, String, String)> {
    tree.lines()
        .filter_map(|line| {
            let (package, licence) = line.split_once('|')?;
            let mut words = package.split_whitespace();
            let licence = licence.trim_end().trim_end_matches("(*)").trim_end();
            Some((words.next()?.to_owned(), words.next()?.to_owned(), licence.to_owned()))
        })
        .collect()
}

/// The strings of `key = [ … ]` in a section; with `field`, those of `{ field = "…" }`.
fn strings(toml: &str, section: &str, key: &str, field: Option<&str>) -> Vec<String> {
    let open = format!("{key} = [");
    let lines = toml.lines().map(str::trim).skip_while(|line| *line != section).skip(1);
    lines
        .take_while(|line| !line.starts_with('[') || line.starts_with("[\""))
        .skip_while(|line| *line != open)
        .skip(1)
        .take_while(|line| *line != "]")
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let line = match field {
                Some(field) => line.split_once(field)?.1,
                None => line,
            };
            line.split('"').nth(1).map(str::to_owned)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DENY: &str = "[bans]\nwildcards = \"deny\"\ndeny = [\n    # why\n    { crate = \"ring\" },\n]\n\n\
        [licenses]\nallow = [\n    \"MIT\",\n    \"ISC\",\n]\n";

    #[test]
    fn a_clean_tree_has_no_problem() {
        let tree = "bytes v1.12.0|MIT\nbytes v1.12.0|MIT (*)\naws-lc-rs v1.19.0|ISC AND (MIT OR GPL-3.0)\n\n";
        assert_eq!(problems(DENY, tree), Vec::<String>::new());
    }

    #[test]
    fn a_banned_crate_a_licence_and_a_second_crypto_version_are_each_named() {
        let tree = "ring v0.17.0|ISC\nlibx v1.0.0|GPL-3.0\naws-lc-rs v1.19.0|ISC\naws-lc-rs v2.0.0|ISC\n";
        let problems = problems(DENY, tree);
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(problems.iter().any(|problem| problem.starts_with("ring v0.17.0 is banned")));
        assert!(problems.iter().any(|problem| problem.contains("`GPL-3.0`")));
        assert!(problems.iter().any(|problem| problem.starts_with("2 versions")));
    }

    #[test]
    fn the_projects_own_lists_can_be_read() {
        let deny = include_str!("../../deny.toml");
        assert!(strings(deny, "[bans]", "deny", Some("crate")).contains(&"openssl-sys".to_owned()));
        assert!(strings(deny, "[licenses]", "allow", None).contains(&"Unicode-3.0".to_owned()));
    }
}
