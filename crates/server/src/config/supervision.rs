//! How failing sources are tried again: the section for all, and what one stream, source or device says of it.
use super::values::{Interval, not_zero};
use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How failing sources are tried again.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
#[garde(allow_unvalidated)]
pub struct SupervisionSection {
    /// Wait after the first failure.
    #[garde(custom(not_zero))]
    pub start: Interval,
    /// Each further wait is this many times the one before.
    #[garde(range(min = 1.0, max = 100.0))]
    pub factor: f64,
    /// Longest wait; not shorter than `start`.
    #[garde(custom(not_zero))]
    pub ceiling: Interval,
    /// Each wait is changed by up to this share at random, so that a hundred cameras do not come at once. 0 to 1.
    #[garde(range(min = 0.0, max = 1.0))]
    pub jitter: f64,
    /// A source that fails for this long in all gives up, until somebody asks for a retry. 0: never.
    pub budget: Interval,
    /// Media must flow for this long before a failure counts as the first again.
    pub steady: Interval,
}

impl Default for SupervisionSection {
    fn default() -> Self {
        let policy = hub::Policy::default();
        Self {
            start: Interval(policy.start),
            factor: policy.factor,
            ceiling: Interval(policy.ceiling),
            jitter: policy.jitter,
            budget: Interval(policy.budget.unwrap_or_default()),
            steady: Interval(policy.steady),
        }
    }
}

impl SupervisionSection {
    /// As the hub takes it.
    pub fn policy(&self) -> hub::Policy {
        hub::Policy {
            start: self.start.0,
            factor: self.factor,
            ceiling: self.ceiling.0,
            jitter: self.jitter,
            budget: Some(self.budget.0).filter(|budget| !budget.is_zero()),
            steady: self.steady.0,
        }
    }
}

/// How one stream's sources, one source or one device are tried again. What is left out is as around it.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct SupervisionPart {
    /// Wait after the first failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<Interval>,
    /// Each further wait is this many times the one before. 1 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factor: Option<f64>,
    /// Longest wait; not shorter than `start`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ceiling: Option<Interval>,
    /// Each wait is changed by up to this share at random. 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter: Option<f64>,
    /// Failing for this long in all, it gives up, until somebody asks for a retry. 0: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<Interval>,
    /// Media must flow for this long before a failure counts as the first again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steady: Option<Interval>,
}

impl SupervisionPart {
    /// The whole policy, with `around` for what is left out.
    pub fn over(&self, around: hub::Policy) -> Result<hub::Policy, api::PolicyError> {
        let time = |interval: Option<Interval>| interval.map(|interval| interval.0);
        let part = api::PolicyPart {
            start: time(self.start),
            factor: self.factor,
            ceiling: time(self.ceiling),
            jitter: self.jitter,
            budget: time(self.budget),
            steady: time(self.steady),
        };
        part.over(around)
    }
}
