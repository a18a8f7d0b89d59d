//! The nearest of several words, for "did you mean".

/// The candidate with the least edit distance to `word`, if it is near enough to be what was meant.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    const WORD_LENGTH_MAX: usize = 128;
    if word.len() > WORD_LENGTH_MAX {
        return None;
    }
    let near = word.chars().count().div_ceil(3).max(1);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= WORD_LENGTH_MAX)
        .map(|candidate| (distance(&word.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= near)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (above, from) in left.chars().enumerate() {
        let mut diagonal = above;
        let mut before = above + 1;
        let mut next = vec![before];
        for (to, over) in right.iter().zip(row.iter().skip(1)) {
            let cost = usize::from(from != *to);
            before = (diagonal + cost).min(before + 1).min(over + 1);
            diagonal = *over;
            next.push(before);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_finger_are_found() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(nearest("conector", ["connector", "topic"]), Some("connector"));
        assert_eq!(nearest("USER_ID", ["user_id", "url"]), Some("user_id"));
        assert_eq!(nearest("zebra", ["connector", "topic"]), None);
        assert_eq!(nearest("", ["a"]), Some("a"));
    }
}
