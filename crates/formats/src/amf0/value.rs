//! One AMF0 value.

/// An AMF0 value. Objects keep the order of their properties.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// A double; AMF0 has no integers.
    Number(f64),
    /// A truth value.
    Bool(bool),
    /// A string, short or long; what is no UTF-8 was replaced.
    String(String),
    /// An object; typed ones lose their class name.
    Object(Vec<(String, Value)>),
    /// An associative array: an object with a count before it that nobody trusts.
    EcmaArray(Vec<(String, Value)>),
    /// An array by index.
    StrictArray(Vec<Value>),
    /// Milliseconds since the Unix epoch, UTC.
    Date(f64),
    /// Null.
    Null,
    /// Undefined; also what a reference or an unsupported value is read as.
    Undefined,
}

impl Value {
    /// An object with these properties.
    pub fn object<const N: usize>(properties: [(&str, Value); N]) -> Self {
        Value::Object(properties.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }

    /// The text, if it is a string.
    pub fn as_str(&self) -> Option<&str> {
        if let Value::String(text) = self { Some(text) } else { None }
    }

    /// The number, if it is one.
    pub const fn as_number(&self) -> Option<f64> {
        if let Value::Number(number) = self { Some(*number) } else { None }
    }

    /// The truth value, if it is one.
    pub const fn as_bool(&self) -> Option<bool> {
        if let Value::Bool(truth) = self { Some(*truth) } else { None }
    }

    /// The properties of an object or associative array; empty for anything else.
    pub fn properties(&self) -> &[(String, Value)] {
        match self {
            Value::Object(properties) | Value::EcmaArray(properties) => properties,
            Value::Number(_)
            | Value::Bool(_)
            | Value::String(_)
            | Value::StrictArray(_)
            | Value::Date(_)
            | Value::Null
            | Value::Undefined => &[],
        }
    }

    /// The property of this name of an object or associative array.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.properties().iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Value::Number(number)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Value::Bool(truth)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::String(text.to_owned())
    }
}
