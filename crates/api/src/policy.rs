//! A supervision policy as people say it: some of its values, the rest as in the one around it.
use hub::Policy;
use std::ops::RangeInclusive;
use std::time::Duration;

/// What the factor may be. Above 100 the second wait is the ceiling anyway.
const FACTORS: RangeInclusive<f64> = 1.0..=100.0;

/// Some values of a policy; what is `None` is as in the policy around it.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct PolicyPart {
    /// Wait after the first failure.
    pub start: Option<Duration>,
    /// Each further wait is this many times the one before.
    pub factor: Option<f64>,
    /// Longest wait. Unsaid, it is never shorter than `start`.
    pub ceiling: Option<Duration>,
    /// Share by which waits are changed at random.
    pub jitter: Option<f64>,
    /// Failing for this long in all, it gives up; zero: never.
    pub budget: Option<Duration>,
    /// Media must flow for this long before a failure counts as the first again.
    pub steady: Option<Duration>,
}

/// A value that no policy can have.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[error("{key} {why}")]
pub struct PolicyError {
    /// The value's name: `factor`.
    pub key: &'static str,
    /// What is wrong with it.
    pub why: String,
}

impl PolicyPart {
    /// The whole policy, with `around` for what is not said.
    pub fn over(&self, around: Policy) -> Result<Policy, PolicyError> {
        let wrong = |key, why: String| Err(PolicyError { key, why });
        let start = self.start.unwrap_or(around.start);
        let policy = Policy {
            start,
            factor: self.factor.unwrap_or(around.factor),
            ceiling: self.ceiling.unwrap_or(around.ceiling.max(start)),
            jitter: self.jitter.unwrap_or(around.jitter),
            budget: self.budget.map_or(around.budget, |budget| Some(budget).filter(|b| !b.is_zero())),
            steady: self.steady.unwrap_or(around.steady),
        };
        if policy.start.is_zero() {
            return wrong("start", "must be longer than 0".into());
        }
        if policy.ceiling < policy.start {
            let why = format!("is {:?}, shorter than start, {:?}", policy.ceiling, policy.start);
            return wrong("ceiling", why);
        }
        if !FACTORS.contains(&policy.factor) {
            let (least, most) = (FACTORS.start(), FACTORS.end());
            return wrong("factor", format!("must be {least} to {most}, not {}", policy.factor));
        }
        if !(0.0..=1.0).contains(&policy.jitter) {
            return wrong("jitter", format!("must be 0 to 1, not {}", policy.jitter));
        }
        Ok(policy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_as_around_it_and_the_ceiling_follows_the_start() {
        let around = Policy { factor: 3.0, budget: Some(Duration::from_secs(60)), ..Policy::default() };
        assert_eq!(PolicyPart::default().over(around), Ok(around));
        let slow = PolicyPart { start: Some(Duration::from_secs(90)), ..PolicyPart::default() };
        let policy = slow.over(around).unwrap();
        assert_eq!((policy.ceiling, policy.factor), (Duration::from_secs(90), 3.0));
        let never = PolicyPart { budget: Some(Duration::ZERO), ..PolicyPart::default() };
        assert_eq!(never.over(around).unwrap().budget, None);
    }

    #[test]
    fn values_that_cannot_be_are_named() {
        let ms = |ms| Some(Duration::from_millis(ms));
        for (part, said) in [
            (PolicyPart { start: ms(0), ..PolicyPart::default() }, "start must be longer than 0"),
            (
                PolicyPart { ceiling: ms(500), ..PolicyPart::default() },
                "ceiling is 500ms, shorter than start, 1s",
            ),
            (PolicyPart { factor: Some(0.5), ..PolicyPart::default() }, "factor must be 1 to 100, not 0.5"),
            (
                PolicyPart { factor: Some(f64::NAN), ..PolicyPart::default() },
                "factor must be 1 to 100, not NaN",
            ),
            (PolicyPart { jitter: Some(1.5), ..PolicyPart::default() }, "jitter must be 0 to 1, not 1.5"),
        ] {
            assert_eq!(part.over(Policy::default()).unwrap_err().to_string(), said);
        }
    }
}
