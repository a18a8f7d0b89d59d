//! Kafka's checkpoint files: a version, a count, and a line per entry.

/// The bytes of a checkpoint with these lines.
pub(crate) fn format(lines: impl ExactSizeIterator<Item = String>) -> Vec<u8> {
    let mut text = format!("0\n{}\n", lines.len());
    for line in lines {
        text.push_str(&line);
        text.push('\n');
    }
    text.into_bytes()
}

/// The entries of a checkpoint; none if it is not a whole one.
pub(crate) fn parse<T>(bytes: &[u8], entry: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    let mut lines = std::str::from_utf8(bytes).ok()?.lines();
    if lines.next()? != "0" {
        return None;
    }
    let count: usize = lines.next()?.parse().ok()?;
    let entries: Vec<T> = lines.map(entry).collect::<Option<_>>()?;
    (entries.len() == count).then_some(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_reads_back_and_a_cut_one_does_not() {
        let bytes = format(["a 0 12".to_owned(), "b 3 7".to_owned()].into_iter());
        assert_eq!(bytes, b"0\n2\na 0 12\nb 3 7\n");
        let line = |line: &str| Some(line.to_owned());
        assert_eq!(parse(&bytes, line).unwrap(), ["a 0 12", "b 3 7"]);
        for cut in 0..bytes.len() - 7 {
            assert!(parse(&bytes[..cut], line).is_none(), "{cut}");
        }
        assert!(parse(b"1\n0\n", line).is_none(), "another version");
    }
}
