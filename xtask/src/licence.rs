//! Licence expressions: is one acceptable, given the licences that are?
//!
//! Source: SPDX 2.3, Annex D, plus the `/` that old manifests write for `OR`. `AND` binds tighter than `OR`.

/// Whether the expression can be met with the allowed licences alone.
pub(crate) fn acceptable(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    let accepted = any(&mut rest, allowed);
    accepted && rest.is_empty() && !words.is_empty()
}

fn any(rest: &mut &[&str], allowed: &[String]) -> bool {
    let mut accepted = all(rest, allowed);
    while let ["OR", tail @ ..] = rest {
        *rest = tail;
        accepted |= all(rest, allowed);
    }
    accepted
}

fn all(rest: &mut &[&str], allowed: &[String]) -> bool {
    let mut accepted = one(rest, allowed);
    while let ["AND", tail @ ..] = rest {
        *rest = tail;
        accepted &= one(rest, allowed);
    }
    accepted
}

fn one(rest: &mut &[&str], allowed: &[String]) -> bool {
    match *rest {
        ["(", tail @ ..] => {
            *rest = tail;
            let accepted = any(rest, allowed);
            let [")", tail @ ..] = *rest else { return false };
            *rest = tail;
            accepted
        }
        [name, "WITH", exception, tail @ ..] => {
            *rest = tail;
            allowed.iter().any(|licence| *licence == format!("{name} WITH {exception}"))
        }
        [name, tail @ ..] => {
            *rest = tail;
            allowed.iter().any(|licence| licence == name)
        }
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok(expression: &str) -> bool {
        let allowed = ["MIT", "ISC", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned);
        acceptable(expression, &allowed)
    }

    #[test]
    fn one_side_of_a_choice_is_enough() {
        assert!(ok("MIT OR GPL-3.0") && ok("GPL-3.0/MIT") && ok("GPL-3.0 / MIT"));
        assert!(!ok("GPL-3.0 OR LGPL-2.1"));
    }

    #[test]
    fn every_side_of_a_conjunction_is_needed() {
        assert!(ok("ISC AND (Apache-2.0 OR OpenSSL) AND MIT"));
        assert!(!ok("ISC AND OpenSSL") && !ok("(MIT OR ISC) AND GPL-3.0"));
        assert!(ok("GPL-3.0 AND OpenSSL OR MIT"));
    }

    #[test]
    fn an_exception_is_a_licence_of_its_own() {
        assert!(ok("Apache-2.0 WITH LLVM-exception"));
        assert!(!ok("Apache-2.0 WITH Classpath-exception-2.0"));
    }

    #[test]
    fn nothing_and_nonsense_are_not_acceptable() {
        assert!(!ok("") && !ok("MIT ISC") && !ok("(MIT") && !ok("OR"));
    }
}
