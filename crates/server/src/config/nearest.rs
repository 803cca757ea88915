//! The known word that an unknown one was probably meant to be.

/// Most edits between what was written and what was meant: a third of the word, and at least one.
fn edits_max(word: &str) -> usize {
    (word.chars().count() / 3).max(1)
}

/// The nearest of the known words, if one is near.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let lower = word.to_lowercase().replace('-', "_");
    let with_distance = known.iter().map(|&known| (distance(&lower, &known.to_lowercase()), known));
    let (distance, near) = with_distance.min_by_key(|(distance, _)| *distance)?;
    (distance <= edits_max(word)).then_some(near)
}

/// Insertions, deletions, changes and swaps of neighbours between two words (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let change = usize::from(a[i - 1] != b[j - 1]);
            row[j] = (above[j] + 1).min(row[j - 1] + 1).min(above[j - 1] + change);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_finds_its_word_and_nonsense_finds_none() {
        let known = ["listen", "username", "default_query"];
        assert_eq!(nearest("lisen", &known), Some("listen"));
        assert_eq!(nearest("litsen", &known), Some("listen"));
        assert_eq!(nearest("default-query", &known), Some("default_query"));
        assert_eq!(nearest("Username", &known), Some("username"));
        assert_eq!(nearest("frobnicate", &known), None);
        assert_eq!(nearest("", &[]), None);
    }
}
