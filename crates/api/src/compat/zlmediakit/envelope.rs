//! What every answer is wrapped in: `{"code":0,…}`, HTTP status 200, written as jsoncpp writes for people: with tabs, names
//! in alphabetical order, ` : ` between name and value. Clients are known that look for the text.
use crate::answer;
use axum::response::Response;
use serde_json::{Map, Value};

/// What a call is answered with besides `code`, or why not.
pub(super) type Answered = Result<Map<String, Value>, Failure>;

/// ZLMediaKit's codes, as far as they are used here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Code {
    Other = -1,
    Auth = -100,
    InvalidArgs = -300,
    Exception = -400,
    NotFound = -500,
}

/// A call that failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Failure {
    pub(super) code: Code,
    pub(super) msg: String,
}

impl Failure {
    pub(super) fn other(msg: impl ToString) -> Self {
        Self { code: Code::Other, msg: msg.to_string() }
    }

    pub(super) fn invalid(msg: impl ToString) -> Self {
        Self { code: Code::InvalidArgs, msg: msg.to_string() }
    }

    pub(super) fn exception(msg: impl ToString) -> Self {
        Self { code: Code::Exception, msg: msg.to_string() }
    }

    pub(super) fn not_found(msg: impl ToString) -> Self {
        Self { code: Code::NotFound, msg: msg.to_string() }
    }
}

/// The fields of an answer.
pub(super) fn object(value: Value) -> Answered {
    match value {
        Value::Object(fields) => Ok(fields),
        data @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
            Ok(Map::from_iter([("data".to_owned(), data)]))
        }
    }
}

/// The answer to a call.
pub(super) fn answer(answered: Answered) -> Response {
    let mut fields = match answered {
        Ok(fields) => fields,
        Err(Failure { code, msg }) => {
            Map::from_iter([("code".to_owned(), (code as i32).into()), ("msg".to_owned(), msg.into())])
        }
    };
    fields.entry("code").or_insert_with(|| 0.into());
    answer::plain("application/json; charset=utf-8", styled(&Value::Object(fields)))
}

/// JSON in jsoncpp's style.
pub(super) fn styled(value: &Value) -> String {
    let mut text = String::new();
    write(&mut text, value, 0, true);
    text.push('\n');
    text
}

/// `on_own_line`: the line was begun for this value; else one with more than one line begins its own.
fn write(text: &mut String, value: &Value, depth: usize, on_own_line: bool) {
    let many = match value {
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    };
    if many && !on_own_line {
        line(text, depth);
    }
    match value {
        Value::Array(items) if many => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                comma(text, index);
                line(text, depth + 1);
                write(text, item, depth + 1, true);
            }
            line(text, depth);
            text.push(']');
        }
        Value::Object(fields) if many => {
            text.push('{');
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(name, _)| *name);
            for (index, (name, value)) in fields.into_iter().enumerate() {
                comma(text, index);
                line(text, depth + 1);
                text.push_str(&Value::from(name.as_str()).to_string());
                text.push_str(" : ");
                write(text, value, depth + 1, false);
            }
            line(text, depth);
            text.push('}');
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => text.push_str(&value.to_string()),
    }
}

fn comma(text: &mut String, index: usize) {
    if index > 0 {
        text.push(',');
    }
}

fn line(text: &mut String, depth: usize) {
    text.push('\n');
    text.extend(std::iter::repeat_n('\t', depth));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_is_written_with_tabs_and_each_bracket_on_a_line_of_its_own() {
        let value = json!({ "data": { "paths": ["a", { "b": 1.5 }], "none": [] }, "code": 0 });
        let text = "{\n\t\"code\" : 0,\n\t\"data\" : \n\t{\n\t\t\"none\" : [],\n\t\t\"paths\" : \n\t\t[\n\t\t\t\"a\",\n\t\t\t{\n\
                    \t\t\t\t\"b\" : 1.5\n\t\t\t}\n\t\t]\n\t}\n}\n";
        assert_eq!(styled(&value), text);
        assert_eq!(styled(&json!({})), "{}\n");
    }
}
