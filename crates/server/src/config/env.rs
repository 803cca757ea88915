//! `${NAME}` and `${NAME:default}` in values.
//!
//! Source: go2rtc's configuration: the `env` section first, then systemd credentials, then the environment.
use super::Problem;
use super::yaml::{Kind, Node, Sort};
use std::collections::BTreeMap;

/// Where values come from.
pub(crate) struct Environment {
    /// The `env` section of the files.
    pub(crate) section: BTreeMap<String, String>,
    /// Everything else.
    pub(crate) outer: fn(&str) -> Option<String>,
}

/// The process's environment, after systemd's credentials (systemd.exec, `LoadCredential=`).
pub(crate) fn of_process(name: &str) -> Option<String> {
    let credential = std::env::var_os("CREDENTIALS_DIRECTORY")
        .filter(|_| !name.contains(['/', '\0']))
        .and_then(|folder| std::fs::read_to_string(std::path::Path::new(&folder).join(name)).ok());
    credential.map(|text| text.trim_end_matches(['\r', '\n']).to_owned()).or_else(|| std::env::var(name).ok())
}

impl Environment {
    /// Replaces every reference in the tree.
    pub(crate) fn substitute(&self, node: &mut Node, problems: &mut Vec<Problem>) {
        match &mut node.kind {
            Kind::Null => {}
            Kind::Scalar(scalar) => {
                if scalar.sort == Sort::Text && scalar.text.contains("${") {
                    match self.expand(&scalar.text) {
                        Ok(text) => scalar.text = text,
                        Err(name) => problems.push(Problem {
                            mark: Some(node.mark.clone()),
                            message: format!(
                                "the environment has no {name}: set it, or write ${{{name}:default}} with what else to take"
                            ),
                            quotes: false,
                        }),
                    }
                }
            }
            Kind::Sequence(items) => items.iter_mut().for_each(|item| self.substitute(item, problems)),
            Kind::Map(entries) => {
                entries.iter_mut().for_each(|entry| self.substitute(&mut entry.value, problems));
            }
        }
    }

    fn expand(&self, text: &str) -> Result<String, String> {
        let mut expanded = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            expanded.push_str(before);
            let Some((reference, behind)) = after.split_once('}') else {
                expanded.push_str("${");
                rest = after;
                continue;
            };
            let (name, default) = match reference.split_once(':') {
                Some((name, default)) => (name, Some(default)),
                None => (reference, None),
            };
            let value = self.section.get(name).cloned().or_else(|| (self.outer)(name));
            match (value, default) {
                (Some(value), _) => expanded.push_str(&value),
                (None, Some(default)) => expanded.push_str(default),
                (None, None) => return Err(name.to_owned()),
            }
            rest = behind;
        }
        expanded.push_str(rest);
        Ok(expanded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_take_the_section_then_the_environment_then_the_default() {
        let section = BTreeMap::from([("A".to_owned(), "a".to_owned())]);
        let outer = |name: &str| (name == "B").then(|| "b".to_owned());
        let environment = Environment { section, outer };
        assert_eq!(environment.expand("x${A}-${B:c}-${C:c:d}$y"), Ok("xa-b-c:d$y".to_owned()));
        assert_eq!(environment.expand("${open"), Ok("${open".to_owned()));
        assert_eq!(environment.expand("${C}"), Err("C".to_owned()));
    }
}
