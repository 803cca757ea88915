//! Which crate may see which: the table in ARCHITECTURE.md against `cargo metadata`.
//!
//! A row is `| crate | may see | never sees |`. `may see` lists our crates, or `all`; `never sees` may
//! name packages, and those that exist are forbidden as direct dependencies. Dependencies of tests are free,
//! and so is `xtask`, which is not part of the product.

use serde_json::Value;
use std::collections::BTreeMap;

/// One crate's rights.
#[derive(Debug, PartialEq)]
struct Row {
    everything: bool,
    may_see: Vec<String>,
    never_sees: Vec<String>,
}

/// What is wrong, one sentence each.
pub(crate) fn problems(architecture: &str, metadata: &Value) -> Vec<String> {
    let rows = table(architecture);
    if rows.is_empty() {
        return vec!["ARCHITECTURE.md has no table `| crate | may see | never sees |`".into()];
    }
    let crates = crates(metadata);
    let mut problems = Vec::new();
    for (name, dependencies) in &crates {
        let Some(row) = rows.get(name) else {
            problems.push(format!("crate {name} has no row in ARCHITECTURE.md's table of allowed edges"));
            continue;
        };
        for dependency in dependencies {
            let ours = crates.contains_key(dependency);
            if ours && !row.everything && !row.may_see.contains(dependency) {
                problems.push(format!("{name} depends on {dependency}, which its row does not allow"));
            }
            if row.never_sees.contains(dependency) {
                problems.push(format!("{name} depends on {dependency}, which its row forbids"));
            }
        }
    }
    problems
}

fn table(architecture: &str) -> BTreeMap<String, Row> {
    let mut lines = architecture
        .lines()
        .map(cells)
        .skip_while(|cells| !matches!(cells.as_slice(), [a, b, ..] if *a == "crate" && *b == "may see"));
    lines.next();
    lines
        .skip(1)
        .map_while(|cells| match cells.as_slice() {
            [name, may_see, rest @ ..] => {
                let row = Row {
                    everything: *may_see == "all",
                    may_see: names(may_see),
                    never_sees: rest.first().map(|cell| names(cell)).unwrap_or_default(),
                };
                Some((name.to_string(), row))
            }
            _ => None,
        })
        .collect()
}

fn cells(line: &str) -> Vec<&str> {
    let line = line.trim();
    match line.strip_prefix('|') {
        Some(inner) => {
            inner.trim_end_matches('|').split('|').map(|cell| cell.trim().trim_matches('`')).collect()
        }
        None => Vec::new(),
    }
}

/// The single words of a comma-separated cell: `tokio, sockets` names two, `everything but bytes` none.
fn names(cell: &str) -> Vec<String> {
    let cell = cell.split(':').next().unwrap_or(cell);
    cell.split(',')
        .map(|name| name.trim().trim_matches('`'))
        .filter(|name| !name.contains(' '))
        .map(Into::into)
        .collect()
}

/// Our crates by folder name, each with what it needs outside tests: ours by folder name, others by package name.
fn crates(metadata: &Value) -> BTreeMap<String, Vec<String>> {
    let text =
        |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let list =
        |value: &Value, key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let short = |name: String| name.strip_prefix("aqueduct-").map(str::to_owned).unwrap_or(name);
    list(metadata, "packages")
        .iter()
        .map(|package| {
            let dependencies = list(package, "dependencies")
                .iter()
                .filter(|dependency| dependency.get("kind").and_then(Value::as_str) != Some("dev"))
                .map(|dependency| short(text(dependency, "name")))
                .collect();
            (short(text(package, "name")), dependencies)
        })
        .filter(|(name, _)| name != "xtask")
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "words\n\n| crate | may see | never sees |\n|---|---|---|\n| media | – | everything but `bytes` |\n\
        | hub | media | formats: why |\n| `server` | all | openssl, clocks |\n\n| other | table |\n";

    fn package(name: &str, dependencies: &[&str]) -> Value {
        let dependencies: Vec<Value> =
            dependencies.iter().map(|name| serde_json::json!({ "name": name, "kind": null })).collect();
        serde_json::json!({ "name": name, "dependencies": dependencies })
    }

    fn check(packages: &[Value]) -> Vec<String> {
        problems(TABLE, &serde_json::json!({ "packages": packages }))
    }

    #[test]
    fn allowed_edges_are_fine() {
        let media = package("aqueduct-media", &["bytes"]);
        let hub = package("aqueduct-hub", &["aqueduct-media", "tokio"]);
        let server = package("aqueduct-server", &["aqueduct-media", "aqueduct-hub"]);
        assert_eq!(check(&[media, hub, server]), Vec::<String>::new());
    }

    #[test]
    fn an_edge_that_the_table_lacks_is_named() {
        let media = package("aqueduct-media", &["aqueduct-hub"]);
        let hub = package("aqueduct-hub", &[]);
        assert_eq!(check(&[media, hub]), ["media depends on hub, which its row does not allow"]);
    }

    #[test]
    fn a_package_that_the_row_forbids_is_named() {
        let server = package("aqueduct-server", &["openssl"]);
        assert_eq!(check(&[server]), ["server depends on openssl, which its row forbids"]);
    }

    #[test]
    fn a_crate_without_a_row_is_named() {
        assert_eq!(check(&[package("aqueduct-new", &[])]).len(), 1);
    }

    #[test]
    fn dependencies_of_tests_are_free() {
        let mut hub = package("aqueduct-hub", &["aqueduct-server"]);
        hub["dependencies"][0]["kind"] = "dev".into();
        assert_eq!(check(&[hub, package("aqueduct-server", &[])]), Vec::<String>::new());
    }
}
