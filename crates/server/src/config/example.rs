//! The example file and the JSON schema, both made from [`Config`]: a setting is documented where it is defined.
use super::{Config, without_file, yaml};
use serde_json::Value;
use std::fmt::Write;

/// Width of comment lines.
const WIDTH: usize = 110;

/// The schema of the configuration, for editors.
pub fn schema() -> String {
    let schema = schemars::schema_for!(Config);
    // A schema is JSON already: writing it cannot fail.
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

/// Every setting with its default and its meaning. Used as it is, it changes nothing.
pub fn example() -> String {
    let schema = schemars::schema_for!(Config).to_value();
    let mut text = String::new();
    comment(&mut text, "", schema["description"].as_str().unwrap_or_default());
    let mut path: Vec<String> = Vec::new();
    for line in yaml::write(&without_file()).lines() {
        let indent = line.len() - line.trim_start().len();
        let key = line.trim_start().split(':').next().unwrap_or_default();
        path.truncate(indent / 2);
        path.push(key.to_owned());
        if let Some(description) = describe(&schema, &path) {
            if indent == 0 {
                text.push('\n');
            }
            comment(&mut text, &line[..indent], description);
        }
        let _ = writeln!(text, "{line}");
    }
    text
}

fn describe<'a>(schema: &'a Value, path: &[String]) -> Option<&'a str> {
    let mut at = schema;
    for key in path {
        at = at.get("properties")?.get(key)?;
    }
    at.get("description")?.as_str()
}

/// Writes a description as comment lines of at most [`WIDTH`] columns; paragraphs stay apart.
fn comment(text: &mut String, indent: &str, description: &str) {
    for paragraph in description.split("\n\n") {
        let mut line = format!("{indent}#");
        for word in paragraph.split_whitespace() {
            if line.chars().count() + 1 + word.chars().count() > WIDTH {
                let _ = writeln!(text, "{line}");
                line = format!("{indent}#");
            }
            line.push(' ');
            line.push_str(word);
        }
        let _ = writeln!(text, "{line}");
    }
}
